//! From tracing's spans and events to lines: an event bears the fields of all spans around it, so
//! that a session's name and client stand in each of its lines.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::field::{Fields, Value};
use super::queue::Queue;
use super::render::Form;

/// Renders each event and queues the line.
pub(super) struct Lines {
    queue: Queue,
    form: Form,
    /// The node's name, once it is known.
    node: Arc<OnceLock<String>>,
}

impl Lines {
    pub(super) fn new(queue: Queue, form: Form, node: Arc<OnceLock<String>>) -> Self {
        Self { queue, form, node }
    }
}

impl<S> Layer<S> for Lines
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            record.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        if let Some(node) = self.node.get() {
            fields.set("node", Value::Text(node.clone()));
        }
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.extend(outer);
            }
        }
        event.record(&mut fields);
        let target = fields.target.take();
        let target = target.as_deref().unwrap_or_else(|| event.metadata().target());
        let level = *event.metadata().level();
        self.queue.push(self.form.line(SystemTime::now(), level, target, &fields));
    }
}
