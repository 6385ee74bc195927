//! A client like any other: logs in by the name that clients use, and lists its folder over PASV and over EPSV.
//! Under TLS, unless the node has none (`ftp.tls`, `ftp.implicit_tls`): a password goes over the network.
//!
//! | file | what |
//! | --- | --- |
//! | `door` | where the visitor goes, and how it is protected there |
//! | `guest` | the control connection of a visitor, and its listings |
//! | `passive` | where a reply to PASV or EPSV leads |
//! | `shield` | TLS, and which certificates are believed |
//! | `wire` | a connection, in clear or under TLS, with an end of all patience |

mod door;
mod guest;
mod passive;
mod shield;
mod wire;

use std::time::{Duration, Instant};

use self::door::Door;
use self::guest::Guest;
use super::{Finding, Patient};
use crate::auth::Secret;

/// Who logs in, and where.
pub(crate) struct Visitor {
    /// A user of the users file.
    pub(crate) user: String,
    /// Its password.
    pub(crate) password: Secret,
    /// `ftp.example.org:21`, or `ftps://ftp.example.org:990` for implicit TLS; `None`: `aws.dns_name`, or the node
    /// itself.
    pub(crate) address: Option<String>,
}

/// The visit.
pub(super) fn visit(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "visit";
    let Some(visitor) = &patient.visitor else {
        let fix = "try it with --user NAME --password-file FILE";
        return vec![Finding::skipped(CHECK, "nobody was told to log in", fix)];
    };
    let door = match Door::find(patient.config, visitor.address.as_deref()) {
        Ok(door) => door,
        Err(reason) => {
            return vec![Finding::bad(CHECK, reason, "see the check of the name above")];
        }
    };
    let entered = door
        .shield(patient.config)
        .and_then(|shield| Guest::enter(&door, shield, visitor, Instant::now() + VISIT));
    let mut guest = match entered {
        Ok(guest) => guest,
        Err(Trouble { saw, fix }) => return vec![Finding::bad(CHECK, saw, fix)],
    };
    let saw = format!("{} logs in at {}, {}", visitor.user, door.address, door.manner);
    let mut findings = vec![Finding::fine(CHECK, saw)];
    let listings = [("visit by PASV", guest.list("PASV")), ("visit by EPSV", guest.list("EPSV"))];
    findings.extend(listings.map(|(check, listed)| match listed {
        Ok(saw) => Finding::fine(check, saw),
        Err(Trouble { saw, fix }) => Finding::bad(check, saw, fix),
    }));
    findings
}

/// What went wrong, and what helps.
#[derive(Debug)]
struct Trouble {
    saw: String,
    fix: String,
}

impl Trouble {
    fn new(saw: impl Into<String>, fix: &str) -> Self {
        Self { saw: saw.into(), fix: fix.to_owned() }
    }
}

/// For all of a visit, whatever the other side does meanwhile.
const VISIT: Duration = Duration::from_secs(60);
