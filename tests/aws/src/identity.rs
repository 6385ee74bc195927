//! Who calls.

/// A user or the role of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// What faults and the log call it: the id of the instance, or any other name.
    pub(crate) name: String,
    /// In every call.
    pub(crate) access_key: String,
    /// Nothing is signed with it that anybody would check.
    pub(crate) secret_key: String,
    /// Roles have one, and calls that lack it are refused.
    pub(crate) session_token: Option<String>,
    /// As `arn:aws:sts::123456789012:assumed-role/flotilla/i-0123`.
    pub(crate) arn: String,
    /// Its credentials are refused as too old.
    pub(crate) expired: bool,
}
