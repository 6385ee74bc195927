//! What is asked of Route 53, one call each.

use super::change::RecordChange;
use super::check::{Check, CheckSpec, Owner};
use super::record::{RecordKey, RecordSet};

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A page of records, in the order of Route 53 (`ListResourceRecordSets`).
    List {
        /// Of this name and those below it.
        name: String,
        /// Where to go on; `None`: at the name.
        from: Option<RecordKey>,
    },
    /// All of these changes, or none (`ChangeResourceRecordSets`).
    Change(Vec<RecordChange>),
    /// Whether all servers have a change (`GetChange`).
    GetChange(String),
    /// A page of the account's health checks (`ListHealthChecks`).
    ListChecks {
        /// Where to go on.
        marker: Option<String>,
    },
    /// Whose they are, at most [`TAGS_MAX`] of them (`ListTagsForResources`).
    ListTags(Vec<String>),
    /// `CreateHealthCheck`; with a reference that is known and the same settings it answers the one that is there.
    CreateCheck {
        /// Idempotency token.
        reference: String,
        /// What it connects to.
        spec: CheckSpec,
    },
    /// `UpdateHealthCheck`, if the version is still that.
    UpdateCheck {
        /// Which.
        id: String,
        /// The version that was read.
        version: i64,
        /// What it connects to; the interval stays.
        spec: CheckSpec,
    },
    /// `DeleteHealthCheck`.
    DeleteCheck(String),
    /// Makes it ours (`ChangeTagsForResource`).
    Tag {
        /// Which.
        id: String,
        /// [`Settings::owner`](super::Settings::owner): tag `flotilla:names`.
        owner: String,
        /// The pool, for people: tag `flotilla:pool`.
        pool: String,
        /// The node, for people: tag `Name`.
        node: String,
    },
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a list.
    Records {
        /// Of the name and below; the rest of a page is left out.
        sets: Vec<RecordSet>,
        /// Where the next page begins, if there is more.
        next: Option<RecordKey>,
    },
    /// To a change, or to the question whether it is everywhere.
    Changed {
        /// Of the change.
        id: String,
        /// All servers have it (`INSYNC`).
        is_everywhere: bool,
    },
    /// To a list.
    Checks {
        /// All that may be ours ([`is_candidate`](super::is_candidate)).
        checks: Vec<Check>,
        /// Where the next page begins, if there is more.
        next: Option<String>,
    },
    /// To a list of tags.
    Tags(Vec<(String, Owner)>),
    /// To a creation or update: as it is now.
    Check(Check),
    /// To the others.
    Done,
}

impl Request {
    /// Whether it changes something.
    pub fn is_write(&self) -> bool {
        match self {
            Self::List { .. }
            | Self::GetChange(_)
            | Self::ListChecks { .. }
            | Self::ListTags(_) => false,
            Self::Change(_)
            | Self::CreateCheck { .. }
            | Self::UpdateCheck { .. }
            | Self::DeleteCheck(_)
            | Self::Tag { .. } => true,
        }
    }

    /// The permission that it takes.
    pub fn action(&self) -> &'static str {
        match self {
            Self::List { .. } => "route53:ListResourceRecordSets",
            Self::Change(_) => "route53:ChangeResourceRecordSets",
            Self::GetChange(_) => "route53:GetChange",
            Self::ListChecks { .. } => "route53:ListHealthChecks",
            Self::ListTags(_) => "route53:ListTagsForResources",
            Self::CreateCheck { .. } => "route53:CreateHealthCheck",
            Self::UpdateCheck { .. } => "route53:UpdateHealthCheck",
            Self::DeleteCheck(_) => "route53:DeleteHealthCheck",
            Self::Tag { .. } => "route53:ChangeTagsForResource",
        }
    }
}

/// The tag by which health checks are told from those of other pools.
pub const NAMES_TAG: &str = "flotilla:names";

/// Checks of one call.
pub const TAGS_MAX: usize = 10;
