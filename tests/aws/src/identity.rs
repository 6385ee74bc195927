//! Who calls.

use serde::{Deserialize, Serialize};

/// A user or the role of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What faults and the log call it: the id of the instance, or any other name.
    pub name: String,
    /// In every call.
    pub access_key: String,
    /// Nothing is signed with it that anybody would check.
    pub secret_key: String,
    /// Roles have one, and calls that lack it are refused.
    pub session_token: Option<String>,
    /// As `arn:aws:sts::123456789012:assumed-role/flotilla/i-0123`.
    pub arn: String,
    /// Its credentials are refused as too old.
    #[serde(default)]
    pub expired: bool,
}
