//! Redis: what of a pool lies there, what it costs, what it needs.
//!
//! # Keys
//!
//! All keys begin with `flotilla:{NAME}:`, where `NAME` is `pool.name`; the braces put them into one slot. Pools
//! of other names can be in the same Redis. Hints go through the channel `flotilla:{NAME}:ev`. Which key holds
//! what stands in `cluster/src/store/redis/encode.rs`; what it means, in [`State`](crate::store::State).
//!
//! Nothing there needs to be kept for the nodes that run: a Redis that comes back empty hears everything again
//! (see [`failures`](super::failures)). Of a pool whose nodes are all down it is worth keeping what nobody could
//! tell again: bans, and the secrets under `sec`, above all the host keys. A file that Redis saves
//! now and then is enough.
//!
//! # Memory
//!
//! Measured with Redis 7.0, 20 nodes with 10,000 sessions each, every session with a user and an address of its own:
//!
//! | what | bytes |
//! | --- | --- |
//! | an idle session, in the list of sessions | 107, with a name of ten characters |
//! | its counts, where `per_user` and `per_address` are limited | 28 for both |
//! | a ban | 370; no more than 65,536 of them |
//! | an address with failed logins | 325, until `limits.ban_window` is over |
//!
//! A session that transfers has a command, a path of up to 64 bytes and numbers besides. So 200 bytes
//! for each session are enough while few transfer; where all do, 323 were measured (10,000 sessions).
//!
//! `maxmemory-policy noeviction` is needed: a key that Redis throws away is data that is lost.
//!
//! # Time
//!
//! In that pool a beat took 40 us of Redis and a login 25 us; `loadtest/README.md` has a pool of a million
//! sessions. A node beats every two seconds, publishes once a second at most, and asks at a login only where a
//! limit concerns it. Redis is single-threaded, and so are all of these: a command of somebody else that takes half a second (`KEYS` on
//! a large database, a slow script) looks to the nodes like a Redis that hangs.
//!
//! Each node has one connection.
//!
//! # Rights
//!
//! A user of its own suffices, with nothing but the pool's keys and channel:
//!
//! ```text
//! ACL SETUSER flotilla on >PASSWORD ~flotilla:{main}:* &flotilla:{main}:* +@read +@write +@connection +eval +evalsha +publish +subscribe +time
//! ```
//!
//! `+role` besides lets a node tell a replica from a master before it asks it anything, under Sentinels.
//! `pool.store` names the user, `pool.store_password_file` the file with the password. Where Sentinels
//! want a password, it is this one.
//!
//! # Sentinels and clusters
//!
//! - All keys lie in one slot, so one server answers for a pool. It is looked for with every new connection: by
//!   asking the Sentinels in turn, or by following what members of a cluster say. A cluster makes a pool no
//!   faster; it lets many pools share servers, and another member take over.
//! - Replication is asynchronous: a failover may lose what was written last. `min-replicas-to-write` shortens
//!   the window and does not close it. The pool finds out and tells again what was lost; what it can not tell
//!   again are failed logins, and the end of bans that were lifted.
//! - Over TLS the name that is dialled must stand in the certificate. Sentinels and clusters name members by IP
//!   address unless they are told to announce host names.
//! - Databases (`/3`) exist only where Redis is alone.
