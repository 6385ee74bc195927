//! Names of the machine's users and groups, for `users-groups-by-id@openssh.com`.

use std::collections::HashMap;
use std::sync::OnceLock;

/// The names of these users; an unknown one is empty.
pub(super) fn users(numbers: &[u32]) -> Vec<Vec<u8>> {
    static USERS: OnceLock<HashMap<u32, Vec<u8>>> = OnceLock::new();
    look_up(USERS.get_or_init(|| read("/etc/passwd")), numbers)
}

/// The names of these groups; an unknown one is empty.
pub(super) fn groups(numbers: &[u32]) -> Vec<Vec<u8>> {
    static GROUPS: OnceLock<HashMap<u32, Vec<u8>>> = OnceLock::new();
    look_up(GROUPS.get_or_init(|| read("/etc/group")), numbers)
}

fn look_up(names: &HashMap<u32, Vec<u8>>, numbers: &[u32]) -> Vec<Vec<u8>> {
    numbers.iter().map(|number| names.get(number).cloned().unwrap_or_default()).collect()
}

/// Both files are small, local and begin their lines alike: name, password, number (passwd(5), group(5)).
/// They are read once; a missing one knows nobody.
fn read(path: &str) -> HashMap<u32, Vec<u8>> {
    let text = std::fs::read(path).unwrap_or_default();
    let name = |line: &[u8]| {
        let mut fields = line.split(|&byte| byte == b':');
        let name = fields.next()?;
        let number = std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()?;
        Some((number, name.to_vec()))
    };
    // The first name of a number is its own; others are aliases.
    let mut names = HashMap::new();
    for (number, name) in text.split(|&byte| byte == b'\n').filter_map(name) {
        names.entry(number).or_insert(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_superuser_has_a_name_and_most_numbers_have_none() {
        assert_eq!(users(&[0, 4_000_000_000]), [b"root".to_vec(), Vec::new()]);
        assert_eq!(groups(&[0]), [b"root".to_vec()]);
    }
}
