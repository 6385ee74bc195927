//! Names in DNS, and numbers made of names.

/// As this program compares names: small letters, no final dot. Route 53 lists with the dot.
pub fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Whether a name is another one or lies below it. Both [`normal`].
pub fn is_within(name: &str, above: &str) -> bool {
    match name.strip_suffix(above) {
        Some(rest) => rest.is_empty() || rest.ends_with('.') || above.is_empty(),
        None => false,
    }
}

/// A text as one label of a name: small letters, digits and dashes (RFC 1123, 2.1).
pub(super) fn label(text: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    text.chars().map(fits).take(LABEL_MAX).collect()
}

/// A number of a text that is the same in every version of this program: records are placed by it (FNV-1a, with
/// the end of splitmix64, since its low bits alone are not even).
pub(super) fn hash(text: &str) -> u64 {
    let fnv = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mut z = text.bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// RFC 1035, 2.3.4.
const LABEL_MAX: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_by_labels() {
        assert_eq!(normal("FTP.Example.org."), "ftp.example.org");
        assert!(is_within("ftp.example.org", "ftp.example.org"));
        assert!(is_within("eu.ftp.example.org", "ftp.example.org"));
        assert!(!is_within("sftp.example.org", "ftp.example.org"));
        assert!(!is_within("example.org", "ftp.example.org"));
        assert!(is_within("example.org", ""));
        assert_eq!(label("c:EU"), "c-eu");
    }

    #[test]
    fn hashes_never_change() {
        assert_eq!(hash("n1"), 0xf8e4_6110_455c_6e53);
        let mut counts = [0; 16];
        for number in 0..1600 {
            let at = usize::try_from(hash(&format!("i-0{number:016x}")) % 16).unwrap();
            counts[at] += 1;
        }
        assert!(counts.iter().all(|count| (70..140).contains(count)), "{counts:?}");
    }
}
