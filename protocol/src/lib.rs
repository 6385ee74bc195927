//! File-transfer protocols as pure machines: bytes in, events and bytes out.
//!
//! Nothing in this crate opens a socket or a file, reads a clock or draws a random number. Time is
//! an argument (`now`), and whatever needs the world leaves a machine as a typed request that the
//! caller carries out and answers. That makes every state reachable by a test, and every test
//! repeatable.
//!
//! # Map
//! - [`path`]: paths as clients see them; parsed once, unable to leave their root.
//! - [`entry`]: what listings and status replies say of a file.
//! - [`failure`], [`digest`]: what can go wrong, and the hash algorithms, for all protocols.
//! - [`ftp`]: RFC 959 and its successors: lines, commands, replies, listings, and the session.
//! - [`exec`], [`scp`]: the commands that SSH clients may run, and the copy protocol of `scp`.
//! - [`proxy`]: the header by which a balancer says who the client is.
//! - [`glob`]: shell patterns, for listings and for those commands.
//! - [`sftp`]: version 3 with the extensions of OpenSSH: packets, order, and the session.
//! - [`manual`]: decisions and their reasons, what is missing, and the mistakes of others.
//!
//! # Invariants
//! - A [`path::VirtualPath`] is normalised, from whatever bytes it was made.
//! - No text of a peer ends a line or forges a reply: [`ftp::Reply`] alone writes replies.
//! - What a command means is decided in [`ftp::Command::parse`] and nowhere else, and
//!   [`failure::Failure::code`] alone knows the reply codes of failures; SFTP's are in
//!   `sftp/status.rs` and nowhere else.
//! - However a stream is cut into reads, the same headers, lines or packets come out of it.
//! - An SFTP handle means the file that it was given out for, or nothing.
//! - No unsent reply keeps a machine from taking input.
//! - Nothing grows without a limit that has a name.
//!
//! # Contract of a machine
//! A machine has four kinds of methods, as `ftp::Session` shows: getters; `on_*` inputs, which take
//! `now` if time matters; commands of the owner; and `poll*` outputs, which are `#[must_use]`.
//! Inputs never panic, whatever a peer sends. They never fail either, but for a stream that can not
//! be read on: [`sftp::Session::on_bytes`] says so, once and for all.

pub mod digest;
pub mod entry;
pub mod exec;
pub mod failure;
pub mod ftp;
pub mod glob;
pub mod manual;
pub mod path;
pub mod proxy;
pub mod scp;
pub mod sftp;
