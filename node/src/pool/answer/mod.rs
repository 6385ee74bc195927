//! Answers to operators: about the whole pool, from any of its nodes.

mod log;
mod nodes;
mod policy;
mod ports;
mod sessions;

use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::{Context, Handler, ResponseFuture};
use flotilla_cluster::admission;
use flotilla_cluster::agent::Link;
use flotilla_cluster::ban::Ban;
use flotilla_cluster::id::NodeId;
use flotilla_cluster::order::What;
use flotilla_cluster::store::{BanChange, Banned, Reply, Request, Store, StoreError};
use futures_util::future::join;
use ipnet::IpNet;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::post::Answers;
use super::{Ask, Pool, Question, Refusal, Target};

/// An answer on its way.
type Answering = ResponseFuture<Result<Value, Refusal>>;

impl Handler<Ask> for Pool {
    type Result = Answering;

    fn handle(&mut self, message: Ask, context: &mut Self::Context) -> Self::Result {
        match message.0 {
            Question::Nodes => self.nodes(),
            Question::Sessions(filter) => self.list_sessions(filter),
            Question::Session(id) => self.describe(id, context),
            Question::Kick(target) => self.kick(&target, context),
            Question::Bans => self.list_bans(),
            Question::Ban { address, period } => self.ban(address, period, context),
            Question::Unban(address) => self.unban(address, context),
            Question::Drain { node, grace } => {
                let grace_ms =
                    grace.map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX));
                self.drain(node, What::Drain { grace_ms }, context)
            }
            Question::Undrain { node } => self.drain(node, What::Undrain, context),
            Question::Ports => self.list_ports(context),
            Question::Policy => ready(Ok(self.policy())),
            Question::LogLevel => ready(self.log_level()),
            Question::SetLogLevel { filter, period } => {
                ready(self.set_log_level(filter.as_deref(), period))
            }
        }
    }
}

/// An answer that is there.
fn ready(result: Result<Value, Refusal>) -> Answering {
    Box::pin(std::future::ready(result))
}

