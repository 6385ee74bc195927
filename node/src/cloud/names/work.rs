//! One turn of the leader at the names: it hears the witnesses, and makes one call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Addr;
use flotilla_cluster::aws::instance::Instance;
use flotilla_cluster::aws::instances::Instances;
use flotilla_cluster::aws::route53::{HostedZone, Route53};
use flotilla_cluster::aws::{Budget, Trouble};
use flotilla_cluster::dns::{Change, Desk, Request, Settings};
use tracing::{Instrument, debug, info};

use super::wanted::settings;
use super::witness::{Asked, Court};
use crate::cloud::advice::{advised, chance};
use crate::cloud::identity::Identity;
use crate::cloud::reconcile::Reconcile;
use crate::cloud::session::session;
use crate::config::{Config, DnsAddress};
use crate::policy::Policy;
use crate::pool::{AskPeers, Peers, Pool};

/// With what it is done, from one turn to the next.
pub(super) struct Work {
    desk: Option<Opened>,
    /// That of the configuration before: what it knows holds where the same is wanted.
    former: Option<Desk>,
    asked: Asked,
    /// Of what comes before the desk: the zone.
    budget: Budget,
    /// What went wrong outside of the desk in this turn.
    troubles: Vec<String>,
    round: Option<Round>,
}

/// Turns that have something to do, one after the other: one span.
struct Round {
    reconcile: Reconcile,
    calls: usize,
    changed: Vec<String>,
    troubles: Vec<String>,
}

impl Round {
    /// The round under way, or a new one.
    fn of(round: &mut Option<Self>) -> &mut Self {
        round.get_or_insert_with(|| Self {
            reconcile: Reconcile::begin("names"),
            calls: 0,
            changed: Vec::new(),
            troubles: Vec::new(),
        })
    }

    /// There is nothing to do for now.
    fn end(round: &mut Option<Self>) {
        if let Some(Self { reconcile, changed, troubles, .. }) = round.take() {
            reconcile.end(&changed, &troubles);
        }
    }

    /// A call was made. A zone that takes very many is told in parts.
    fn on_reply(round: &mut Option<Self>, changed: Vec<String>, trouble: Option<String>) {
        let under_way = Self::of(round);
        under_way.calls += 1;
        under_way.changed.extend(changed);
        under_way.troubles.extend(trouble);
        if under_way.calls >= CALLS_MAX {
            Self::end(round);
        }
    }
}

/// The zone is known.
struct Opened {
    desk: Desk,
    route53: Route53,
    instances: Instances,
    region: String,
}

/// What is known when a turn begins.
pub(super) struct Turn {
    pub(super) policy: Arc<Policy>,
    pub(super) identity: Identity,
    pub(super) instance: Option<Instance>,
    pub(super) pool: Addr<Pool>,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            desk: None,
            former: None,
            asked: Asked::default(),
            budget: Budget::new(CALLS_PER_SECOND),
            troubles: Vec::new(),
            round: None,
        }
    }
}

impl Work {
    /// What is odd, or does not succeed: one sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        let odd = self.desk.iter().flat_map(|opened| opened.desk.notes()).map(str::to_owned);
        let failed = self.desk.iter().flat_map(|opened| opened.desk.troubles()).map(advised);
        odd.chain(failed).chain(self.troubles.iter().cloned()).collect()
    }

    /// Another configuration may name another account or zone.
    pub(super) fn reopen(&mut self) {
        if let Some(opened) = self.desk.take() {
            self.former = Some(opened.desk);
        }
    }

    /// Does what there is to do; says when to come again.
    pub(super) async fn turn(&mut self, turn: &Turn) -> Instant {
        let config = &turn.policy.config;
        let peers = turn.pool.send(AskPeers).await.ok().flatten();
        let now = Instant::now();
        let Some(peers) = peers else {
            if let Some(opened) = &mut self.desk {
                // What was read in the last term is old.
                let _ = opened.desk.poll(&[], None, now);
            }
            self.troubles.clear();
            Round::end(&mut self.round);
            return now + LOOK;
        };
        if self.desk.is_none() {
            if let Err(later) = self.budget.take(now) {
                return later;
            }
            let span = Round::of(&mut self.round).reconcile.span();
            match open(turn).instrument(span).await {
                Ok(mut opened) => {
                    self.troubles.clear();
                    if let Some(mut former) = self.former.take() {
                        former.configure(opened.desk.settings().clone());
                        opened.desk = former;
                    }
                    self.desk = Some(opened);
                }
                Err(trouble) => {
                    Round::on_reply(&mut self.round, Vec::new(), Some(trouble.clone()));
                    Round::end(&mut self.round);
                    self.troubles = vec![trouble];
                    self.budget.on_trouble(Instant::now(), chance());
                    return now + LOOK;
                }
            }
        }
        let Some(opened) = &mut self.desk else { return now + LOOK };
        let round = &mut self.round;
        self.troubles = opened.hear_witnesses(&mut self.asked, &peers, config, round).await;
        opened.work(&turn.pool, &peers, round).await
    }
}

