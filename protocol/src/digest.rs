//! The hash algorithms that HASH, its older forms, and SFTP's `check-file` know.

/// Hash algorithms (draft-bryan-ftpext-hash names).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `CRC32`.
    Crc32,
    /// `MD5`.
    Md5,
    /// `SHA-1`.
    Sha1,
    /// `SHA-256`, the default.
    #[default]
    Sha256,
    /// `SHA-512`.
    Sha512,
}

impl Algorithm {
    /// Every algorithm, the strongest first, as FEAT lists them.
    pub const ALL: [Self; 5] = [Self::Sha512, Self::Sha256, Self::Sha1, Self::Md5, Self::Crc32];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }

    /// Reads a name in any case; the hyphen of the SHA names may be left out.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let alike = |known: &str| {
            let known = known.bytes().filter(|&byte| byte != b'-');
            let name = name.iter().filter(|&&byte| byte != b'-');
            known.eq(name.map(u8::to_ascii_uppercase))
        };
        Self::ALL.into_iter().find(|algorithm| alike(algorithm.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_in_any_case() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.name().as_bytes()), Some(algorithm));
            assert_eq!(
                Algorithm::parse(algorithm.name().to_lowercase().as_bytes()),
                Some(algorithm)
            );
        }
        assert_eq!(Algorithm::parse(b"sha256"), Some(Algorithm::Sha256));
        assert_eq!(Algorithm::parse(b"SHA-3"), None);
        assert_eq!(Algorithm::parse(b""), None);
    }
}
