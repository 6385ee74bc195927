//! What a login came to, in all protocols.

use flotilla_protocol::ftp::LoginRefusal;

use super::name;
use super::record::Record;

/// What a login came to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Judged<'a> {
    Granted {
        is_anonymous: bool,
    },
    /// A step of it was right, and more is asked for.
    Partial,
    Refused(&'a LoginRefusal),
}

impl Judged<'_> {
    /// Whether nobody could judge it, which is the server's own failure.
    pub(crate) fn is_fault(self) -> bool {
        matches!(self, Self::Refused(LoginRefusal::Unavailable))
    }

    /// Tells it.
    pub(crate) fn tell(self, record: Record) -> Record {
        let refusal = match self {
            Self::Granted { is_anonymous } => {
                let backend = if is_anonymous { "anonymous" } else { "users" };
                return record.word(name::RESULT, "granted").word(name::BACKEND, backend);
            }
            Self::Partial => return record.word(name::RESULT, "partial"),
            Self::Refused(refusal) => refusal,
        };
        match refusal {
            LoginRefusal::Incorrect => record.word(name::RESULT, "incorrect"),
            LoginRefusal::NeedPassword => record.word(name::RESULT, "need_password"),
            LoginRefusal::Policy(text) => {
                record.word(name::RESULT, "policy").text(name::REASON, text)
            }
            LoginRefusal::Limit(text) => {
                record.word(name::RESULT, "limit").text(name::REASON, text)
            }
            LoginRefusal::Unavailable => {
                let record = record.word(name::RESULT, "unavailable");
                record.failed("unavailable", "nobody could judge the login")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::recorder::tests::{pairs, told};

    #[test]
    fn of_logins_only_those_that_nobody_could_judge_are_errors() {
        let granted = Judged::Granted { is_anonymous: false };
        let all = pairs(&[(name::RESULT, "granted"), (name::BACKEND, "users")]);
        assert_eq!(told(|record| granted.tell(record)), (all, false));
        let incorrect = LoginRefusal::Incorrect;
        let refused = Judged::Refused(&incorrect);
        let all = pairs(&[(name::RESULT, "incorrect")]);
        assert_eq!(told(|record| refused.tell(record)), (all, false));
        assert!(!refused.is_fault());
        let unavailable = Judged::Refused(&LoginRefusal::Unavailable);
        assert!(unavailable.is_fault());
        let all = pairs(&[(name::RESULT, "unavailable"), (name::ERROR, "unavailable")]);
        assert_eq!(told(|record| unavailable.tell(record)), (all, true));
    }
}
