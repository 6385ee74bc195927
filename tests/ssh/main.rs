//! SFTP and SCP: OpenSSH's clients, the libraries of Python, other people's programs, and raw
//! packets, against the real server.
//!
//! With `FLOTILLA_LONG` in the environment the transfers are longer, the folders larger and the
//! pauses of a minute are real; `tests/run` goes without.

mod command;
mod flood;
mod forward;
mod gone;
mod key;
mod log;
mod login;
mod openssh;
mod python;
mod raw;
mod rekey;
mod scp;
mod slow;
mod stop;
mod transport;
mod tree;
