//! How this node stands with its pool: whether that takes it, and whether it has the pool's secrets.
//!
//! At the start a node with a wrong secret ends (`system::join`). One that serves goes on with what it has,
//! unready and with the reason, and looks again: what is wrong may be the store, or a node that came to a store
//! that had forgotten the pool.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{AsyncContext, Context, SpawnHandle};
use flotilla_cluster::agent::{Link, Refusal};
use flotilla_cluster::relay::{RELAY_KEY_BYTES, RelayKey};
use flotilla_cluster::store::Store;
use tracing::{debug, error, info, warn};
use zeroize::Zeroizing;

use super::Pool;
use super::errand::Errand;
use super::sharing::{self, Agreed, Sharing, SharingError, Stance};
use super::traced::Traced;
use crate::health::POOL;
use crate::policy::Policy;
use crate::tls::ROTATION;

/// What is known of it.
#[derive(Default)]
pub(super) struct Secrets {
    look: Errand,
    accord: Accord,
    /// The ticket keys in use.
    pub(super) tickets: InUse,
    /// What proves relays.
    pub(super) relay: Option<RelayKey>,
    pub(super) relay_bytes: Option<Zeroizing<[u8; RELAY_KEY_BYTES]>>,
    /// Why the pool does not take the node, and the end of the time in which it may yet.
    refusal: Option<(String, Option<SpawnHandle>)>,
}

/// Which ticket keys are in use.
#[derive(Debug, Default)]
pub(super) struct InUse {
    /// In the store; 0: the node's own.
    pub(super) version: u64,
    /// Of the key that seals; empty: one of the node's own.
    pub(super) name: String,
}

/// Whether the node has the secrets of the pool.
#[derive(Debug, Default, PartialEq, Eq)]
struct Accord {
    /// As far as was seen last.
    is_proved: bool,
    /// The store forgot since.
    asserts: bool,
    /// It was something else once: that can be a store that has forgotten before this node heard of it.
    is_in_doubt: bool,
    /// What is wrong.
    trouble: Option<String>,
}

/// What a look found.
#[derive(Default)]
struct Look {
    trouble: Option<String>,
    tickets: Option<Agreed>,
    relay: Option<Zeroizing<Vec<u8>>>,
}

impl Pool {
    pub(super) fn on_joined(&mut self, forgotten: bool, context: &mut Context<Self>) {
        if !self.parts.alone {
            let store = self.parts.store.name();
            info!(store, pool = self.parts.name, forgotten, "part of the pool");
        }
        if let Some((_, Some(timer))) = self.secrets.refusal.take() {
            context.cancel_future(timer);
        }
        self.show_standing();
        if forgotten {
            self.tell_settings(context);
            self.secrets.accord.on_forgotten();
        }
        self.secrets.look.want();
        self.look_at_secrets(context);
    }

    pub(super) fn on_refused(&mut self, refusal: Refusal, context: &mut Context<Self>) {
        error!(%refusal, "the pool does not take this node");
        let timer = match refusal {
            Refusal::Superseded => {
                self.fail(refusal.to_string());
                None
            }
            // One that was killed is dead in a moment; one that lives is somebody else.
            Refusal::InUse(_) => Some(context.run_later(NAME_PATIENCE, |pool, _| {
                if let Link::Refused(refusal) = pool.agent.link() {
                    pool.fail(refusal.to_string());
                }
            })),
        };
        let before = self.secrets.refusal.replace((refusal.to_string(), timer));
        if let Some((_, Some(timer))) = before {
            context.cancel_future(timer);
        }
        self.show_standing();
    }

    /// The latch of the pool. A store that is away opens none: the node serves all the same.
    fn show_standing(&self) {
        let refusal = self.secrets.refusal.as_ref().map(|(reason, _)| reason);
        match refusal.or(self.secrets.accord.trouble.as_ref()) {
            Some(reason) => self.parts.readiness.set(POOL, reason.clone()),
            None => self.parts.readiness.clear(POOL),
        }
    }

    /// The node ends, for it must not be in its pool.
    fn fail(&mut self, reason: String) {
        let node = self.agent.node();
        *self.parts.fault.borrow_mut() = Some(format!("{node}: {reason}"));
    }

    /// The secrets are to be looked at now: there is something new.
    pub(super) fn want_secrets(&mut self, context: &mut Context<Self>) {
        self.secrets.look.want();
        self.look_at_secrets(context);
    }

    /// Looks whether the pool's secrets are those of this node, puts them there where the store has forgotten
    /// them, and takes its ticket keys over. Whoever leads makes new ones when it is time.
    pub(super) fn look_at_secrets(&mut self, context: &mut Context<Self>) {
        let now = Instant::now();
        let is_fine = matches!(self.agent.link(), Link::Fine { .. });
        if self.parts.alone || !is_fine || !self.secrets.look.begin(now) {
            return;
        }
        let stance = self.secrets.accord.stance();
        let asked = Asked {
            sharing: self.parts.sharing.clone(),
            store: Rc::<Traced>::clone(&self.parts.store),
            policy: Arc::clone(&self.parts.policy),
            stance,
            is_proved: self.secrets.accord.is_proved,
            rotate: self.agent.term(now).map(|_| ROTATION),
        };
        self.wait(context, look(asked), move |pool, found, _| pool.on_look(stance, found));
    }