impl Pool {
    /// Has something done here and on other nodes, and collects what they say. What is done here does not
    /// need the store.
    fn gather(
        &mut self,
        to: Vec<NodeId>,
        what: What,
        context: &mut Context<Self>,
    ) -> impl Future<Output = Result<Answers, Refusal>> + 'static {
        let this = self.agent.node().clone();
        let generation = self.life_meant(&to, &what);
        let (here, elsewhere): (Vec<_>, Vec<_>) = to.into_iter().partition(|node| *node == this);
        let own = (!here.is_empty()).then(|| self.do_here(what.clone(), context));
        let asked = Rc::clone(&self.post).ask(elsewhere, what, generation);
        async move {
            let own = async move {
                match own {
                    Some(own) => own.await.ok(),
                    None => None,
                }
            };
            let (own, mut answers) = join(own, asked).await;
            answers.by_node.extend(own.map(|own| (this, own)));
            match answers.fault.take() {
                Some(error) if answers.by_node.is_empty() => Err(unavailable(error)),
                // Whoever could not be asked is missing.
                _ => Ok(answers),
            }
        }
    }

    /// Which life of a node is meant where only one is: the one that the asker could know. 0: any.
    fn life_meant(&self, to: &[NodeId], what: &What) -> u64 {
        let is_of_one_life = match what {
            What::Kick(whom) => whom.number.is_some(),
            What::Describe(_) | What::Drain { .. } | What::Undrain => true,
            What::Ports => false,
        };
        match to {
            [node] if is_of_one_life => {
                self.agent.view().node(node).map_or(0, |seen| seen.generation)
            }
            _ => 0,
        }
    }

    fn do_here(&mut self, what: What, context: &mut Context<Self>) -> oneshot::Receiver<Value> {
        let (sender, receiver) = oneshot::channel();
        self.carry_out(what, context, move |_, answer, _| {
            // Whoever asked may have gone.
            let _ = sender.send(answer);
        });
        self.drive(context);
        receiver
    }

    /// All living nodes, this one included.
    fn living(&self) -> Vec<NodeId> {
        let this = self.agent.node();
        let others = self.agent.view().alive().map(|(node, _)| node).filter(|node| *node != this);
        std::iter::once(this).chain(others).cloned().collect()
    }

    /// The nodes that a question is about: one that is named must be known.
    fn concerned(&self, named: Option<&NodeId>) -> Result<Vec<NodeId>, Refusal> {
        let living = self.living();
        match named {
            None => Ok(living),
            Some(node) if living.contains(node) => Ok(vec![node.clone()]),
            Some(node) => Err(self.no_such_node(node)),
        }
    }

    fn no_such_node(&self, node: &NodeId) -> Refusal {
        match self.agent.view().node(node) {
            Some(_) => Refusal::NotFound(format!("the node {node} is dead")),
            None => Refusal::NotFound(format!("there is no node {node} in the pool")),
        }
    }

    fn kick(&mut self, target: &Target, context: &mut Context<Self>) -> Answering {
        let to = match target.only_node() {
            Some(None) => return ready(Ok(json!({ "kicked": 0, "missing": [] }))),
            Some(Some(node)) => self.concerned(Some(node)),
            None => self.concerned(None),
        };
        let to = match to {
            Ok(to) => to,
            Err(refusal) => return ready(Err(refusal)),
        };
        let lone = target.session.clone();
        let kicked = self.gather(to, What::Kick(target.whom()), context);
        Box::pin(async move {
            let answers = kicked.await?;
            let kicked = answers.by_node.values().filter_map(Value::as_u64);
            let kicked = kicked.fold(0, u64::saturating_add);
            match lone {
                Some(id) if kicked == 0 && answers.missing.is_empty() => {
                    Err(Refusal::NotFound(format!("there is no session {id}")))
                }
                _ => Ok(json!({ "kicked": kicked, "missing": names(&answers.missing) })),
            }
        })
    }

    fn drain(
        &mut self,
        node: Option<NodeId>,
        what: What,
        context: &mut Context<Self>,
    ) -> Answering {
        let node = node.unwrap_or_else(|| self.agent.node().clone());
        if let Err(refusal) = self.concerned(Some(&node)) {
            return ready(Err(refusal));
        }
        let told = self.gather(vec![node.clone()], what, context);
        Box::pin(async move {
            let mut answers = told.await?;
            match answers.by_node.remove(&node) {
                Some(Value::Object(mut answer)) => {
                    answer.insert("node".to_owned(), json!(node.as_str()));
                    Ok(Value::Object(answer))
                }
                _ => Err(Refusal::Busy(format!("{node} did not answer; it may still obey"))),
            }
        })
    }

    /// The bans of the pool or, while the store is away, those that this node knows.
    fn list_bans(&self) -> Answering {
        let now = Instant::now();
        let local: Vec<Value> =
            self.agent.bans().list(now).iter().map(|ban| of_ban(ban, now)).collect();
        let call = self.parts.store.call(Request::Bans);
        let is_fine = matches!(self.agent.link(), Link::Fine { .. });
        Box::pin(async move {
            let bans = match call.await {
                Ok(Reply::Bans(bans)) if is_fine => bans.iter().map(of_banned).collect(),
                _ => local,
            };
            Ok(json!({ "bans": bans }))
        })
    }

    fn ban(&mut self, address: IpAddr, period: Duration, context: &mut Context<Self>) -> Answering {
        self.agent.ban(address, period, Instant::now());
        self.drive(context);
        let network = network(admission::origin(address));
        ready(Ok(json!({ "banned": network, "seconds": period.as_secs() })))
    }

    fn unban(&mut self, address: IpAddr, context: &mut Context<Self>) -> Answering {
        let known = self.agent.lift_here(address, Instant::now());
        // Another node may have made it a moment ago: the store knows, and is asked once.
        let origin = admission::origin(address);
        let lift = BanChange { origin, for_ms: None, manual: true };
        let (sender, receiver) = oneshot::channel();
        let lifted = self.parts.store.call(Request::Ban(lift));
        self.wait(context, lifted, move |pool, lifted, _| {
            let now = Instant::now();
            if lifted.is_err() && pool.agent.bans().is_banned(address, now).is_none() {
                // It is told as soon as it answers.
                pool.agent.unban(address, now);
            }
            // Whoever asked may have gone.
            let _ = sender.send(matches!(lifted, Ok(Reply::Changed(true))));
        });
        self.drive(context);
        Box::pin(async move {
            let lifted = receiver.await.unwrap_or_default();
            Ok(json!({ "lifted": known || lifted }))
        })
    }
}

fn of_ban(ban: &Ban, now: Instant) -> Value {
    let seconds = ban.until.saturating_duration_since(now).as_secs();
    json!({ "address": ban.network().to_string(), "seconds": seconds, "by": by(ban.manual) })
}

fn of_banned(ban: &Banned) -> Value {
    json!({
        "address": network(ban.origin), "seconds": ban.left_ms / 1000, "by": by(ban.manual),
    })
}

fn by(manual: bool) -> &'static str {
    if manual { "operator" } else { "failures" }
}

fn network(origin: IpAddr) -> String {
    let bits = if origin.is_ipv4() { 32 } else { 64 };
    IpNet::new(origin, bits).map_or_else(|_| origin.to_string(), |network| network.to_string())
}

fn names(nodes: &[NodeId]) -> Vec<&str> {
    nodes.iter().map(NodeId::as_str).collect()
}

fn unavailable(error: StoreError) -> Refusal {
    Refusal::Unavailable(format!(
        "the pool's store is away ({error}); other nodes can not be asked"
    ))
}
