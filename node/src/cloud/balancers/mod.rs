//! Load balancers in front of the pool: the leader reads them, seldom, and tells the pool what it has to know of them;
//! what is wrong it says once, and mends where that is allowed (`aws.balancer_changes`).

mod round;
mod want;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use flotilla_cluster::balancer::{Absences, Finding, Node, Severity, Stage, State};
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
    /// Targets that EC2 does not know.
    absences: Absences,
    /// Rounds since the last one without trouble.
    failures: u32,
    /// No whole reading before.
    next: Option<Instant>,
    /// The configuration changed while one was under way.
    anew: bool,
}

impl Fronts {
    /// Another configuration may name another balancer: all is read again.
    pub(super) fn reopen(&mut self) {
        self.desk.close();
        self.failures = 0;
        self.next = None;
        self.anew = true;
    }

    /// Another node leads, and whoever leads next reads anew; till then the policy keeps what is known.
    fn forget(&mut self) {
        self.state = None;
        self.nodes.clear();
        self.left.clear();
        self.absences = Absences::default();
        self.failures = 0;
        self.next = None;
    }

    /// What is to be read now.
    fn due(&self, led: &Led, changes: bool) -> Option<round::Scope> {
        if self.next.is_none_or(|next| Instant::now() >= next) {
            return Some(round::Scope::All);
        }
        let known = self.state.as_ref().is_some_and(|state| !state.is_empty());
        let news = known && changes && self.failures == 0 && led.nodes != self.nodes;
        news.then_some(round::Scope::Targets)
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
                cloud.fronts.forget();
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
            absences: std::mem::take(&mut self.fronts.absences),
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
        let round::Outcome { desk, seen, notes, troubles, absences, changed, scope } = result;
        fronts.desk = desk;
        let verifies = !changed.is_empty() || absences.is_waiting(now);
        fronts.absences = absences;
        fronts.failures = if troubles.is_empty() { 0 } else { fronts.failures.saturating_add(1) };
        for trouble in fronts.troubles.news(troubles) {
            warn!(trouble, "load balancers can not be looked after");
        }
        // What was read last stays as it was.
        if let Some(seen) = seen {
            fronts.left.retain(|node| seen.has(node));
            self.pool.do_send(Front(seen.front));
            fronts.state = Some(seen.state);
            fronts.tell(&seen.findings);
            for note in fronts.notes.news(notes) {
                info!(note, "load balancers");
            }
        }
        if let Some(later) = later(scope, verifies, fronts.failures, chance()) {
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

/// When all is read again; `None`: when it would be anyhow. `verifies`: something was changed, or EC2 is to be asked
/// again who is gone. What fails is tried again ever later, spread by `chance` over a quarter more.
fn later(scope: round::Scope, verifies: bool, failures: u32, chance: u8) -> Option<Duration> {
    let part = |of: Duration| of * u32::from(chance) / 255;
    match (failures.checked_sub(1), scope) {
        (Some(before), _) => {
            let pause = RETRY.saturating_mul(1 << before.min(DOUBLINGS_MAX)).min(ROUND);
            Some(pause + part(pause / 4))
        }
        (None, _) if verifies => Some(VERIFY),
        (None, round::Scope::All) => Some(ROUND - ROUND / 10 + part(ROUND / 5)),
        (None, round::Scope::Targets) => None,
    }
}

/// Between two looks whether this node leads, and whom.
const LOOK: Duration = Duration::from_secs(2);
/// Between two whole readings, with a tenth to and fro: such a reading may be 160 calls, for whose limits all tools
/// of an account wait together.
const ROUND: Duration = Duration::from_secs(750);
/// After the first that failed, be it only a change.
const RETRY: Duration = Duration::from_secs(60);
/// More of them are beyond [`ROUND`].
const DOUBLINGS_MAX: u32 = 4;
/// After a change, or an answer that must be confirmed.
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
    fn what_failed_is_tried_again_soon_and_ever_later() {
        use round::Scope::{All, Targets};
        let seconds = |failures, chance| later(All, true, failures, chance).unwrap().as_secs();
        assert_eq!([1, 2, 3, 4, 5, 99].map(|of| seconds(of, 0)), [60, 120, 240, 480, 750, 750]);
        assert_eq!(seconds(1, 255), 75);
        assert_eq!(later(Targets, false, 1, 0), Some(RETRY));
        assert_eq!(later(All, true, 0, 9), Some(VERIFY));
        assert_eq!(later(All, false, 0, 0), Some(Duration::from_secs(675)));
        assert_eq!(later(All, false, 0, 255), Some(Duration::from_secs(825)));
        assert_eq!(later(Targets, false, 0, 0), None);
    }

    #[test]
    fn who_leads_no_more_knows_nobody() {
        let nodes = vec![node("a", Stage::Draining)];
        let mut fronts = Fronts { nodes, failures: 2, ..Fronts::default() };
        let targets = ["i-1".to_owned()].into();
        fronts.absences.confirmed(Instant::now(), &["i-1".to_owned()], &targets);
        fronts.follow(&[]);
        fronts.forget();
        assert!(fronts.nodes.is_empty() && fronts.left.is_empty());
        assert_eq!((&fronts.absences, fronts.failures), (&Absences::default(), 0));
        // A term later it may be back, or not: nobody knows.
        fronts.follow(&[]);
        assert!(fronts.left.is_empty());
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
