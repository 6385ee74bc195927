//! FTP sessions: one actor per control connection.
//!
//! | file | what |
//! | --- | --- |
//! | `actor` | the `Session` actor: the machine, the wire, the timer, and the loop that drives them |
//! | `perform` | carries out what the machine asks |
//! | `passive` | the passive port that the client was told |
//! | `operation` | operations without a data connection |
//! | `link` | how a data connection comes about |
//! | `contest` | several connections to one passive port, of which one is the client's |
//! | `transfer` | one transfer from its request to its result |
//! | `ending` | whether a clear upload is whole when its data ends |
//! | `wire` | the control connection, clear or TLS |
//! | `front` | its first bytes, which may be a PROXY header |
//! | `keep` | what keeps it while a request is under way |
//! | `timer` | the one lazy timer |
//! | `record` | what is logged |
//! | `trace` | its spans |

mod actor;
mod contest;
mod ending;
mod front;
mod keep;
mod link;
mod operation;
mod passive;
mod perform;
mod record;
mod timer;
mod trace;
mod transfer;
mod wire;

pub(crate) use actor::{Guard, KICKED, LAST_WORDS, Notice, Session};
pub(crate) use timer::Timer;