    fn on_look(&mut self, stance: Stance, found: Result<Look, SharingError>) {
        let now = Instant::now();
        let look = match found {
            Ok(look) => look,
            Err(SharingError::Refused(reason)) => Look { trouble: Some(reason), ..Look::default() },
            Err(error) => {
                self.secrets.accord.on_unknown(stance);
                self.secrets.look.on_failed(now);
                return warn!(%error, "secrets of the pool not read");
            }
        };
        let before = self.secrets.accord.trouble.clone();
        let pause = self.secrets.accord.on_look(look.trouble);
        self.secrets.look.on_done(now, pause);
        let accord = &self.secrets.accord;
        match &accord.trouble {
            Some(reason) if before != accord.trouble => {
                error!(reason, "this node does not have the secrets of its pool");
            }
            None if before.is_some() => info!("this node has the secrets of its pool again"),
            _ => {}
        }
        self.show_standing();
        if let Some(key) = &look.relay {
            self.use_relay_key(key);
        }
        if let Some(tickets) = look.tickets {
            self.use_tickets(tickets);
        }
    }

    fn use_tickets(&mut self, agreed: Agreed) {
        let Agreed { version, name, keys } = agreed;
        if name != self.secrets.tickets.name {
            debug!(version, name, "ticket keys of the pool in use");
            self.parts.tls.adopt_tickets(keys);
        }
        self.secrets.tickets = InUse { version, name };
        self.propose();
    }
}

impl Accord {
    fn stance(&mut self) -> Stance {
        match std::mem::take(&mut self.asserts) {
            true => Stance::Assert,
            false => Stance::Follow,
        }
    }

    /// What the node has is the pool's only if it was before.
    fn on_forgotten(&mut self) {
        self.asserts |= self.is_proved;
    }

    /// The look came to nothing: what it should have put back is put back by the next.
    fn on_unknown(&mut self, stance: Stance) {
        self.asserts |= stance == Stance::Assert;
    }

    /// Tells when to look again: soon where others may yet put back what the store forgot.
    fn on_look(&mut self, trouble: Option<String>) -> Duration {
        let was_proved = self.is_proved;
        let doubts = trouble.is_some() && self.is_proved && !self.is_in_doubt;
        self.is_in_doubt = doubts;
        if !doubts {
            self.is_proved = trouble.is_none();
            self.trouble = trouble;
        }
        if self.is_proved && (doubts || !was_proved) { DOUBT } else { INTERVAL }
    }
}

/// What a look goes by.
struct Asked {
    sharing: Option<Rc<Sharing>>,
    store: Rc<dyn Store>,
    policy: Arc<Policy>,
    stance: Stance,
    is_proved: bool,
    rotate: Option<Duration>,
}

async fn look(asked: Asked) -> Result<Look, SharingError> {
    let Asked { sharing, store, policy, stance, is_proved, rotate } = asked;
    let Some(sharing) = sharing else {
        sharing::refuse_unsealed(&*store).await?;
        return Ok(Look::default());
    };
    sharing.check(stance).await?;
    let trouble = match sharing::shares_host_keys(&policy.config) {
        true => sharing.compare_host_keys(&policy.config, stance).await?,
        false => None,
    };
    if trouble.is_some() && is_proved {
        // Perhaps the store forgot: then these are not the pool's ticket keys either.
        return Ok(Look { trouble, ..Look::default() });
    }
    let relay = sharing.relay_key(stance).await?;
    let tickets = sharing.tickets(stance, rotate).await?;
    Ok(Look { trouble, tickets: Some(tickets), relay: Some(relay) })
}

/// How long a name may be in use by a process that is dead already: what makes a node dead, and a beat.
const NAME_PATIENCE: Duration = Duration::from_secs(9);
/// Between two looks at the secrets: four small reads.
const INTERVAL: Duration = Duration::from_secs(30);
/// As long as it takes to hear of a store that forgot: two beats, and the time to answer them.
const DOUBT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn proved() -> Accord {
        let mut accord = Accord::default();
        assert_eq!(accord.stance(), Stance::Follow);
        assert_eq!(accord.on_look(None), DOUBT, "it may have come before the others");
        assert_eq!(accord.on_look(None), INTERVAL);
        accord
    }

    #[test]
    fn only_a_node_in_accord_asserts_and_once() {
        let mut accord = Accord::default();
        accord.on_forgotten();
        assert_eq!(accord.stance(), Stance::Follow, "it comes to the pool for the first time");
        accord.on_look(Some("other keys".to_owned()));
        accord.on_forgotten();
        assert_eq!(accord.stance(), Stance::Follow, "it has other keys than the pool");
        accord.on_look(None);
        accord.on_forgotten();
        assert_eq!(accord.stance(), Stance::Assert);
        accord.on_unknown(Stance::Assert);
        assert_eq!(accord.stance(), Stance::Assert, "nobody heard it");
        accord.on_look(None);
        assert_eq!(accord.stance(), Stance::Follow);
    }

    #[test]
    fn a_node_in_accord_looks_twice() {
        let other = || Some("other keys".to_owned());
        let mut accord = proved();
        assert_eq!(accord.on_look(other()), DOUBT);
        assert!(accord.is_in_doubt && accord.trouble.is_none());
        // It was the store, as the beat told then.
        accord.on_forgotten();
        assert_eq!(accord.stance(), Stance::Assert);
        accord.on_look(None);
        assert_eq!(accord, proved());
        // It was not.
        accord.on_look(other());
        accord.on_look(other());
        assert_eq!((accord.is_proved, &accord.trouble), (false, &other()));
        accord.on_look(None);
        assert_eq!(accord, proved());
    }
}
