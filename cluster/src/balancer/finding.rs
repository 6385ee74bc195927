//! What was found out about a balancer.

use serde::Serialize;

/// Something that somebody should know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// How bad it is; the worst is the greatest.
    pub severity: Severity,
    /// What was looked at, for machines: `health-port`. It does not change from version to version.
    pub code: &'static str,
    /// Where: `network load balancer ftp, listener 21`.
    pub place: String,
    /// What was seen, a sentence without a full stop.
    pub seen: String,
    /// What to do about it; empty: nothing.
    pub fix: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth to be known.
    Note,
    /// Something is worse than it could be, or will be when a node leaves.
    Warning,
    /// Clients are not served, or lose what they have.
    Error,
}

/// Findings while they are made.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

/// A place, and findings about it.
pub(super) struct At<'a> {
    pub(super) findings: &'a mut Findings,
    pub(super) place: String,
}

impl Findings {
    pub(super) fn at(&mut self, place: impl Into<String>) -> At<'_> {
        At { findings: self, place: place.into() }
    }
}

impl At<'_> {
    pub(super) fn error(
        &mut self,
        code: &'static str,
        seen: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add(Severity::Error, code, seen.into(), fix.into());
    }

    pub(super) fn warning(
        &mut self,
        code: &'static str,
        seen: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add(Severity::Warning, code, seen.into(), fix.into());
    }

    pub(super) fn note(
        &mut self,
        code: &'static str,
        seen: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add(Severity::Note, code, seen.into(), fix.into());
    }

    /// Each once: what is wrong with a group is wrong for all listeners that lead to it.
    fn add(&mut self, severity: Severity, code: &'static str, seen: String, fix: String) {
        let finding = Finding { severity, code, place: self.place.clone(), seen, fix };
        if !self.findings.0.contains(&finding) {
            self.findings.0.push(finding);
        }
    }
}
