//! One change in AWS, as people read it.

use serde::Serialize;

/// What would be done, or was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Of AWS: `ec2`, `route53`, `elasticloadbalancing`, `autoscaling`.
    pub service: &'static str,
    /// Whether something is added, changed or removed.
    pub sign: Sign,
    /// What: `rule tcp 61000-61999 from 0.0.0.0/0 in sg-0123 (flotilla-main-ftp)`.
    pub what: String,
    /// Why: `passive ports of ftp.passive.ports`.
    pub why: String,
    /// The permission that it takes: `ec2:AuthorizeSecurityGroupIngress`.
    pub action: &'static str,
    /// The same by the AWS CLI, a word each, without quotes: `aws`, `ec2`, `authorize-security-group-ingress`, ...
    pub command: Vec<String>,
    /// The same as a resource of Terraform (provider hashicorp/aws); `None`: there is none for it.
    pub terraform: Option<String>,
}

/// What happens to what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    /// `+`
    Add,
    /// `~`
    Change,
    /// `-`
    Remove,
}

impl Sign {
    /// In a diff.
    pub fn mark(self) -> char {
        match self {
            Self::Add => '+',
            Self::Change => '~',
            Self::Remove => '-',
        }
    }
}
