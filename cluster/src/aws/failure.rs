//! From an error of a client to what it means.

use std::error::Error;

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};

use super::{Trouble, calls};

/// The answer to a call, or what its failure means. Each is counted, so every call ends here.
pub(super) trait Judged<T> {
    /// Of the call of `action`.
    fn judged(self, action: &'static str) -> Result<T, Trouble>;
}

impl<T, E, R> Judged<T> for Result<T, SdkError<E, R>>
where
    E: Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    fn judged(self, action: &'static str) -> Result<T, Trouble> {
        noted(action, self.map_err(|error| trouble(action, &error)))
    }
}

/// Counts what came of a call.
pub(super) fn noted<T>(action: &'static str, result: Result<T, Trouble>) -> Result<T, Trouble> {
    calls::note(action, result.as_ref().err());
    result
}

/// What the failed call of `action` means. All clients have the same type of error.
pub(super) fn trouble<E, R>(action: &'static str, error: &SdkError<E, R>) -> Trouble
where
    E: Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    if let SdkError::ServiceError(answer) = error
        && let Some(code) = answer.err().code()
    {
        return Trouble::of(action, code, answer.err().message().unwrap_or("no message"));
    }
    // Whatever there is to be said of it is in its sources; credentials that can not be had are told apart by
    // nothing else.
    let text = with_sources(error);
    let unsent = matches!(error, SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_));
    if unsent && text.to_ascii_lowercase().contains("credential") {
        Trouble::Credentials(text)
    } else {
        Trouble::Unknown(text)
    }
}

fn with_sources(error: &(dyn Error + 'static)) -> String {
    let sources = std::iter::successors(Some(error), |error| (*error).source());
    let mut texts = sources.take(SOURCES_MAX).map(ToString::to_string).collect::<Vec<_>>();
    texts.dedup();
    texts.join(": ").chars().take(TEXT_MAX).collect()
}

/// Characters of one line in a log.
const TEXT_MAX: usize = 300;
/// More than any error has; one that went in circles would have no end.
const SOURCES_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::error::ErrorMetadata;
    use aws_sdk_ec2::operation::describe_security_groups::DescribeSecurityGroupsError;

    use super::*;

    type Failure = SdkError<DescribeSecurityGroupsError, ()>;

    fn of(failure: &Failure) -> Trouble {
        trouble("ec2:DescribeSecurityGroups", failure)
    }

    #[test]
    fn answers_are_known_by_their_code() {
        let answer = |code: Option<&str>| {
            let answer = ErrorMetadata::builder().message("words");
            let answer = code.into_iter().fold(answer, |answer, code| answer.code(code));
            of(&Failure::service_error(DescribeSecurityGroupsError::generic(answer.build()), ()))
        };
        let missing = Trouble::Missing("words".to_owned());
        assert_eq!(answer(Some("InvalidGroup.NotFound")), missing);
        assert_eq!(answer(Some("DryRunOperation")), Trouble::DryRun);
        assert!(answer(None).is_unknown());
    }

    #[test]
    fn what_was_not_answered_may_have_been_done() {
        assert!(of(&Failure::timeout_error("too slow")).is_unknown());
        assert!(of(&Failure::response_error("cut off", ())).is_unknown());
        let none = of(&Failure::construction_failure("no Credentials in the chain"));
        assert!(
            matches!(&none, Trouble::Credentials(text) if text.ends_with("in the chain")),
            "{none:?}"
        );
    }
}
