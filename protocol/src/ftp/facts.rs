//! The facts of MLST and MLSD (RFC 3659, 7.5).

/// A set of MLSx facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts(u16);

impl Facts {
    /// No fact at all: `OPTS MLST` without a list.
    pub const NONE: Self = Self(0);
    /// `type`: file, dir, cdir, pdir or an `OS.unix` form.
    pub const TYPE: Self = Self(1);
    /// `size` in bytes; left out for directories.
    pub const SIZE: Self = Self(1 << 1);
    /// `modify`: the modification time in UTC.
    pub const MODIFY: Self = Self(1 << 2);
    /// `perm`: what the user may do.
    pub const PERM: Self = Self(1 << 3);
    /// `unique`: device and inode.
    pub const UNIQUE: Self = Self(1 << 4);
    /// `UNIX.mode`: permission bits in octal.
    pub const UNIX_MODE: Self = Self(1 << 5);
    /// `UNIX.owner`: the user's number.
    pub const UNIX_OWNER: Self = Self(1 << 6);
    /// `UNIX.group`: the group's number.
    pub const UNIX_GROUP: Self = Self(1 << 7);

    /// Whether every fact of `other` is in this set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The facts of both sets.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Reads `type;size;`: any case, the last semicolon may be missing, unknown names are ignored
    /// (RFC 3659, 7.9).
    pub fn parse(list: &[u8]) -> Self {
        list.split(|&byte| byte == b';')
            .filter_map(|name| {
                NAMES.iter().find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name))
            })
            .fold(Self::NONE, |facts, &(fact, _)| facts.union(fact))
    }

    /// Appends `type;size;`, as the reply to OPTS MLST repeats it.
    pub fn write(self, out: &mut Vec<u8>) {
        for (_, name) in NAMES.iter().filter(|&&(fact, _)| self.contains(fact)) {
            out.extend_from_slice(name.as_bytes());
            out.push(b';');
        }
    }

    /// Appends the line of FEAT: `MLST type*;size*;UNIX.owner;`, the facts of this set marked.
    pub fn write_feature(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"MLST ");
        for &(fact, name) in &NAMES {
            out.extend_from_slice(name.as_bytes());
            if self.contains(fact) {
                out.push(b'*');
            }
            out.push(b';');
        }
    }
}

impl Default for Facts {
    /// What a new session sends: all that clients use to show and mirror a tree. Owner and group
    /// are bare numbers, wanted by few, and come when asked for.
    fn default() -> Self {
        [Self::SIZE, Self::MODIFY, Self::PERM, Self::UNIQUE, Self::UNIX_MODE]
            .into_iter()
            .fold(Self::TYPE, Self::union)
    }
}

const NAMES: [(Facts, &str); 8] = [
    (Facts::TYPE, "type"),
    (Facts::SIZE, "size"),
    (Facts::MODIFY, "modify"),
    (Facts::PERM, "perm"),
    (Facts::UNIQUE, "unique"),
    (Facts::UNIX_MODE, "UNIX.mode"),
    (Facts::UNIX_OWNER, "UNIX.owner"),
    (Facts::UNIX_GROUP, "UNIX.group"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn written(facts: Facts) -> String {
        let mut out = Vec::new();
        facts.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_set_is_read_back() {
        for bits in 0..=255 {
            let facts = Facts(bits);
            assert_eq!(Facts::parse(written(facts).as_bytes()), facts);
        }
    }

    #[test]
    fn unknown_facts_are_ignored_and_case_does_not_matter() {
        assert_eq!(written(Facts::parse(b"Size;lang;unix.MODE")), "size;UNIX.mode;");
        assert_eq!(Facts::parse(b""), Facts::NONE);
        assert_eq!(Facts::parse(b";;;"), Facts::NONE);
    }

    #[test]
    fn the_feature_line_marks_what_is_on() {
        let mut out = Vec::new();
        Facts::default().write_feature(&mut out);
        assert_eq!(
            out,
            b"MLST type*;size*;modify*;perm*;unique*;UNIX.mode*;UNIX.owner;UNIX.group;"
        );
    }
}
