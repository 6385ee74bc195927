//! What proves that a node of the pool speaks.

use std::fmt;

use aws_lc_rs::hmac;

/// The relay key of the pool. It does not show itself.
#[derive(Clone)]
pub struct RelayKey(hmac::Key);

impl RelayKey {
    /// The key of these random bytes, which the nodes share sealed.
    pub fn new(bytes: &[u8; RELAY_KEY_BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// HMAC-SHA256 (RFC 2104).
    pub(super) fn sign(&self, message: &[u8]) -> [u8; TAG_BYTES] {
        let mut tag = [0; TAG_BYTES];
        for (to, from) in tag.iter_mut().zip(hmac::sign(&self.0, message).as_ref()) {
            *to = *from;
        }
        tag
    }

    /// Whether the tag is that of the message, in a time that does not depend on where they differ.
    pub(super) fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}

impl fmt::Debug for RelayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayKey").finish_non_exhaustive()
    }
}

/// Bytes of a relay key: as many as the hash has.
pub const RELAY_KEY_BYTES: usize = 32;
/// Bytes of a tag.
pub(super) const TAG_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, section 4.2, with its key of 20 bytes filled up by zeros, as RFC 2104 does.
    #[test]
    fn tags_are_those_of_the_standard() {
        let mut key = [0; RELAY_KEY_BYTES];
        key[..20].fill(0x0b);
        let tag = RelayKey::new(&key).sign(b"Hi There");
        assert_eq!(tag[..4], [0xb0, 0x34, 0x4c, 0x61]);
        assert_eq!(tag[28..], [0x2e, 0x32, 0xcf, 0xf7]);
    }

    #[test]
    fn it_does_not_show_itself() {
        assert_eq!(format!("{:?}", RelayKey::new(&[65; RELAY_KEY_BYTES])), "RelayKey { .. }");
    }
}