impl Opened {
    async fn hear_witnesses(
        &mut self,
        asked: &mut Asked,
        peers: &Peers,
        config: &Config,
        round: &mut Option<Round>,
    ) -> Vec<String> {
        let due = asked.due(self.desk.gone(), Instant::now());
        if due.is_empty() {
            return Vec::new();
        }
        let court = Court {
            instances: &self.instances,
            region: &self.region,
            machines: &peers.machines,
            port: config.ftp.listen.iter().chain(&config.ssh.listen).map(|at| at.port()).next(),
        };
        let span = Round::of(round).reconcile.span();
        let (witnesses, trouble) = court.hear(&due).instrument(span).await;
        let now = Instant::now();
        for (gone, witness) in due.iter().zip(witnesses) {
            debug!(node = gone.key, ?witness, "a node with records is silent");
            self.desk.on_witness(&gone.key, witness, now);
        }
        trouble.iter().map(advised).collect()
    }

    /// One call, if there is one to make.
    async fn work(
        &mut self,
        pool: &Addr<Pool>,
        peers: &Peers,
        round: &mut Option<Round>,
    ) -> Instant {
        let now = Instant::now();
        let Some(request) = self.desk.poll(&peers.nodes, Some(peers.led), now) else {
            Round::end(round);
            return self.desk.next().map_or(now + LOOK, |next| next.min(now + LOOK));
        };
        // Hearing witnesses takes seconds: only who leads still may write.
        if request.is_write() {
            let leads = pool.send(AskPeers).await.ok().flatten();
            if leads.is_none_or(|leads| leads.led.term != peers.led.term) {
                let _ = self.desk.poll(&[], None, Instant::now());
                return now;
            }
        }
        let span = Round::of(round).reconcile.span();
        let result = self.route53.call(&request).instrument(span).await;
        let (changed, trouble) = match &result {
            Ok(_) => (tell(&request, self.desk.settings()), None),
            Err(trouble) => (Vec::new(), Some(trouble.to_string())),
        };
        Round::on_reply(round, changed, trouble);
        self.desk.on_reply(result, Instant::now(), chance());
        Instant::now()
    }
}

async fn open(turn: &Turn) -> Result<Opened, String> {
    let config = &turn.policy.config;
    let session = session(&config.aws, &turn.identity, turn.instance.as_ref()).await?;
    let zone = zone(&session, config).await.map_err(|trouble| advised(&trouble))?;
    let settings = settings(config, &zone.id).ok_or("aws.dns_name is empty")?;
    info!(zone = zone.name, id = zone.id, private = zone.is_private, "names are kept in Route 53");
    Ok(Opened {
        desk: Desk::new(settings),
        route53: Route53::new(&session, &zone.id),
        instances: Instances::new(&session),
        region: session.region().map(ToString::to_string).unwrap_or_default(),
    })
}

/// The zone of the pool's names.
pub(crate) async fn zone(
    session: &flotilla_cluster::aws::session::SdkConfig,
    config: &Config,
) -> Result<HostedZone, Trouble> {
    let names = [&config.aws.dns_name, &config.aws.dns_sftp_name];
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    let private = config.aws.dns_address == DnsAddress::Private;
    HostedZone::find(session, config.aws.dns_zone.as_deref(), &names, private).await
}

/// Logs what a call has changed; the same in words.
fn tell(request: &Request, settings: &Settings) -> Vec<String> {
    match request {
        Request::Change(changes) => {
            let told = changes.iter().map(|change| {
                let step = Change::Record(Box::new(change.clone())).step(settings);
                info!(what = step.what, why = step.why, "names changed");
                step.what
            });
            return told.collect();
        }
        Request::CreateCheck { reference, spec } => {
            let (address, port) = (spec.address, spec.port);
            info!(reference, %address, port, "health check made");
        }
        Request::UpdateCheck { id, spec, .. } => {
            let (address, port) = (spec.address, spec.port);
            info!(check = id, %address, port, "health check changed");
        }
        Request::DeleteCheck(id) => info!(check = id, "health check deleted"),
        _ => return Vec::new(),
    }
    vec!["a health check".to_owned()]
}

/// Between two looks whether this node leads.
const LOOK: Duration = Duration::from_secs(1);
/// Finding a zone takes one call per label of its name.
const CALLS_PER_SECOND: u32 = 1;
/// Of one span.
const CALLS_MAX: usize = 100;
