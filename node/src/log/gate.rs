//! Which events are written, which are kept for their session only, and which not at all.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use tracing::subscriber::Interest;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Filter};

use super::about;
use super::place::{Held, Pass, Place, Places};
use crate::config::{FILTER, Telemetry, is_filter};

/// The rules of the log. The verdict of each place in the code is kept there until the rules change, so
/// their lock is not taken per event.
#[derive(Debug)]
pub(super) struct Gate {
    rules: RwLock<Rules>,
    /// Grows with every change of the rules; what was decided before is asked again.
    version: AtomicU32,
    /// Lines of one place in a second; 0: any number.
    limit: AtomicU32,
    places: Places,
}

#[derive(Debug)]
struct Rules {
    /// `telemetry.level`.
    configured: String,
    /// What an operator put in its place.
    chosen: Option<Chosen>,
    /// Of these two the one in force.
    targets: Targets,
    /// Whether sessions keep lines.
    rings: bool,
}

#[derive(Debug)]
struct Chosen {
    filter: String,
    /// When the configured one is to come back.
    until: Option<Instant>,
}

/// What is logged, for those who ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LevelState {
    /// The filter in force.
    pub(crate) level: String,
    /// The one of the configuration.
    pub(crate) configured: String,
    /// When it comes back, if that is near or far; `None`: with a reload or a restart.
    pub(crate) left: Option<Duration>,
}

/// A text that is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no filter: expected {FILTER}")]
pub(crate) struct BadFilter(String);

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Nothing,
    /// Its session keeps it, if it is about one.
    Keep,
    Write,
}

impl Gate {
    /// The gate of a configuration.
    ///
    /// # Errors
    /// A filter that can not be read.
    pub(super) fn new(telemetry: &Telemetry) -> Result<Self, BadFilter> {
        let rules = Rules {
            configured: telemetry.level.clone(),
            chosen: None,
            targets: targets(&telemetry.level)?,
            rings: telemetry.session_ring > 0,
        };
        Ok(Self {
            rules: RwLock::new(rules),
            version: AtomicU32::new(FIRST),
            limit: AtomicU32::new(telemetry.lines_per_second),
            places: Places::default(),
        })
    }

    /// Goes by another configuration; what an operator chose is over.
    ///
    /// # Errors
    /// A filter that can not be read; all stays as it was.
    pub(super) fn configure(&self, telemetry: &Telemetry) -> Result<(), BadFilter> {
        let targets = targets(&telemetry.level)?;
        self.limit.store(telemetry.lines_per_second, Ordering::Relaxed);
        self.change(|rules| {
            *rules = Rules {
                configured: telemetry.level.clone(),
                chosen: None,
                targets,
                rings: telemetry.session_ring > 0,
            };
        });
        Ok(())
    }

    /// Goes by a filter that an operator chose, until that time, or a reload.
    ///
    /// # Errors
    /// A filter that can not be read; the one in force stays.
    pub(super) fn choose(&self, filter: &str, until: Option<Instant>) -> Result<(), BadFilter> {
        let targets = targets(filter)?;
        let chosen = Some(Chosen { filter: filter.to_owned(), until });
        self.change(|rules| (rules.targets, rules.chosen) = (targets, chosen));
        Ok(())
    }

    /// Goes by the configured filter again; whether another one was in force.
    pub(super) fn fall_back(&self) -> bool {
        // It was read before.
        let Ok(targets) = targets(&self.read(|rules| rules.configured.clone())) else {
            return false;
        };
        let mut was_chosen = false;
        self.change(|rules| {
            was_chosen = rules.chosen.take().is_some();
            rules.targets = targets;
        });
        was_chosen
    }

    /// When the configured filter is to come back.
    pub(super) fn until(&self) -> Option<Instant> {
        self.read(|rules| rules.chosen.as_ref().and_then(|chosen| chosen.until))
    }

    /// What is in force.
    pub(super) fn state(&self, now: Instant) -> LevelState {
        self.read(|rules| {
            let chosen = rules.chosen.as_ref();
            LevelState {
                level: chosen.map_or(&rules.configured, |chosen| &chosen.filter).clone(),
                configured: rules.configured.clone(),
                left: chosen
                    .and_then(|chosen| chosen.until)
                    .map(|until| until.saturating_duration_since(now)),
            }
        })
    }

    /// What becomes of an event of this place.
    pub(super) fn verdict(&self, metadata: &'static Metadata<'static>) -> Verdict {
        match self.places.of(metadata) {
            Some(place) => self.verdict_at(place),
            None => self.decide(metadata),
        }
    }

