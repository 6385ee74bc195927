//! The first user of a server that was started without any.

use std::io;
use std::path::Path;

use aws_lc_rs::rand;

use super::hash::{HashError, StoredHash};
use super::users::create;

/// Why the users file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No hash.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No file.
    #[error(transparent)]
    File(#[from] io::Error),
}

/// If there is no users file, makes one with the user `demo`, whose home is the root, and returns
/// the name and the password: it is written down nowhere else.
///
/// # Errors
/// When neither a file is there nor one can be made.
pub fn ensure(users_file: &Path) -> Result<Option<(String, String)>, DemoError> {
    // An early look spares the hash; what counts is that `create` never replaces a file.
    if users_file.symlink_metadata().is_ok() {
        return Ok(None);
    }
    let password = random_password()?;
    let hash = StoredHash::make(password.as_bytes())?;
    let text = format!(
        "# Made at the first start; changed by hand or by `flotilla user`.\n\n\
         [[user]]\nname = \"{NAME}\"\npassword = \"{}\"\nhome = \".\"\n",
        hash.as_str()
    );
    let made = create(users_file, &text)?;
    Ok(made.then(|| (NAME.to_owned(), password)))
}

/// [`PASSWORD_CHARS`] characters, each of 57 with equal chance: 116 bits.
///
/// # Errors
/// If the system gives no random numbers.
pub fn random_password() -> Result<String, HashError> {
    let mut password = String::with_capacity(PASSWORD_CHARS);
    let mut bytes = [0; 64];
    while password.len() < PASSWORD_CHARS {
        rand::fill(&mut bytes).map_err(|_| HashError::Make("no random numbers"))?;
        // Bytes from the uneven rest of the range are dropped, so that no character is preferred.
        let even =
            bytes.iter().map(|byte| byte >> 2).filter_map(|at| ALPHABET.get(usize::from(at)));
        password.extend(even.map(|&c| char::from(c)).take(PASSWORD_CHARS - password.len()));
    }
    Ok(password)
}

const NAME: &str = "demo";

/// Length of a password that is made here.
pub const PASSWORD_CHARS: usize = 20;

/// Letters and digits without 0, O, 1, I and l, which look alike.
const ALPHABET: &[u8; 57] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::auth::users::Table;
    use crate::auth::users::tests::Folder;

    #[test]
    fn the_first_start_makes_a_user_and_the_second_does_not() {
        let folder = Folder::new();
        let file = folder.path().join("data/users.toml");
        let (name, password) = ensure(&file).unwrap().unwrap();
        assert_eq!(name, "demo");
        assert_eq!(password.len(), PASSWORD_CHARS);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains(&password));
        let table = Table::parse(&file, &text).unwrap();
        let user = table.find(b"demo").unwrap();
        assert!(user.account.home.is_root());
        assert!(user.password.as_ref().unwrap().verify(password.as_bytes()));
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        assert!(ensure(&file).unwrap().is_none());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        let names: Vec<_> = std::fs::read_dir(file.parent().unwrap()).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[test]
    fn a_folder_that_can_not_be_made_is_an_error() {
        let folder = Folder::new();
        let blocker = folder.path().join("file");
        std::fs::write(&blocker, "").unwrap();
        assert!(matches!(ensure(&blocker.join("users.toml")), Err(DemoError::File(_))));
    }

    #[test]
    fn passwords_differ_and_use_the_alphabet() {
        let (one, two) = (random_password().unwrap(), random_password().unwrap());
        assert_ne!(one, two);
        assert!(one.bytes().all(|c| ALPHABET.contains(&c)));
    }
}
