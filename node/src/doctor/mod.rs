//! `flotilla doctor`: looks at everything that can keep clients out, and says what to do about it.
//!
//! A check looks at one thing of a [`Patient`] and gives [`Finding`]s: what it saw and, unless all is well, the fix.
//! All of them run, whatever one of them finds; one that can not look says why.
//!
//! | file | what |
//! | --- | --- |
//! | `machine` | the configuration and this machine: ports, addresses, certificates |
//! | `pool` | what the running node tells of itself and of the others |
//! | `path` | idle timers on the way, names in DNS, doors that must be open |
//! | `cloud` | what AWS says of groups, names, subnets and load balancers |
//! | `visit` | a login by the public name, and listings over PASV and EPSV |

mod cloud;
mod machine;
mod path;
mod pool;
mod visit;

use serde::Serialize;

use crate::cli::remote::answer::{Nodes, Policy};
use crate::config::Config;

#[cfg(any(test, feature = "aws"))]
pub(crate) use cloud::Pending;
pub(crate) use cloud::Surroundings;
pub(crate) use visit::Visitor;

/// Who is looked at.
pub(crate) struct Patient<'a> {
    /// Its configuration.
    pub(crate) config: &'a Config,
    /// What the running node answers to `nodes`, or why it does not.
    pub(crate) nodes: Result<Nodes, String>,
    /// To `policy`.
    pub(crate) policy: Result<Policy, String>,
    /// What AWS says, or why that is not known; `None`: nobody looked.
    pub(crate) aws: Option<Result<Surroundings, String>>,
    /// Who logs in to try it; `None`: nobody.
    pub(crate) visitor: Option<Visitor>,
}

/// What one look gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The check.
    pub(crate) check: &'static str,
    /// How it is.
    pub(crate) state: State,
    /// What was seen.
    pub(crate) saw: String,
    /// What to do; empty where nothing is to be done.
    pub(crate) fix: String,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Fine,
    /// It was not looked at.
    Skipped,
    /// Some clients may suffer, or will.
    Warning,
    /// Clients suffer.
    Bad,
}

impl Finding {
    fn fine(check: &'static str, saw: impl Into<String>) -> Self {
        Self { check, state: State::Fine, saw: saw.into(), fix: String::new() }
    }

    fn skipped(check: &'static str, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, state: State::Skipped, saw: why.into(), fix: fix.into() }
    }

    fn warning(check: &'static str, saw: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, state: State::Warning, saw: saw.into(), fix: fix.into() }
    }

    fn bad(check: &'static str, saw: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, state: State::Bad, saw: saw.into(), fix: fix.into() }
    }
}

/// Runs all checks, in the order in which one would look by hand.
pub(crate) fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    CHECKS.iter().flat_map(|check| check(patient)).collect()
}

type Check = fn(&Patient<'_>) -> Vec<Finding>;

const CHECKS: [Check; 14] = [
    machine::addresses,
    machine::ports,
    machine::certificates,
    pool::node,
    pool::store,
    pool::nodes,
    pool::alike,
    pool::host_keys,
    pool::storage,
    path::timers,
    path::doors,
    path::names,
    cloud::surroundings,
    visit::visit,
];

#[cfg(test)]
mod tests;
