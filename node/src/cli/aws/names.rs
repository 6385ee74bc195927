//! Records and health checks in Route 53.

use std::time::{Duration, Instant};

use flotilla_cluster::aws::Trouble;
use flotilla_cluster::aws::route53::Route53;
use flotilla_cluster::dns::{Change, Desk, Led, Node, Plan, Request, Settings, State, preview};
use flotilla_cluster::id::{Fence, NodeId};
use flotilla_cluster::member::{Load, Member, Place, Standing};

use super::{Outcome, Section, Site, guessed};
use crate::cli::remote::answer::Node as Answer;
use crate::cloud::names::{objection, settings, zone};
use crate::cloud::place::place;

/// The names of the pool, as they were read.
pub(super) struct Names {
    desk: Desk,
    route53: Route53,
    nodes: Vec<Node>,
    /// Nothing was read.
    is_guess: bool,
    notes: Vec<String>,
}

/// Reads what there is; `None`: no name is configured. What can not be read is the reason: nothing else depends on it.
pub(super) async fn look(site: &Site) -> Result<Option<Names>, String> {
    let config = &site.config;
    if config.aws.dns_name.is_none() {
        return Ok(None);
    }
    let failed = |trouble: Trouble| format!("names can not be read: {trouble}");
    let (id, guess) = match zone(&site.session, config).await {
        Ok(zone) => (zone.id, None),
        Err(Trouble::Credentials(_)) if site.guesses => {
            let zone = config.aws.dns_zone.clone().unwrap_or_else(|| "HOSTED_ZONE_ID".to_owned());
            (zone, Some(guessed("records and health checks")))
        }
        Err(trouble) => return Err(failed(trouble)),
    };
    let Some(settings) = settings(config, &id) else { return Ok(None) };
    let objection = objection(config);
    let nodes = match objection {
        Some(_) => Vec::new(),
        None => nodes(site),
    };
    let mut names = Names {
        desk: Desk::new(settings),
        route53: Route53::new(&site.session, &id),
        nodes,
        is_guess: guess.is_some(),
        notes: objection.into_iter().chain(guess).collect(),
    };
    if names.is_guess {
        return Ok(Some(names));
    }
    let deadline = Instant::now() + READING;
    while Instant::now() < deadline {
        match names.ask().await {
            _ if names.desk.is_read() => return Ok(Some(names)),
            Asked::Read(Err(trouble)) => return Err(failed(trouble)),
            Asked::Read(Ok(())) | Asked::Write(_) => {}
            Asked::Nothing => names.pause().await,
        }
    }
    Err(format!("names can not be read: not within {} s", READING.as_secs()))
}

/// What a turn of the desk came to.
enum Asked {
    /// Something was read, or was not.
    Read(Result<(), Trouble>),
    /// It wants this written, which is not done yet.
    Write(Request),
    Nothing,
}

impl Names {
    /// As it is shown.
    pub(super) fn section(&self) -> Section {
        let Plan { changes, notes } = self.plan();
        let steps = changes.iter().map(|change| change.step(self.settings())).collect();
        Section { steps, notes: notes.into_iter().chain(self.notes.clone()).collect() }
    }

    /// Does it, batch by batch, until nothing is left to do or nothing more is taken.
    pub(super) async fn apply(mut self, dry_run: bool) -> (Vec<Outcome>, Vec<String>) {
        let plan = self.plan();
        let mut notes: Vec<_> = plan.notes.iter().cloned().chain(self.notes.clone()).collect();
        let mut outcomes = Vec::new();
        if dry_run {
            for change in &plan.changes {
                outcomes.push(self.outcome(change, "left out", String::new()));
            }
            if !outcomes.is_empty() {
                notes.push("Route 53 has no dry run: nothing was asked of it".to_owned());
            }
            return (outcomes, notes);
        }
        // What the look wanted to write was not sent.
        self.desk = Desk::new(self.settings().clone());
        let deadline = Instant::now() + WRITING;
        loop {
            let is_late = Instant::now() >= deadline;
            match self.ask().await {
                _ if is_late => {
                    notes.push(format!("not done within {} s", WRITING.as_secs()));
                    break;
                }
                Asked::Read(Ok(())) => {}
                Asked::Read(Err(trouble)) => {
                    notes.push(trouble.to_string());
                    break;
                }
                Asked::Write(request) => {
                    let changes = self.changes_of(&request);
                    let result = self.route53.call(&request).await;
                    let failed = result.as_ref().err().cloned();
                    self.desk.on_reply(result, Instant::now(), 0);
                    let (word, reason) = match &failed {
                        Some(trouble) => ("failed", trouble.to_string()),
                        None => ("made", String::new()),
                    };
                    let made =
                        changes.iter().map(|change| self.outcome(change, word, reason.clone()));
                    outcomes.extend(made);
                    if failed.is_some() {
                        break;
                    }
                }
                Asked::Nothing if self.desk.is_read() && self.plan().changes.is_empty() => break,
                Asked::Nothing => self.pause().await,
            }
        }
        (outcomes, notes)
    }

