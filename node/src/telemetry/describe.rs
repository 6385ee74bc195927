//! What the spans of all protocols say in the same way.

use std::time::Duration;

use flotilla_protocol::ftp::LoginRefusal;

use super::name;
use super::record::Record;

/// A transfer that is over, in numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) bytes: u64,
    /// From the command to the end.
    pub(crate) elapsed: Duration,
    /// From the command to the first byte, if there was one.
    pub(crate) first: Option<Duration>,
    /// How long the storage was waited for, if that is known.
    pub(crate) waited: Option<Duration>,
}

impl Moved {
    /// Tells them.
    pub(crate) fn tell(self, record: Record) -> Record {
        let Self { bytes, elapsed, first, waited } = self;
        record
            .number(name::BYTES, bytes)
            .maybe(rate(bytes, elapsed), |record, rate| record.number(name::RATE, rate))
            .maybe(first, |record, first| record.fraction(name::FIRST_BYTE, milliseconds(first)))
            .maybe(waited, |record, time| record.fraction(name::STORAGE_WAIT, milliseconds(time)))
    }
}

/// Bytes per second; none of no time.
fn rate(bytes: u64, elapsed: Duration) -> Option<u64> {
    let nanoseconds = elapsed.as_nanos();
    let scaled = u128::from(bytes).saturating_mul(NANOSECONDS);
    scaled.checked_div(nanoseconds).map(|rate| u64::try_from(rate).unwrap_or(u64::MAX))
}

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

/// TLS as it was agreed: `version` and `cipher` as the library has them (`TLSv1_3`, `TLS13_AES_256_GCM_SHA384`).
pub(crate) fn protected(
    record: Record,
    version: &str,
    cipher: Option<&str>,
    is_resumed: bool,
) -> Record {
    record
        .text(name::TLS_VERSION, &version.trim_start_matches("TLSv").replace('_', "."))
        .maybe(cipher, |record, cipher| {
            // By its registered name.
            record.text(name::TLS_CIPHER, &cipher.replacen("TLS13_", "TLS_", 1))
        })
        .flag(name::TLS_RESUMED, is_resumed)
}

/// As attributes have it.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// In a second.
const NANOSECONDS: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::telemetry::Context;
    use crate::telemetry::recorder::tests::recorder;

    /// The attributes of a span that is filled so, and whether it is an error.
    fn told(fill: impl FnOnce(Record) -> Record) -> (Vec<(String, String)>, bool) {
        let (recorder, kept) = recorder(0.0);
        let now = Instant::now();
        let record = recorder.over(Context::root(), None, "x", (now, now), true).unwrap();
        fill(record).send();
        let span = kept.0.lock().unwrap().remove(0);
        let text = |pair: opentelemetry::KeyValue| (pair.key.to_string(), pair.value.to_string());
        let is_error = matches!(span.status, opentelemetry::trace::Status::Error { .. });
        (span.attributes.into_iter().map(text).collect(), is_error)
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

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

    #[test]
    fn a_failure_of_the_clients_own_is_told_and_no_error() {
        use flotilla_protocol::failure::Failure;
        let all =
            pairs(&[(name::ERROR, "not_found"), (name::REASON, "No such file or directory.")]);
        assert_eq!(told(|record| record.failure(&Failure::NotFound)), (all, false));
        let all = pairs(&[(name::ERROR, "storage_error")]);
        assert_eq!(told(|record| record.failure(&Failure::StorageError)), (all, true));
    }

    #[test]
    fn tls_is_told_by_its_registered_names() {
        let cipher = Some("TLS13_AES_256_GCM_SHA384");
        let all = pairs(&[
            (name::TLS_VERSION, "1.3"),
            (name::TLS_CIPHER, "TLS_AES_256_GCM_SHA384"),
            (name::TLS_RESUMED, "true"),
        ]);
        assert_eq!(told(|record| protected(record, "TLSv1_3", cipher, true)), (all, false));
    }

    #[test]
    fn a_transfer_without_a_byte_has_no_first_one() {
        let moved = Moved {
            bytes: 0,
            elapsed: Duration::from_millis(20),
            first: None,
            waited: Some(Duration::from_millis(10)),
        };
        let all = pairs(&[(name::BYTES, "0"), (name::RATE, "0"), (name::STORAGE_WAIT, "10")]);
        assert_eq!(told(|record| moved.tell(record)), (all, false));
    }

    #[test]
    fn a_rate_is_of_the_whole_time_and_never_overflows() {
        assert_eq!(rate(1000, Duration::from_millis(500)), Some(2000));
        assert_eq!(rate(1, Duration::ZERO), None);
        assert_eq!(rate(u64::MAX, Duration::from_nanos(1)), Some(u64::MAX));
        assert_eq!(milliseconds(Duration::from_micros(1500)), 1.5);
    }
}
