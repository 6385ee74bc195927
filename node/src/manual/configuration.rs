//! How a node is configured.
//!
//! # Layers
//!
//! Values come from these places; the later wins, key by key:
//!
//! 1. the defaults, so that a node needs no file;
//! 2. the main file: `--config FILE`, which must exist, else `/etc/flotilla/flotilla.toml` if it
//!    does;
//! 3. `conf.d/*.toml` beside the main file, sorted by name;
//! 4. variables `FLOTILLA_SECTION__KEY`, as `FLOTILLA_FTP__PASSIVE__PORTS=50000-50999`; variables
//!    without a double underscore are none of the configuration's;
//! 5. flags: `--set ftp.tls=required`, and those with a name of their own (`--data-dir`,
//!    `--listen`, `--log`), which win over `--set`.
//!
//! In variables and flags a value may be written as in a file (`'["10.0.0.0/8"]'`) or plainly
//! (`0.0.0.0:21`); lists also with commas. `[[host]]` stands in files only, and those of all files
//! add up.
//!
//! `flotilla config show --origin` prints every value with the place that it comes from. What it
//! prints is itself a valid file.
//!
//! # Values
//!
//! - Times: `"90s"`, `"10m"`, `"1h 30m"`, `"7d"`. Sizes: `"64MiB"`, `"10GB"`, or bytes as a number.
//! - Paths: certificates, the files of `[ssh]`, `[pool]` and `[admin]`, `telemetry.xferlog` and `node.data_dir` start at the
//!   folder of the file that names them, at the working directory when no file does. `users.file`, `storage.root` and
//!   `host.root` start at the data folder. So a verb that is called from elsewhere with the same
//!   `--config` finds the same files.
//! - Secrets are named by file (`…_file`), never written into the configuration. Such a file must be
//!   readable by nobody else; a token of the admin API may be by its group.
//!
//! Users have [a file of their own](super::users).
//!
//! # Errors
//!
//! A configuration is taken whole or not at all. `flotilla check` prints everything that is wrong,
//! each with file, line and key, what was expected and what was found; an unknown key with the
//! name that was probably meant. Besides single values it refuses what contradicts itself, a
//! storage root that would show users the node's own files, and files of certificates and keys that
//! can not be read or used: an SSH host key or a secret that others can read, a key that has a passphrase. The exit code is 2.
//!
//! Keys of parts that are not built yet are known. They are accepted at their default and refused
//! otherwise: what an operator asks for is done or refused, not ignored.
//!
//! # Why not a configuration library
//!
//! The layering crates (`figment`, `config`) know which file a value came from and not on which
//! line, stop at the first error, and derive from the struct, so that names, defaults and texts for
//! the reference would have to be kept elsewhere as well. Here [one table](crate::config::keys)
//! has all of it, the `toml` parser gives the place of every value, and reading, suggestions,
//! `config show`, the manual page and the reference below come from the table. The compiler sees
//! that each field of [`Config`](crate::config::Config) has a key, a test that each key has a
//! field.
//!
//! # Reference
#![doc = include_str!("reference.md")]
