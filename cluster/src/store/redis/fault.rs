//! What an error says of the request that met it.

use std::error::Error;
use std::io;
use std::sync::Arc;

use redis::{ErrorKind, RedisError};

use crate::store::StoreError;

/// An error, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) error: StoreError,
    /// Whether the connection is of no more use: it is broken, silent, or to the wrong server.
    pub(super) ends: bool,
}

/// Judges an error of a request that was sent, or was about to be.
pub(super) fn judge(error: &RedisError) -> Fault {
    let text = describe(error);
    let Some(code) = code(error) else {
        return match error.kind() {
            ErrorKind::AuthenticationFailed => {
                Fault { error: StoreError::Denied(text), ends: true }
            }
            _ => Fault { error: StoreError::Unknown(text), ends: true },
        };
    };
    match code {
        "NOAUTH" | "WRONGPASS" => Fault { error: StoreError::Denied(text), ends: true },
        // A script may have written before the command that it may not run; but none gets further, so
        // nothing rests on that.
        "NOPERM" => Fault { error: StoreError::Denied(text), ends: false },
        // The server is not the one that takes writes, or can not yet: another may.
        "READONLY" | "NOREPLICAS" | "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "MOVED" | "ASK" => {
            Fault { error: StoreError::Refused(text), ends: true }
        }
        // Redis judges these before the first write of a script, never in the midst of one.
        "OOM" | "MISCONF" | "TRYAGAIN" | "BUSY" | "CROSSSLOT" | "NOSCRIPT" => {
            Fault { error: StoreError::Refused(text), ends: false }
        }
        // A script that broke off may have written before.
        _ => Fault { error: StoreError::Unknown(text), ends: false },
    }
}

/// Judges an error of an attempt to connect: nothing was asked yet, so nothing has changed.
pub(super) fn judge_connecting(error: &RedisError) -> StoreError {
    match judge(error).error {
        StoreError::Unknown(text) if is_distrust(error) => StoreError::Denied(text),
        StoreError::Denied(text) => StoreError::Denied(text),
        StoreError::Refused(text) | StoreError::Unknown(text) => StoreError::Refused(text),
    }
}

/// Whether the server's certificate is not believed: no other attempt will end better.
fn is_distrust(error: &RedisError) -> bool {
    let inner = error.source().and_then(|source| source.downcast_ref::<Wrapped>());
    let inner =
        inner.and_then(|inner| inner.downcast_ref::<io::Error>()).and_then(io::Error::get_ref);
    let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

/// How the library keeps what it met.
type Wrapped = Arc<dyn Error + Send + Sync>;

/// The word that an answer of the server begins with; `None` if it is no answer of the server.
fn code(error: &RedisError) -> Option<&str> {
    let code = error.code()?;
    let Some(detail) = error.detail().filter(|_| code == "ERR") else { return Some(code) };
    // Version 7.0 has no word for rights that are missing within a script.
    if detail.starts_with("The user executing the script can't") {
        return Some("NOPERM");
    }
    // Up to version 6, a script wraps the error that ended it: "... @user_script: 1: -OOM command ...".
    let wrapped = detail.rsplit_once(": -").and_then(|(_, inner)| inner.split(' ').next());
    Some(wrapped.unwrap_or(code))
}

fn describe(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        value.extract_error().unwrap_err()
    }

    #[test]
    fn answers_of_the_server() {
        let denied = |text: &str| StoreError::Denied(text.to_owned());
        let refused = |text: &str| StoreError::Refused(text.to_owned());
        let unknown = |text: &str| StoreError::Unknown(text.to_owned());
        type Case = (&'static str, fn(&str) -> StoreError, bool);
        let cases: [Case; 21] = [
            ("NOAUTH Authentication required.", denied, true),
            ("WRONGPASS invalid username-password pair", denied, true),
            ("NOPERM this user has no permissions", denied, false),
            (
                "ERR The user executing the script can't run this command or subcommand",
                denied,
                false,
            ),
            ("READONLY You can't write against a read only replica.", refused, true),
            ("NOREPLICAS Not enough good replicas to write.", refused, true),
            ("LOADING Redis is loading the dataset in memory", refused, true),
            ("MASTERDOWN Link with MASTER is down", refused, true),
            ("CLUSTERDOWN The cluster is down", refused, true),
            ("MOVED 3999 127.0.0.1:6381", refused, true),
            ("ASK 3999 127.0.0.1:6381", refused, true),
            ("OOM command not allowed when used memory > 'maxmemory'.", refused, false),
            ("MISCONF Errors writing to the AOF file", refused, false),
            ("TRYAGAIN Multiple keys request during rehashing of slot", refused, false),
            ("BUSY Redis is busy running a script.", refused, false),
            ("CROSSSLOT Keys in request don't hash to the same slot", refused, false),
            ("NOSCRIPT No matching script.", refused, false),
            ("ERR user_script:7: attempt to index a nil value", unknown, false),
            ("WRONGTYPE Operation against a key", unknown, false),
            (
                "ERR Error running script (call to f_0): @user_script:1: @user_script: 1: -OOM command not allowed",
                refused,
                false,
            ),
            (
                "ERR Error running script (call to f_0): @user_script:1: @user_script: 1: -READONLY You can't write",
                refused,
                true,
            ),
        ];
        for (line, error, ends) in cases {
            assert_eq!(judge(&answer(line)), Fault { error: error(line), ends }, "{line}");
        }
    }

    #[test]
    fn silence_and_broken_connections_leave_it_open() {
        for kind in
            [io::ErrorKind::TimedOut, io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset]
        {
            let error = RedisError::from(io::Error::from(kind));
            let fault = judge(&error);
            assert!(matches!(fault.error, StoreError::Unknown(_)) && fault.ends, "{fault:?}");
            assert!(matches!(judge_connecting(&error), StoreError::Refused(_)));
        }
        let untrusted = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let untrusted = io::Error::new(io::ErrorKind::InvalidData, untrusted);
        assert!(matches!(judge_connecting(&untrusted.into()), StoreError::Denied(_)));
        let failed = RedisError::from((ErrorKind::AuthenticationFailed, "no"));
        assert!(matches!(judge_connecting(&failed), StoreError::Denied(_)));
        assert!(matches!(judge_connecting(&answer("ERR max clients")), StoreError::Refused(_)));
    }
}
