//! What a failed call to AWS means for what comes next.

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Too many calls, or an earlier change is still being made (`Throttling`, `RequestLimitExceeded`,
    /// `PriorRequestNotComplete`): nothing has changed, try later.
    #[error("throttled: {0}")]
    Throttled(String),
    /// The identity of this node lacks a permission: nothing has changed, and it will stay so until somebody grants
    /// it.
    #[error("{action} is refused: {message}")]
    Refused {
        /// As in a policy: `route53:ChangeResourceRecordSets`.
        action: &'static str,
        /// In the words of AWS, without the identifiers of the request.
        message: String,
    },
    /// There are no credentials, or they do not work.
    #[error("no credentials: {0}")]
    Credentials(String),
    /// What was to be changed is not there (any more).
    #[error("not there: {0}")]
    Missing(String),
    /// It is there already.
    #[error("already there: {0}")]
    Duplicate(String),
    /// AWS takes it never: a limit, a wrong value, a change of somebody else in between. What there is must be read
    /// again.
    #[error("{code}: {message}")]
    Rejected {
        /// As AWS names it: `InvalidChangeBatch`.
        code: String,
        /// In its words.
        message: String,
    },
    /// A dry run would have succeeded (`DryRunOperation`).
    #[error("it would have succeeded")]
    DryRun,
    /// It may have been carried out: no answer came, or none that can be read.
    #[error("no answer: {0}")]
    Unknown(String),
}

impl Trouble {
    /// The meaning of an error answer of AWS to the call of `action`.
    pub fn of(action: &'static str, code: &str, message: &str) -> Self {
        // EC2 ends with a text that is another one each time; who may decode it finds it in CloudTrail.
        let message = message.split("Encoded authorization failure message").next();
        let message = message.unwrap_or_default().trim_end();
        let message: String = message.chars().take(MESSAGE_MAX).collect();
        match code {
            "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "PriorRequestNotComplete"
            | "TooManyRequestsException"
            | "RequestThrottled"
            | "ServiceUnavailable"
            | "Unavailable" => Self::Throttled(message),
            "AccessDenied"
            | "AccessDeniedException"
            | "UnauthorizedOperation"
            | "OptInRequired" => Self::Refused { action, message },
            "InvalidClientTokenId"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "AuthFailure"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException"
            | "RequestExpired" => Self::Credentials(format!("{code}: {message}")),
            "DryRunOperation" => Self::DryRun,
            _ if code.ends_with(".Duplicate") || code.ends_with("AlreadyExists") => {
                Self::Duplicate(message)
            }
            _ if code.ends_with("NotFound") || code.starts_with("NoSuch") => Self::Missing(message),
            "InternalError" | "InternalFailure" | "InternalServerError" => {
                Self::Unknown(format!("{code}: {message}"))
            }
            _ => Self::Rejected { code: code.to_owned(), message },
        }
    }

    /// Whether the call may have been carried out.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

/// Characters of one line in a log.
const MESSAGE_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_aws_have_a_meaning() {
        let of = |code| Trouble::of("ec2:DescribeInstances", code, "words");
        assert_eq!(of("Throttling"), Trouble::Throttled("words".to_owned()));
        assert_eq!(of("PriorRequestNotComplete"), Trouble::Throttled("words".to_owned()));
        assert_eq!(
            of("UnauthorizedOperation").to_string(),
            "ec2:DescribeInstances is refused: words"
        );
        let encoded = |end: &str| {
            let message =
                format!("You are not authorized. Encoded authorization failure message: {end}");
            Trouble::of("ec2:DescribeInstances", "UnauthorizedOperation", &message)
        };
        assert_eq!(encoded("abc"), encoded("xyz"), "it is told once");
        assert_eq!(of("InvalidPermission.Duplicate"), Trouble::Duplicate("words".to_owned()));
        assert_eq!(of("HealthCheckAlreadyExists"), Trouble::Duplicate("words".to_owned()));
        assert_eq!(of("InvalidGroup.NotFound"), Trouble::Missing("words".to_owned()));
        assert_eq!(of("NoSuchHostedZone"), Trouble::Missing("words".to_owned()));
        assert_eq!(of("InvalidChangeBatch").to_string(), "InvalidChangeBatch: words");
        assert!(of("InternalError").is_unknown());
    }
}
