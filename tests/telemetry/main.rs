//! What operators see: traces, metrics and logs as a real collector (rotel) and a real Prometheus get them, and what
//! becomes of the sessions when the collector is slow, full or gone.

mod absent;
mod arrived;
mod bound;
mod collector;
mod generated;
mod kept;
mod prometheus;
mod receiver;
mod secret;
mod trace;
