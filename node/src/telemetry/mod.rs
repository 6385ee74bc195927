//! What the node tells a collector by OTLP: traces, metrics and logs.
//!
//! A session is one trace. Its spans are made when what they are about is over ([`Trace::over`]): an idle session has
//! its [`Context`] and nothing else, and one that is not sampled pays a comparison per command. They are exported as
//! they come, so that a long session is seen before it ends; its root comes last. What failed or was slow is kept
//! whatever was drawn, with the root of its session.
//!
//! Libraries that know no session (calls of AWS) make spans of `tracing`, which [`layer`](Exporter::layer) takes over.
//!
//! An exporter that is slow or gone costs a queue of fixed length and never a session: what finds the queue full is
//! dropped and counted.

mod budget;
mod context;
mod endpoint;
mod export;
mod fault;
mod judged;
mod moved;
pub(crate) mod name;
mod pipeline;
mod protection;
mod queue;
mod record;
mod recorder;
mod resource;
mod text;
mod trace;
mod work;

pub(crate) use context::Context;
pub(crate) use export::COUNTS;
pub(crate) use fault::is_fault;
pub(crate) use judged::Judged;
pub(crate) use moved::{Moved, milliseconds};
pub(crate) use pipeline::Exporter;
#[cfg(feature = "aws")]
pub(crate) use pipeline::SPANS;
pub(crate) use protection::protected;
pub(crate) use record::Record;
pub(crate) use recorder::{is_on, is_slow, over};
pub(crate) use text::clean;
pub(crate) use trace::Trace;
pub(crate) use work::{Watch, watch, within};
