//! From tracing's spans and events to lines: an event bears the fields of the session that it is
//! [about], and of all spans around it.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::SystemTime;

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::about;
use super::field::{Fields, Value};
use super::queue::Queue;
use super::render::Form;

/// What is logged. The answer for each place in the code that logs is kept there by `tracing` until
/// [`set`](Self::set), so the lock is not taken per event.
#[derive(Clone, Debug)]
pub(super) struct Level(Arc<RwLock<Targets>>);

impl Level {
    pub(super) fn new(targets: Targets) -> Self {
        Self(Arc::new(RwLock::new(targets)))
    }

    pub(super) fn set(&self, targets: Targets) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = targets;
        tracing::callsite::rebuild_interest_cache();
    }

    fn read<T>(&self, ask: impl FnOnce(&Targets) -> T) -> T {
        ask(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Renders each event and queues the line.
pub(super) struct Lines {
    queue: Queue,
    form: Form,
    level: Level,
    /// The node's name, once it is known.
    node: Arc<OnceLock<String>>,
}

impl Lines {
    pub(super) fn new(queue: Queue, form: Form, level: Level, node: Arc<OnceLock<String>>) -> Self {
        Self { queue, form, level, node }
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        self.level.read(|targets| targets.would_enable(metadata.target(), metadata.level()))
    }
}

impl<S> Layer<S> for Lines
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    /// Asked only for events of the `log` crate, which have no place of their own.
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.level.read(|targets| Layer::<S>::max_level_hint(targets))
    }

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
        about::record(&mut fields);
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

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::log::queue::Output;

    struct Tee(Sender<Vec<u8>>);

    impl Write for Tee {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_bears_the_fields_of_the_spans_around_it_and_the_level_changes() {
        let (sender, receiver) = channel();
        let queue = Queue::spawn("test", Output::Other(Box::new(Tee(sender)))).unwrap();
        let level = Level::new("info".parse().unwrap());
        let node = Arc::new(OnceLock::new());
        node.set("n1".to_owned()).unwrap();
        let lines = Lines::new(queue.clone(), Form::Json, level.clone(), node);
        let log = |text: &str| tracing::debug!(target: "flotilla::test", path = text, "looked");
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            let session = tracing::info_span!("session", session = 7, user = tracing::field::Empty);
            let _entered = session.enter();
            session.record("user", "ann");
            tracing::info!(session = 8, bytes = 5_u64, error = %io::Error::other("x"), "done");
            log("unseen");
            level.set("warn,flotilla::test=debug".parse().unwrap());
            log("seen");
            tracing::info!("unseen");
        });
        queue.flush(Duration::from_secs(10));
        let text = receiver.try_iter().flatten().collect::<Vec<_>>();
        let lines = String::from_utf8(text)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .collect::<Vec<_>>();
        assert_eq!(lines.len(), 2, "{lines:?}");
        let [done, looked] = [&lines[0], &lines[1]];
        assert_eq!(
            (&done["node"], &done["session"], &done["user"], &done["bytes"], &done["error"]),
            (&"n1".into(), &8.into(), &"ann".into(), &5.into(), &"x".into())
        );
        assert_eq!((&looked["path"], &looked["session"]), (&"seen".into(), &7.into()));
        assert_eq!((&looked["message"], &looked["level"]), (&"looked".into(), &"DEBUG".into()));
    }
}
