//! What sessions are counted under.

use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};

/// What is counted apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    User(Arc<str>),
    Origin(IpAddr),
}

impl Key {
    /// How the store names it.
    pub(super) fn name(&self) -> Vec<u8> {
        match self {
            Self::User(user) => user_key(user),
            Self::Origin(origin) => origin_key(*origin),
        }
    }
}

/// What the sessions of a user are counted under: 8 bytes, however long the name.
pub fn user_key(user: &str) -> Vec<u8> {
    digest(&SHA256, user.as_bytes()).as_ref().iter().take(USER_KEY_BYTES).copied().collect()
}

/// What the sessions from an [`origin`](crate::admission::origin) are counted under: the address, or the first half of an IPv6
/// address behind a mark.
pub fn origin_key(origin: IpAddr) -> Vec<u8> {
    match origin {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => {
            let mut key = vec![V6_MARK];
            key.extend(v6.octets().into_iter().take(V6_SITE_BYTES));
            key
        }
    }
}

/// 64 bits: account names are the operator's, nobody looks for two of the same key.
const USER_KEY_BYTES: usize = 8;
/// Keeps the keys of IPv6 apart from those of users by their length.
const V6_MARK: u8 = b'6';
const V6_SITE_BYTES: usize = 8;
