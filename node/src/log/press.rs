//! From an event to its line, in every form that is wanted.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tracing::Metadata;

use super::about::About;
use super::field::{Fields, Value};
use super::gate::Gate;
use super::otlp::Export;
use super::render::Form;

/// What all lines go through.
pub(super) struct Press {
    pub(super) gate: Arc<Gate>,
    /// The node's name, once it is known.
    pub(super) node: OnceLock<Arc<str>>,
    form: Form,
    export: Option<Export>,
}

impl Press {
    pub(super) fn new(gate: Gate, form: Form, export: Option<Export>) -> Self {
        Self { gate: Arc::new(gate), node: OnceLock::new(), form, export }
    }

    /// The first fields of a line: the node, and the session that it is about.
    pub(super) fn begin(&self, about: Option<&Arc<About>>) -> Fields {
        let mut fields = Fields::with_room();
        if let Some(node) = self.node.get() {
            fields.set("node", Value::Shared(Arc::clone(node)));
        }
        if let Some(about) = about {
            about.record(&mut fields);
        }
        fields
    }

    /// The line with these fields; it is exported here as well.
    pub(super) fn line(
        &self,
        at: SystemTime,
        metadata: &'static Metadata<'static>,
        fields: &Fields,
    ) -> Vec<u8> {
        let (level, target) = (*metadata.level(), metadata.target());
        if let Some(export) = &self.export {
            export.emit(at, level, target, fields);
        }
        self.form.line(at, level, target, fields)
    }

    /// What the thread that writes looks after: lines that were held back are told of, and a level that was
    /// chosen for a time ends.
    pub(super) fn chore(&self, lines: &mut Vec<u8>) -> Option<Duration> {
        let now = SystemTime::now();
        let (held, holds) = self.gate.take_held(second(now));
        for held in held {
            let mut fields = self.begin(None);
            fields.message = HELD.to_owned();
            fields.set("held", Value::Unsigned(held.lines));
            fields.set("text", Value::Text(held.text));
            lines.extend(self.line(now, held.metadata, &fields));
        }
        let left = self.gate.until().map(|until| until.saturating_duration_since(Instant::now()));
        let left = match left {
            Some(Duration::ZERO) => {
                self.gate.fall_back();
                let level = self.gate.state(Instant::now()).level;
                tracing::info!(level, "the log's level is the configured one again");
                None
            }
            left => left,
        };
        match holds {
            true => Some(left.map_or(LOOK, |left| left.min(LOOK))),
            false => left,
        }
    }
}

/// The second that limits count in.
pub(super) fn second(at: SystemTime) -> u32 {
    // It turns over in 2106; only neighbouring seconds must differ.
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as u32)
}

/// What the line says that stands for others.
pub(super) const HELD: &str = "lines like this were held back";
/// Between two looks at what is held back: lines are told of within little more than a second.
const LOOK: Duration = Duration::from_millis(250);