    /// Asks for one line of this place. `Some(place)` holds it back, for the first time since it was told of.
    pub(super) fn pass(
        &self,
        metadata: &'static Metadata<'static>,
        second: u32,
    ) -> Result<(), Option<&Place>> {
        let limit = self.limit.load(Ordering::Relaxed);
        if limit == 0 || metadata.target() == ACCOUNT {
            return Ok(());
        }
        let Some(place) = self.places.of(metadata) else { return Ok(()) };
        match place.pass(second, limit) {
            Pass::Write => Ok(()),
            Pass::Hold { first } => Err(first.then(|| {
                self.places.note_holding();
                place
            })),
        }
    }

    /// What was held back before this second, and whether something still is.
    pub(super) fn take_held(&self, second: u32) -> (Vec<Held>, bool) {
        self.places.take_held(second)
    }

    fn verdict_at(&self, place: &Place) -> Verdict {
        let version = self.version.load(Ordering::Acquire);
        let noted = place.verdict.load(Ordering::Relaxed);
        if noted & !VERDICT_BITS == version {
            return Verdict::from_bits(noted & VERDICT_BITS);
        }
        let verdict = self.decide(place.metadata);
        place.verdict.store(version | verdict.bits(), Ordering::Relaxed);
        verdict
    }

    fn decide(&self, metadata: &Metadata<'_>) -> Verdict {
        let (target, level) = (metadata.target(), metadata.level());
        self.read(|rules| match () {
            // They say more than their place could: see the fields of an event.
            () if metadata.is_span() => Verdict::Nothing,
            () if rules.targets.would_enable(target, level) => Verdict::Write,
            () if !rules.rings => Verdict::Nothing,
            // Whoever has sessions keep lines wants to know how they fail.
            () if target == FAILED => Verdict::Write,
            () if *level <= Level::DEBUG && target.starts_with(OWN) => Verdict::Keep,
            () => Verdict::Nothing,
        })
    }

    fn change(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.rules.write().unwrap_or_else(PoisonError::into_inner));
        self.version.fetch_add(FIRST, Ordering::Release);
        tracing::callsite::rebuild_interest_cache();
    }

    fn read<T>(&self, ask: impl FnOnce(&Rules) -> T) -> T {
        ask(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// For one layer among others: what it does not want, another may.
pub(super) struct Wanted(pub(super) std::sync::Arc<Gate>);

impl<S> Filter<S> for Wanted {
    /// Asked where the answer is not the same for all threads, or for all layers.
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        let verdict = match self.0.places.find(&metadata.callsite()) {
            Some(place) => self.0.verdict_at(place),
            None => self.0.decide(metadata),
        };
        match verdict {
            Verdict::Nothing => false,
            Verdict::Keep => about::is_kept(),
            Verdict::Write => true,
        }
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.0.decide(metadata) == Verdict::Nothing {
            return Interest::never();
        }
        match self.0.verdict(metadata) {
            Verdict::Nothing => Interest::never(),
            Verdict::Keep => Interest::sometimes(),
            Verdict::Write => Interest::always(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.0.read(|rules| {
            let written = Filter::<S>::max_level_hint(&rules.targets)?;
            Some(if rules.rings { written.max(LevelFilter::DEBUG) } else { written })
        })
    }
}

impl Verdict {
    fn bits(self) -> u32 {
        match self {
            Self::Nothing => 1,
            Self::Keep => 2,
            Self::Write => 3,
        }
    }

    fn from_bits(bits: u32) -> Self {
        match bits {
            3 => Self::Write,
            2 => Self::Keep,
            _ => Self::Nothing,
        }
    }
}

/// The levels of a filter. What libraries tell of their own work counts as warnings at least, unless they are
/// asked for by name.
fn targets(filter: &str) -> Result<Targets, BadFilter> {
    let bad = || BadFilter(filter.to_owned());
    if !is_filter(filter) {
        return Err(bad());
    }
    let own: Targets = filter.parse().map_err(|_| bad())?;
    let level = own.default_level().unwrap_or(LevelFilter::OFF).min(LevelFilter::WARN);
    let named = |library: &&str| own.iter().any(|(target, _)| target == *library);
    let libraries = LIBRARIES.iter().filter(|library| !named(library));
    let libraries: Vec<_> = libraries.map(|library| (*library, level)).collect();
    Ok(own.with_targets(libraries))
}

/// The target of the lines that account for what clients did: they are never held back.
pub(crate) const ACCOUNT: &str = "flotilla::account";
/// The target of the line that has the lines written which were kept of its session.
pub(super) const FAILED: &str = "flotilla::failed";
/// The targets of our own crates begin so.
const OWN: &str = "flotilla";
/// Those that work for us without being asked: the HTTP server's threads, and what carries telemetry.
const LIBRARIES: &[&str] =
    &["actix_server", "h2", "hyper", "opentelemetry", "rustls", "tonic", "tower"];
/// The lowest version; the bits below it hold a verdict.
const FIRST: u32 = 4;
const VERDICT_BITS: u32 = FIRST - 1;
