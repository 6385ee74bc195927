//! From tracing's events to lines: an event bears the fields of the session that it is
//! [about]. Spans are for traces: what they would add to a line, that session knows.

use std::sync::Arc;
use std::time::SystemTime;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::about::{self, About};
use super::field::{Fields, Value};
use super::gate::{FAILED, Verdict, Wanted};
use super::press::{Press, second};
use super::queue::Queue;
use super::ring::{Line, Ring};

/// Renders each event and queues the line.
pub(super) struct Lines {
    queue: Queue,
    press: Arc<Press>,
}

/// The layer of the log, which wants what its gate lets pass, whatever other layers want.
pub(super) fn layer<S>(press: &Arc<Press>, queue: &Queue) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    let wanted = Wanted(Arc::clone(&press.gate));
    Lines { queue: queue.clone(), press: Arc::clone(press) }.with_filter(wanted)
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let at = SystemTime::now();
        about::with(|about| match self.press.gate.verdict(event.metadata()) {
            Verdict::Nothing => {}
            Verdict::Keep => {
                if let Some((about, ring)) =
                    about.and_then(|about| Some((about, about.ring.as_ref()?)))
                {
                    keep(event, at, about, ring);
                }
            }
            Verdict::Write => self.write(event, at, about),
        });
    }
}

impl Lines {
    fn write(&self, event: &Event<'_>, at: SystemTime, about: Option<&Arc<About>>) {
        let metadata = event.metadata();
        let ring = about.and_then(|about| about.ring.as_ref());
        match self.press.gate.pass(metadata, second(at)) {
            Ok(()) => {
                let mut fields = self.press.begin(about);
                event.record(&mut fields);
                self.queue.push(self.press.line(at, metadata, &fields));
            }
            Err(first) => {
                if let Some(place) = first {
                    let mut fields = Fields::default();
                    event.record(&mut fields);
                    place.note(&fields.message);
                    self.queue.wake();
                }
                return;
            }
        }
        if let (Some(about), Some(ring)) = (about, ring)
            && (metadata.target() == FAILED || *metadata.level() == Level::ERROR)
        {
            self.write_kept(about, ring);
        }
    }

    /// Writes what was kept of a session, the oldest line first. The limits of their places hold for these
    /// lines too: a crowd that fails together must not flood the log.
    fn write_kept(&self, about: &Arc<About>, ring: &Ring) {
        for line in ring.take() {
            let Line { at, metadata, path, fields: own } = line;
            if self.press.gate.pass(metadata, second(SystemTime::now())).is_err() {
                continue;
            }
            let trace = own.trace.unwrap_or(about.trace);
            let about = Arc::new(About { path, trace, ..(**about).clone() });
            let mut fields = self.press.begin(Some(&about));
            fields.message = own.message;
            for (name, value) in own.values {
                fields.set(name, value);
            }
            fields.set("ring", Value::Flag(true));
            self.queue.push(self.press.line(at, metadata, &fields));
        }
    }
}

fn keep(event: &Event<'_>, at: SystemTime, about: &About, ring: &Ring) {
    let mut fields = Fields { trace: Some(about.trace), ..Fields::default() };
    event.record(&mut fields);
    ring.keep(Line { at, metadata: event.metadata(), path: about.path.clone(), fields });
}

#[cfg(test)]
mod tests;
