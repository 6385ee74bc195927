//! Load balancers in front of the pool: the leader reads them, seldom, and tells the pool what it has to know of them;
//! what is wrong it says once, and mends where that is allowed (`aws.balancer_changes`).

mod round;
mod want;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use flotilla_cluster::balancer::{Finding, Node, Severity, Stage, State};
use tracing::{info, warn};

use super::actor::Cloud;
use super::advice::chance;
use super::told::Told;
use crate::pool::front::{Front, reads};
use crate::pool::nodes::{Led, LedNodes};

pub(crate) use round::{carry_out, permitted, read};
pub(crate) use want::{own_ids, want};

/// What is known of balancers, and was told.
#[derive(Default)]
pub(super) struct Fronts {
    desk: round::Desk,
    /// As last read by this node, since it leads.
    state: Option<State>,
    /// Those of the last round.
    nodes: Vec<Node>,
    /// Those that drained and are gone since.
    left: Vec<Node>,
    findings: Told,
    notes: Told,
    troubles: Told,
    /// No whole reading before.
    next: Option<Instant>,
    /// The configuration changed while one was under way.
    anew: bool,
}

impl Fronts {
    /// Another configuration may name another balancer: all is read again.
    pub(super) fn reopen(&mut self) {
        self.desk.close();
        self.next = None;
        self.anew = true;
    }

    /// What is to be read now.
    fn due(&self, led: &Led, changes: bool) -> Option<round::Scope> {
        if self.next.is_none_or(|next| Instant::now() >= next) {
            return Some(round::Scope::All);
        }
        let known = self.state.as_ref().is_some_and(|state| !state.is_empty());
        (known && changes && led.nodes != self.nodes).then_some(round::Scope::Targets)
    }

    /// Whoever drained and is not there any more has left; whoever is there again has not.
    fn follow(&mut self, nodes: &[Node]) {
        let is_there = |node: &Node| nodes.iter().any(|of| of.ids == node.ids);
        self.left.retain(|node| !is_there(node));
        let drained = |node: &&Node| matches!(node.stage, Stage::Draining | Stage::Drained);
        let gone = self.nodes.iter().filter(drained).filter(|node| !is_there(node));
        let gone: Vec<_> =
            gone.map(|node| Node { stage: Stage::Drained, ..node.clone() }).collect();
        self.left.extend(gone);
        let more = self.left.len().saturating_sub(LEFT_MAX);
        self.left.drain(..more);
    }
}

impl Cloud {
    /// Looks whether something is to be read; one at a time.
    pub(super) fn fronts_later(&mut self, ctx: &mut Context<Self>) {
        let pool = self.pool.clone();
        let asked = async move {
            tokio::time::sleep(LOOK).await;
            pool.send(LedNodes).await.ok().flatten()
        };
        ctx.spawn(asked.into_actor(self).map(|led, cloud, ctx| match led {
            Some(led) if reads(&cloud.policy.config) => cloud.look_in_front(led, ctx),
            _ => {
                // Whoever leads next reads anew; till then the policy keeps what is known.
                cloud.fronts.state = None;
                cloud.fronts.next = None;
                cloud.fronts_later(ctx);
            }
        }));
    }

    fn look_in_front(&mut self, led: Led, ctx: &mut Context<Self>) {
        let changes = self.policy.config.aws.balancer_changes;
        let Some(scope) = self.fronts.due(&led, changes) else { return self.fronts_later(ctx) };
        self.fronts.follow(&led.nodes);
        self.fronts.nodes.clone_from(&led.nodes);
        self.fronts.anew = false;
        let left = self.fronts.left.iter().cloned();
        let round = round::Round {
            desk: std::mem::take(&mut self.fronts.desk),
            policy: Arc::clone(&self.policy),
            identity: self.identity.clone(),
            instance: self.instance.clone(),
            pool: self.pool.clone(),
            scope,
            known: self.fronts.state.clone(),
            term: led.term,
            nodes: led.nodes.into_iter().chain(left).collect(),
        };
        ctx.spawn(round.run().into_actor(self).map(|result, cloud, ctx| {
            cloud.end_fronts(result);
            cloud.fronts_later(ctx);
        }));
    }

    fn end_fronts(&mut self, result: round::Outcome) {
        let (now, fronts) = (Instant::now(), &mut self.fronts);
        let round::Outcome { desk, seen, notes, troubles, changed, scope } = result;
        fronts.desk = desk;
        for trouble in fronts.troubles.news(troubles) {
            warn!(trouble, "load balancers can not be looked after");
        }
        // What was read last stays as it was.
        let is_read = seen.is_some();
        if let Some(seen) = seen {
            fronts.left.retain(|node| seen.has(node));
            self.pool.do_send(Front(seen.front));
            fronts.state = Some(seen.state);
            fronts.tell(&seen.findings);
            for note in fronts.notes.news(notes) {
                info!(note, "load balancers");
            }
        }
        let part = ROUND / 5 * u32::from(chance()) / 255;
        let later = match (scope, is_read, changed) {
            (_, false, _) => Some(RETRY),
            // Whether it came to be.
            (_, true, true) => Some(VERIFY),
            (round::Scope::All, true, false) => Some(ROUND - ROUND / 10 + part),
            (round::Scope::Targets, true, false) => None,
        };
        if let Some(later) = later {
            fronts.next = Some(now + later);
        }
        if fronts.anew {
            fronts.next = None;
        }
    }
}

impl Fronts {
    /// Each finding once, for as long as it is found.
    fn tell(&mut self, findings: &[Finding]) {
        let texts = findings.iter().map(|of| format!("{}: {}", of.place, of.seen)).collect();
        let news = self.findings.news(texts);
        for Finding { severity, code, place, seen, fix } in findings {
            if !news.contains(&format!("{place}: {seen}")) {
                continue;
            }
            match severity {
                Severity::Note => info!(place, code, seen, fix, "load balancer"),
                Severity::Warning => warn!(place, code, seen, fix, "load balancer"),
                Severity::Error => warn!(place, code, seen, fix, "load balancer keeps clients out"),
            }
        }
    }
}

/// Between two looks whether this node leads, and whom.
const LOOK: Duration = Duration::from_secs(2);
/// Between two whole readings, with a tenth to and fro: such a reading may be 160 calls, for whose limits all tools
/// of an account wait together.
const ROUND: Duration = Duration::from_secs(750);
/// After one that failed.
const RETRY: Duration = Duration::from_secs(60);
/// After a change.
const VERIFY: Duration = Duration::from_secs(60);
/// Nodes that are gone and may still be targets.
const LEFT_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, stage: Stage) -> Node {
        Node { ids: vec![id.to_owned()], stage }
    }

    #[test]
    fn who_drained_and_vanished_has_left_until_it_is_back() {
        let nodes =
            vec![node("a", Stage::Ready), node("b", Stage::Draining), node("c", Stage::Ready)];
        let mut fronts = Fronts { nodes, ..Fronts::default() };
        fronts.follow(&[node("a", Stage::Ready)]);
        assert_eq!(fronts.left, [node("b", Stage::Drained)], "nobody knows what became of c");
        fronts.nodes = vec![node("a", Stage::Ready)];
        fronts.follow(&fronts.nodes.clone());
        assert_eq!(fronts.left.len(), 1);
        fronts.follow(&[node("a", Stage::Ready), node("b", Stage::Unready)]);
        assert!(fronts.left.is_empty());
    }
}
