//! What a node logs, and in which form.
//!
//! # The log
//!
//! One line per event on standard error, so that a service manager or a container keeps it.
//! `telemetry.log = "text"` is for people: time, level, message, `name=value`; in colour on a
//! terminal. `"json"` is for programs: one flat object per line with `timestamp`, `level`,
//! `target`, `message`. Each line has `node`. The lines of a session have `session` and `client`,
//! and where they apply `user`, `protocol`, `command`, `path`, `bytes`, `elapsed_ms` and `reply`.
//!
//! Clients choose names and paths; control characters and what else could forge a line, a field or
//! act on a terminal is escaped. Passwords never reach a log.
//!
//! `telemetry.level` is a level or a filter by module, and is read again at HUP.
//!
//! # The transfer log
//!
//! `telemetry.xferlog` names a file for one [xferlog(5) line](crate::log::write_xferlog) per
//! transfer. At HUP it is opened again, so that `logrotate` can rename it. Blanks and control
//! characters in names become `_`, as with other servers; the JSON log has names unchanged. Times
//! are in UTC.
//!
//! # When nobody reads fast enough
//!
//! No session waits for a log. Each log has a queue of 4096 lines and a thread that writes; a line
//! that finds the queue full is dropped and counted, and the count is logged as soon as there is
//! room. At the end of the process the queues get one second to empty.
