//! What an operator can do about a failure, and how retries are spread.

use aws_lc_rs::rand;
use flotilla_cluster::aws::Trouble;

/// A failure with what the operator can do about it.
pub(crate) fn advised(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Refused { action, .. } => {
            format!(
                "{trouble}; the role of the nodes needs {action}: flotilla gen iam prints its policy"
            )
        }
        Trouble::Credentials(_) => {
            format!("{trouble}; give the instance a role, or the environment credentials")
        }
        _ => trouble.to_string(),
    }
}

/// An even byte; without randomness all nodes only wait alike.
pub(super) fn chance() -> u8 {
    let mut byte = [0];
    let _ = rand::fill(&mut byte);
    let [byte] = byte;
    byte
}
