//! The settings of this node that all nodes of the pool should have, to be compared.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest as sha256};

use crate::config::Common;
use crate::policy::Policy;

/// As the store keeps them: JSON, for whoever looks there.
pub(super) fn encode(policy: &Policy) -> Vec<u8> {
    serde_json::to_vec(&policy.config.common).unwrap_or_default()
}

/// A number that differs where settings do.
pub(super) fn digest(policy: &Policy) -> u64 {
    let hash = sha256(&SHA256, &encode(policy));
    let first = hash.as_ref().first_chunk().copied().unwrap_or_default();
    u64::from_be_bytes(first)
}

/// The keys in which two nodes differ.
pub(super) fn differences(one: &[u8], other: &[u8]) -> Vec<String> {
    let read = |bytes| serde_json::from_slice::<Common>(bytes).unwrap_or_default();
    let (one, other): (BTreeMap<_, _>, BTreeMap<_, _>) = (read(one), read(other));
    let keys: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    keys.into_iter().filter(|key| one.get(*key) != other.get(*key)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::differences;

    #[test]
    fn differences_are_named() {
        let one = br#"{"a":"1","b":"2","c":"3"}"#;
        let other = br#"{"a":"1","b":"9","d":"4"}"#;
        assert_eq!(differences(one, other), ["b", "c", "d"]);
        assert!(differences(one, one).is_empty());
    }
}