    fn settings(&self) -> &Settings {
        self.desk.settings()
    }

    fn plan(&self) -> Plan {
        if self.nodes.is_empty() {
            return Plan::default();
        }
        match self.is_guess {
            true => preview(self.settings(), &self.nodes, &State::of([], Vec::new())),
            false => preview(self.settings(), &self.nodes, self.desk.state()),
        }
    }

    fn outcome(&self, change: &Change, word: &'static str, reason: String) -> Outcome {
        Outcome { step: change.step(self.settings()), word, reason }
    }

    /// Until the desk wants to be asked again.
    async fn pause(&self) {
        let next = self.desk.next().unwrap_or_else(|| Instant::now() + PAUSE);
        tokio::time::sleep_until(next.into()).await;
    }

    /// The next call of the desk, if it only reads.
    async fn ask(&mut self) -> Asked {
        // Nobody is taken for dead by somebody who has just come.
        let led = Led { term: Fence::default(), age: Duration::ZERO };
        let Some(request) = self.desk.poll(&self.nodes, Some(led), Instant::now()) else {
            return Asked::Nothing;
        };
        if request.is_write() {
            return Asked::Write(request);
        }
        let result = self.route53.call(&request).await;
        let read = match &result {
            Ok(_) => Ok(()),
            Err(Trouble::Throttled(_)) => Ok(()),
            Err(trouble) => Err(trouble.clone()),
        };
        self.desk.on_reply(result, Instant::now(), 0);
        Asked::Read(read)
    }

    /// What a call changes, as it is shown.
    fn changes_of(&self, request: &Request) -> Vec<Change> {
        if let Request::Change(changes) = request {
            return changes.iter().map(|change| Change::Record(Box::new(change.clone()))).collect();
        }
        let same = |change: &Change| match change {
            Change::Check(check) => check.request(self.settings()) == *request,
            Change::Record(_) => false,
        };
        self.plan().changes.into_iter().find(same).into_iter().collect()
    }
}

/// The living nodes as a running one tells of them. One that does not look after names tells no place: that of this
/// machine is known nevertheless.
fn nodes(site: &Site) -> Vec<Node> {
    let config = &site.config;
    let own = place(config, site.settled.instance.as_ref());
    if site.nodes.is_empty() {
        let member = Member {
            standing: Standing::Ready,
            weight: config.aws.dns_weight.unwrap_or(WEIGHT),
            place: own,
            addresses: ["ftp://", "ssh://"].map(str::to_owned).to_vec(),
            ..Member::default()
        };
        let id = NodeId::new(&config.node.id);
        return id.map(|id| Node::told(&id, 0, &member, true)).into_iter().collect();
    }
    let id = site.settled.id();
    let is_own = |of: &Answer| !id.is_empty() && of.instance.as_ref() == Some(&id);
    let of = |answer: &Answer| match answer.place.v4.is_none() && is_own(answer) {
        true => node(answer, own.clone()),
        false => node(answer, answer.place.clone()),
    };
    site.nodes.iter().filter_map(of).collect()
}

fn node(answer: &Answer, place: Place) -> Option<Node> {
    let standing = match answer.state.as_str() {
        "dead" => return None,
        "ready" => Standing::Ready,
        "draining" => Standing::Draining,
        _ => Standing::Unready,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of processors, in thousandths"
    )]
    let cpu_permille = (answer.cpu_percent * 10.0).clamp(0.0, 1000.0) as u16;
    let lag_ms = u32::try_from(answer.lag_ms).unwrap_or(u32::MAX);
    let member = Member {
        standing,
        addresses: answer.addresses.clone(),
        weight: u8::try_from(answer.weight).unwrap_or(u8::MAX),
        load: Load { cpu_permille, lag_ms, ..Load::default() },
        place,
        ..Member::default()
    };
    Some(Node::told(&NodeId::new(&answer.id).ok()?, answer.generation, &member, true))
}

/// A zone of ten thousand records takes 34 calls, two a second.
const READING: Duration = Duration::from_secs(120);
/// A tree of a hundred nodes takes a dozen batches, each up to a minute.
const WRITING: Duration = Duration::from_secs(900);
/// Where the desk names no time.
const PAUSE: Duration = Duration::from_secs(1);
/// Of a node that is not asked.
const WEIGHT: u8 = 100;
