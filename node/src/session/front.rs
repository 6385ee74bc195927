//! The first bytes of a control connection: a PROXY header may come with them, late, or must not.

use std::net::SocketAddr;
use std::time::Instant;

use flotilla_protocol::proxy::{Decoder, Header, ProxyError, Versions, is_header_start};
use tracing::{debug, warn};

use super::actor::Session;
use crate::listen::{Awaits, BANNED};
use crate::log::{self, About};
use crate::metrics::{ConnectionRefusal, Probe};
use crate::proxy::PATIENCE;

/// What the next bytes may be.
#[derive(Debug)]
pub(super) enum Front {
    /// Commands.
    Passed,
    /// The first ones, of somebody who may not send a header, and what is said of one.
    Closed(&'static str),
    /// The first ones, of a balancer that sends its header with them.
    Open {
        decoder: Box<Decoder>,
        /// When the whole header must be there, once a byte of it is.
        by: Option<Instant>,
    },
}

impl Front {
    pub(super) fn new(header: Awaits) -> Self {
        match header {
            Awaits::Nothing => Self::Passed,
            Awaits::Stranger => Self::Closed(STRANGER),
            Awaits::Off => Self::Closed(OFF),
            Awaits::Late => Self::Open { decoder: Box::new(Decoder::new(Versions::V2)), by: None },
        }
    }

    /// When patience with a header that has begun is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Open { by, .. } => *by,
            Self::Passed | Self::Closed(_) => None,
        }
    }
}

impl Session {
    /// Bytes came in; those of a header are taken out before the machine sees the rest.
    pub(super) fn on_input(&mut self, bytes: &[u8], now: Instant) {
        match &mut self.front {
            Front::Passed => self.machine.on_bytes(bytes, now),
            &mut Front::Closed(text) if is_header_start(bytes) => {
                self.front = Front::Passed;
                if let Some(held) = self.worker.tells_header() {
                    warn!(held, text, "PROXY header refused");
                }
                self.refuse_front(text, now);
            }
            Front::Closed(_) => {
                self.front = Front::Passed;
                self.machine.on_bytes(bytes, now);
            }
            Front::Open { decoder, by } => {
                let decoded = decoder.decode(bytes);
                by.get_or_insert(now + PATIENCE);
                self.on_decoded(decoded, bytes, now);
            }
        }
    }

    fn on_decoded(
        &mut self,
        decoded: Result<(usize, Option<Header>), ProxyError>,
        bytes: &[u8],
        now: Instant,
    ) {
        let (taken, header) = match decoded {
            Ok((_, None)) => return,
            Ok((taken, Some(header))) => (taken, header),
            Err(error) => {
                self.front = Front::Passed;
                if let Some(held) = self.worker.tells_header() {
                    warn!(held, %error, "PROXY header missing or wrong (ingress.proxy_protocol)");
                }
                return self.refuse_front(HEADERLESS, now);
            }
        };
        self.front = Front::Passed;
        match header {
            Header::Local => {
                self.worker.metrics.proxy.local.inc();
                self.worker.metrics.sessions.probes.of(Probe::Local).inc();
                debug!("connection of a balancer's own");
            }
            Header::Proxied { source, destination } => {
                if let Err(text) = self.become_of(source, destination, now) {
                    return self.dismiss(text, now);
                }
            }
        }
        self.trace_header(now);
        self.machine.on_bytes(bytes.get(taken..).unwrap_or_default(), now);
    }

    /// The client is known: what depends on its address is judged now, before any command.
    fn become_of(
        &mut self,
        source: SocketAddr,
        destination: SocketAddr,
        now: Instant,
    ) -> Result<(), &'static str> {
        self.worker.metrics.proxy.taken.inc();
        (self.peer, self.dialled) = (source, Some(destination));
        self.about = About { client: source.ip(), ..(*self.about).clone() }.into();
        log::change(&self.about);
        self.machine.on_addresses(source.ip(), destination);
        if self.worker.is_banned(source.ip(), now) {
            self.worker.metrics.sessions.refused.of(ConnectionRefusal::Banned).inc();
            return Err(BANNED);
        }
        // The balancer's own place is given back first: the client takes it.
        self.guard.entrance = None;
        self.guard.entrance = Some(self.worker.enter(source.ip())?);
        Ok(())
    }

    /// The header did not come to its end in time.
    pub(super) fn on_front_late(&mut self, now: Instant) {
        self.front = Front::Passed;
        self.worker.metrics.proxy.late.inc();
        if let Some(held) = self.worker.tells_header() {
            warn!(held, "PROXY header not complete in time");
        }
        self.dismiss(HEADERLESS, now);
    }

    fn refuse_front(&mut self, text: &'static str, now: Instant) {
        self.worker.metrics.proxy.refused.inc();
        self.dismiss(text, now);
    }
}

const STRANGER: &str = "A PROXY header is taken from ingress.balancers only.";
const OFF: &str = "No PROXY header is expected (ingress.proxy_protocol is off).";
const HEADERLESS: &str = "A PROXY header is expected first (ingress.proxy_protocol).";
