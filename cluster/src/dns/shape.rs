//! How many nodes stand directly under one name, and into how many groups more of them are divided.
//!
//! Route 53 takes 100 records of one name and type. The next shape is chosen well before that and left late, so that
//! the groups are there before the name refers to them, and a pool near the limit does not go to and fro.

use super::name::hash;

/// How the nodes of one name and type are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// All under the name itself.
    Flat,
    /// In so many groups, each a name of its own, to which the name refers by weight.
    Groups(u16),
}

impl Shape {
    /// The shape for so many nodes, where this one stands.
    pub(super) fn next(self, nodes: usize) -> Self {
        let limits = |shape: &Self| match shape {
            Self::Flat => (0, FLAT_MAX),
            Self::Groups(FEW) => (FLAT_MAX * 3 / 4, FEW_MAX),
            Self::Groups(_) => (FEW_MAX * 3 / 4, usize::MAX),
        };
        let (least, most) = limits(&self);
        if (least..=most).contains(&nodes) {
            return self;
        }
        match nodes {
            0..=FLAT_MAX => Self::Flat,
            nodes if nodes <= FEW_MAX => Self::Groups(FEW),
            _ => Self::Groups(MANY),
        }
    }
}

/// Of a node among so many groups. Who comes or goes moves nobody else.
pub(super) fn group_of(key: &str, groups: u16) -> u16 {
    u16::try_from(hash(key) % u64::from(groups.max(1))).unwrap_or(0)
}

/// The key of the alias to a group.
pub(super) fn group_key(groups: u16, number: u16) -> String {
    format!("{}{groups}-{number}", super::settings::GROUP)
}

/// The name of a group: `g16-3.ftp.example.org`.
pub(super) fn group_name(groups: u16, number: u16, name: &str) -> String {
    format!("g{groups}-{number}.{name}")
}

/// Into how many groups the key of an alias says that a name is divided.
pub(super) fn groups_of(key: &str) -> Option<u16> {
    key.strip_prefix(super::settings::GROUP)?.split_once('-')?.0.parse().ok()
}

/// Whether a name is that of a group of another one.
pub(super) fn is_group(name: &str, of: &str) -> bool {
    let label = name.strip_suffix(of).and_then(|rest| rest.strip_suffix('.'));
    label.and_then(|label| label.strip_prefix('g')).is_some_and(|numbers| {
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        numbers.split_once('-').is_some_and(|(a, b)| number(a) && number(b))
    })
}

/// Records of one name and type.
pub(super) const RECORDS_MAX: usize = 100;
/// There is room for the references to the groups beside so many nodes.
const FLAT_MAX: usize = 80;
/// Groups of 50 in the mean then; by the hash hardly one of 16 has more than 80.
const FEW_MAX: usize = 800;
const FEW: u16 = 16;
/// As many as one name can refer to, with room for those of the shape before. What 100 of them hold is also what a
/// zone holds: 10,000 records.
const MANY: u16 = 84;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_changed_late_and_not_to_and_fro() {
        let (few, many) = (Shape::Groups(FEW), Shape::Groups(MANY));
        assert_eq!(Shape::Flat.next(80), Shape::Flat);
        assert_eq!(Shape::Flat.next(81), few);
        assert_eq!(few.next(60), few);
        assert_eq!(few.next(59), Shape::Flat);
        assert_eq!(few.next(801), many);
        assert_eq!(many.next(600), many);
        assert_eq!(many.next(599), few);
        assert_eq!(many.next(10), Shape::Flat);
        assert_eq!(Shape::Flat.next(2000), many);
        // An unknown one, of another version.
        assert_eq!(Shape::Groups(7).next(700), Shape::Groups(7));
    }

    #[test]
    fn no_group_is_too_full() {
        for (nodes, groups) in [(FEW_MAX, FEW), (4000, MANY)] {
            let mut counts = vec![0; usize::from(groups)];
            for number in 0..nodes {
                counts[usize::from(group_of(&format!("i-{number:017x}"), groups))] += 1;
            }
            assert!(counts.iter().all(|count| *count <= RECORDS_MAX), "{counts:?}");
        }
    }

    #[test]
    fn groups_are_known_by_their_names() {
        assert!(is_group(&group_name(16, 3, "a.b"), "a.b"));
        assert!(!is_group("g16.a.b", "a.b") && !is_group("a.b", "a.b"));
        assert!(!is_group("g16-3.c.a.b", "a.b"));
        assert_eq!(groups_of(&group_key(16, 3)), Some(16));
    }
}
