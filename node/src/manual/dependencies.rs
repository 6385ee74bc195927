//! What the part of the node that configures and logs is built on, and why.
//!
//! - `clap` (with `clap_complete`, `clap_mangen`): the command line; the manual page and the
//!   completions come from the same definition and can not disagree with it.
//! - `toml`: the parser. It goes on after an error and gives the place of every value, which is what
//!   makes complaints with lines possible. See [configuration](super::configuration) for why no
//!   layering library stands above it.
//! - `humantime`: times as people write them, and timestamps in the log.
//! - `strsim`: the nearest name of an unknown key.
//! - `ipnet`: networks in CIDR form.
//! - `serde_json`: `--json` and the JSON log.
//! - `thiserror`: error types; `anyhow` in tests only.
//! - `time`: calendar dates of xferlog lines, in UTC. Local time is left out on purpose: reading it
//!   is not safe in a process with threads, and the logs of a fleet should agree.
//! - `tracing`, `tracing-subscriber`: events with fields, filters by module. `EnvFilter` is not
//!   used: it takes a lock whenever a span is entered, which is per step of every session. Its writers are not used: they nest the fields of spans, and write on the thread that
//!   logs. `tracing-appender` would cure the second and not the first, and can neither open its
//!   file again nor carry the transfer log as well. See [logs](super::logs).
