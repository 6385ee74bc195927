//! What a node logs, and in which form.
//!
//! # The log
//!
//! One line per event on standard error, so that a service manager or a container keeps it.
//! `telemetry.log = "text"` is for people: time, level, message, `name=value`; in colour on a
//! terminal. `"json"` is for programs: one flat object per line with `timestamp`, `level`,
//! `target`, `message`. Each line has `node`. The lines of a session have `session`, `client`,
//! `protocol`, `trace_id` and `span_id`, and where they apply `user`,
//! `command`, `path`, `bytes`, `elapsed_ms` and `reply`.
//!
//! Clients choose names and paths; control characters and what else could forge a line, a field or
//! act on a terminal is escaped. Passwords never reach a log.
//!
//! # Levels
//!
//! `telemetry.level` is a level (`off`, `error`, `warn`, `info`, `debug`, `trace`) or a filter by
//! module: `info,flotilla::ssh=debug`; the longest module that fits decides. It is read again at HUP.
//! The lines that account for what clients did, "logged in", "transfer ended", "files changed" and
//! "session ended", have the target `flotilla::account`, so that `warn,flotilla::account=info` is a
//! quiet log with all of them. What the libraries tell that serve HTTP and carry telemetry counts from
//! `warn` on, unless they are named: `debug,hyper=debug`.
//!
//! At `debug` there is a line for each command or request that was answered, with `command`, `reply` and
//! `elapsed_ms`, but for its argument.
//!
//! `flotilla log level` prints what the running node logs, and `flotilla log level FILTER` changes it,
//! `--for 10m` for that time; without a time until `--reset`, the next HUP or a restart. It concerns the
//! node that is asked (`--admin` names another one). A text that is no filter is refused, and all stays
//! as it was.
//!
//! # Floods
//!
//! Each place in the code that logs may write `telemetry.lines_per_second` lines in a second, 200 by
//! default, errors included; 0 is any number. What it wants to write beyond is counted, and told within
//! little more than a second in one line, also if the place is silent then: "lines like this were held
//! back" with the level and the target of the place, `held` as the count and `text` as what the first of
//! them said. The lines of the account are never held back.
//!
//! # What led to a failure
//!
//! With `telemetry.session_ring = 64` the last 64 lines of the level `debug` that a session would have
//! logged are kept in memory, and written once something fails in it: the line "the session failed, what
//! was kept of it follows" with the `reason`, then the kept ones, the oldest first, each with the time at
//! which it happened and `ring` as `true`. They are written at once and not when the session ends: an
//! hour later they would be lost among others. What comes after is kept anew, for the next failure.
//!
//! A session fails when
//!
//! - a transfer or another command ends in a failure that neither the client's request (no such file, no
//!   permission, a bad name), nor a rule or a limit, nor somebody's wish to end it explains: no space, a
//!   storage that is silent or in error, no passive port, a data connection that did not come about, broke,
//!   stalled or failed in TLS, an error of our own;
//! - the control connection is lost during a transfer, even if that is brought to its end;
//! - after a login, the connection breaks the rules of TLS or SSH, or a channel those of its protocol;
//! - an error is logged on its behalf.
//!
//! Lines that a session writes anyway are not kept; those that are about no session, and those of
//! libraries, are dropped as without a ring. 64 lines take 48 KiB at the most, whatever clients put into
//! them: longer lines are fewer. Measured were 26 KiB of short lines with three fields, and 34 KiB of
//! lines of 40 characters with five; a session that logged little has little.
//! Without a ring a session has nothing of this, and lines below the level are not even made.
//!
//! # OpenTelemetry
//!
//! With `logs` in `telemetry.otlp_signals` each line that is written goes to the collector as well, as a
//! log record with its severity, the trace and span of its session, and its fields as attributes: by the
//! names of the semantic conventions where these have one (`client.address`, `user.name`, `file.path`,
//! `network.protocol.name`, `error.type`, `exception.message`), else as `flotilla.command` and so on.
//! Lines about the export itself are not exported.
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
