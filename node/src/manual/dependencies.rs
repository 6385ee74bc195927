//! What the node is built on, and why.
//!
//! # Actors and sockets
//!
//! - `actix`: actors and their arbiters. A session is an actor and stays on the arbiter that it
//!   began on, so that its state needs no lock. `actix-rt` names the arbiters' runtime.
//! - `actix-web`: health, metrics and the admin API over HTTP, with arbiters like everything else.
//!   `actix-http`, `actix-service`: what it is made of, to read a balancer's PROXY header before HTTP.
//! - `tokio`: what actix runs on. Sockets, timers, signals and channels are used directly.
//! - `socket2`: options that the standard library does not set: keepalive, reuse of addresses and
//!   ports, the queue of a listener, out-of-band data in line.
//! - `rustix`: system calls without `unsafe`: `openat2` and what else keeps a path inside its
//!   root, `statx`, `splice` and `sendfile`.
//!
//! Not used: `actix::io::FramedWrite`, which loses bytes when its actor stops and has no bound.
//!
//! # TLS and secrets
//!
//! - `rustls` with `aws-lc-rs`: TLS 1.2 and 1.3 in safe code. Ticketers and session caches can be
//!   replaced, which ties data connections to their session; the cryptography is the fastest of
//!   rustls' providers and serves for digests, PBKDF2 and randomness as well.
//! - `tokio-rustls`: TLS on control connections. Data connections [drive rustls
//!   themselves](crate::data), to send many records per system call.
//! - `rcgen`: the self-signed certificate of a first start.
//! - `x509-parser`: names and end of certificates, for logins by certificate and for the metrics.
//! - `argon2`: new password hashes. `bcrypt`, `sha-crypt`, `yescrypt`: those that come from other
//!   systems.
//! - `base64`: SSH keys and fingerprints in their written form.
//! - `zeroize`: a password is wiped when it is dropped.
//!
//! - `aws-config` and the `aws-sdk-*` of the services that are used: credentials from wherever AWS puts them,
//!   signatures, the shapes of all calls. They are generated and large, so the feature `aws` can leave them out.
//!   `aws-smithy-runtime-api`, `aws-smithy-types`: what they share, for the one interceptor that makes a span of each
//!   call.
//! - `russh`, exactly 0.65.1: the SSH transport (key exchange, ciphers on `aws-lc-rs`, signatures), the
//!   only one in Rust with strict key exchange, post-quantum exchange and certificates. Its interface
//!   changes often, so nothing outside `node/src/ssh` names it, and its channels are not used:
//!   [why](super::ssh). `russh-sftp` is not used: it serves one request at a time.
//! - `send_wrapper`: russh wants handlers that could change threads; ours never do, and this says so
//!   without `unsafe` of ours.
//! - `bytes`, `futures-util`: what russh takes its data in, and a set of futures of unknown number.
//! - `base64`: fingerprints and keys in text form.
//!
//! Not used: OpenSSL, which would bring C code of a version that the system chooses.
//!
//! # The pool
//!
//! - `redis`: the protocol of Redis, multiplexed connections, hints by push. Its layers above that are
//!   not used: its cluster sends a request again that broke off, although it may have been carried out,
//!   and its Sentinel connection does not come back after a failover. All keys of a pool lie in one
//!   slot, so finding the one server that has them is all that is wanted of either.
//! - `rmp-serde`: records of nodes and sessions in MessagePack. Fields have names, so that a node of another
//!   version leaves alone what it does not know and does without what is missing; and a session's record
//!   is short, of which a pool may have a million.
//!
//! Not used: `fred` in place of `redis`, since what it has more (pools, routing, sending again) is what must
//! not happen here. `postcard` and `bincode`, whose fields have places and no names: both sides would have to
//! know the same. JSON, but for settings, which people may want to read: it is longer, and has no bytes.
//! Gossip or Raft among the nodes (`chitchat`, `openraft`) in place of Redis: both want nodes that reach each
//! other, and Raft a majority of known members, which groups that scale do not have.
//!
//! # Storage
//!
//! - `crc32fast`, `md-5`: the digests of HASH and its elders that `aws-lc-rs` does not have.
//!
//! # Configuration and command line
//!
//! - `clap` (with `clap_complete`, `clap_mangen`): the command line; the manual page and the
//!   completions come from the same definition and can not disagree with it.
//! - `toml`: the parser. It goes on after an error and gives the place of every value, which is
//!   what makes complaints with lines possible.
//! - `toml_edit`: `flotilla user` changes the users file and keeps its comments and order.
//! - `serde`, `serde_json`: `--json` and the JSON log.
//! - `humantime`: times as people write them, and timestamps in the log.
//! - `ipnet`: networks in CIDR form.
//! - `strsim`: the nearest name of an unknown key.
//! - `ureq`: the verbs that ask a running node, over HTTP and without TLS; it blocks, and so does a verb: it asks
//!   once and ends. `reqwest`, `hyper` and actix's own client (`awc`) would bring a runtime to wait in.
//! - `rpassword`: a password typed at a terminal is not shown.
//! - `thiserror`: error types with their texts.
//!
//! Not used: `figment` and `config`, which know no line numbers: see
//! [configuration](super::configuration).
//!
//! # Logs, metrics and traces
//!
//! - `tracing`, `tracing-subscriber`: events with fields, filters by module.
//! - `prometheus-client`: metrics in the text form of OpenMetrics, with exemplars, which OpenTelemetry's SDK lacks.
//! - `opentelemetry`, `opentelemetry_sdk`, `opentelemetry-otlp` (with `opentelemetry-http` and `hyper-rustls` for OTLP over
//!   HTTP with TLS): the wire, the batches and the queues of traces, metrics and logs. They are the project's own, and no
//!   other speaks both gRPC and HTTP. The spans of sessions are made when what they are about is over, and are handed
//!   to the SDK's queue as data: its spans under way would cost each idle session some hundred bytes and each command a lock.
//! - `tracing-opentelemetry`: the spans of those who know no session, such as calls of AWS, which crate `cluster` makes with
//!   `tracing` alone.
//! - `time`: calendar dates of xferlog lines, of `expires` and of certificates, in UTC. Local time
//!   is left out on purpose: reading it is not safe in a process with threads, and the logs of a
//!   fleet should agree.
//!
//! Not used: `EnvFilter`, which takes a lock whenever a span is entered, that is per step of every
//! session. The writers of `tracing-subscriber`, which nest the fields of spans and write on the
//! thread that logs. `tracing-appender`, which would cure the second and not the first, and can
//! neither open its file again nor carry the transfer log as well. See [logs](super::logs).
