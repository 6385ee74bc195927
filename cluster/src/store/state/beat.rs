//! Heartbeats: registration, leadership, news.

use std::collections::HashMap;

use super::{Block, Lead, Node, State};
use crate::id::Fence;
use crate::store::{
    Beat, Beaten, DEAD_AFTER_MS, Holding, Identity, Listed, PAUSE_MS, PoolGeneration,
    QUARANTINE_MS, RECLAIM_AFTER_MS, Registered, SPARED_MS, TERM_MS, Term,
};

impl State {
    pub(super) fn beat(&mut self, beat: Beat, now: u64) -> Registered {
        if let Some(refusal) = self.refusal(&beat, now) {
            return refusal;
        }
        self.keep_time(now);
        let pool = self.generation(beat.candidate, now);
        let (fence, lost) = self.register(&beat, now);
        // What is new loses nothing: only a node that knew the pool can tell that it forgot.
        let lost = lost || beat.pool != 0 && beat.pool != pool.id;
        if lost {
            self.quarantine_until = now + QUARANTINE_MS;
        }
        self.lead(&beat, fence, now);
        let (yield_blocks, displaced) =
            self.assert_blocks(fence, beat.holds.as_deref().unwrap_or_default());
        let policy = self.policy.clone().filter(|(revision, _)| *revision != beat.policy_known);
        Registered::Yes(Box::new(Beaten {
            now_ms: now,
            pool,
            fence,
            lost,
            quarantine_ms: self.quarantine_ms(now),
            leader: self.term(now),
            members: if beat.members { self.members(now) } else { Vec::new() },
            bans: self.ban_news(beat.bans_known, now),
            policy,
            orders: self.fetch_orders(&beat.node, beat.orders_done, now),
            blocks: if beat.members { self.block_table() } else { Vec::new() },
            yield_blocks,
            displaced: if beat.members { displaced } else { Vec::new() },
        }))
    }

    /// After all nodes were silent at once nobody is taken for dead for a while. Where the clock stepped back,
    /// times that lie ahead are now.
    fn keep_time(&mut self, now: u64) {
        if now.saturating_sub(self.last_beat) >= PAUSE_MS {
            self.quarantine_until = now + QUARANTINE_MS;
        }
        if now < self.last_beat {
            for beat in self.beats.values_mut() {
                *beat = now.min(*beat);
            }
            self.quarantine_until = self.quarantine_until.min(now + QUARANTINE_MS);
            if let Some(lead) = &mut self.lead {
                lead.until = lead.until.min(now + TERM_MS);
            }
        }
        self.last_beat = now;
    }

    /// Whether another process of this name stands in the way.
    fn refusal(&self, beat: &Beat, now: u64) -> Option<Registered> {
        let standing = self.nodes.get(&beat.node)?;
        let generation = beat.generation.0;
        if standing.generation > generation {
            return Some(Registered::Superseded);
        }
        let beat_ms_ago = now.abs_diff(*self.beats.get(&standing.fence)?);
        let foreign = standing.generation < generation && standing.generation != beat.previous.0;
        (foreign && beat_ms_ago < DEAD_AFTER_MS).then_some(Registered::InUse { beat_ms_ago })
    }

    fn generation(&mut self, candidate: u64, now: u64) -> PoolGeneration {
        let created = self.generation.is_none();
        if created {
            self.quarantine_until = now + QUARANTINE_MS;
        }
        PoolGeneration { id: *self.generation.get_or_insert(candidate), created }
    }

    /// Writes the node down. Tells its fence, and whether something of it was forgotten.
    fn register(&mut self, beat: &Beat, now: u64) -> (Fence, bool) {
        let generation = beat.generation.0;
        let standing =
            self.nodes.get(&beat.node).map(|node| (node.generation, node.fence, node.sequence));
        let (fence, lost) = match (standing, beat.fence) {
            // Its own registration stands.
            (Some((of, fence, sequence)), known) if of == generation => {
                let forgotten = sequence < beat.answered
                    || known.is_some_and(|known| known != fence)
                    || self.has_forgotten(fence, beat);
                let fence = known.map_or(fence, |known| known.max(fence));
                (fence, forgotten)
            }
            // It was registered, and the store does not know it any more.
            (_, Some(known)) => (known, true),
            (_, None) => (self.next_fence(now), false),
        };
        if let Some((_, old, _)) = standing
            && old != fence
        {
            self.forget(old);
        }
        self.last_fence = self.last_fence.max(fence.0);
        // A beat that was overtaken by a later one must not make the store look forgetful.
        let heard = standing.filter(|(of, ..)| *of == generation).map_or(0, |(.., heard)| heard);
        let sequence = beat.sequence.max(heard);
        let node = Node { generation, fence, sequence, record: beat.record.clone() };
        self.nodes.insert(beat.node.clone(), node);
        self.beats.insert(fence, now);
        // Afterwards admissions say it: a beat may be older than one that was under way.
        self.sessions.entry(fence).or_insert(beat.sessions);
        (fence, lost)
    }

    /// Whether the node has been told of admissions or publications that are not known any more.
    fn has_forgotten(&self, fence: Fence, beat: &Beat) -> bool {
        let last = |of: &HashMap<Fence, u64>| of.get(&fence).copied().unwrap_or(0);
        last(&self.admissions) < beat.admitted || last(&self.publications) < beat.published
    }

    fn lead(&mut self, beat: &Beat, fence: Fence, now: u64) {
        let standing = match self.is_quarantined(now) {
            true => self.lead.as_ref(),
            false => self.standing_lead(now),
        };
        let holder = standing.map(|lead| lead.holder);
        match (holder, beat.stands) {
            (Some(holder), true) if holder == fence => {
                if let Some(lead) = &mut self.lead {
                    lead.until = now + TERM_MS;
                }
            }
            (Some(holder), false) if holder == fence => self.lead = None,
            (None, true) => {
                let term = self.next_fence(now);
                let node = beat.node.clone();
                self.lead = Some(Lead { node, holder: fence, term, until: now + TERM_MS });
            }
            _ => {}
        }
    }

    fn term(&self, now: u64) -> Option<Term> {
        let lead = self.standing_lead(now)?;
        Some(Term { node: lead.node.clone(), fence: lead.term, left_ms: lead.until - now })
    }

    fn members(&self, now: u64) -> Vec<Listed> {
        let listed = |(id, node): (&crate::id::NodeId, &Node)| {
            let beat = self.beats.get(&node.fence)?;
            let beat_ms_ago = match now.saturating_sub(*beat) {
                silent @ DEAD_AFTER_MS.. if !self.is_quarantined(now) => silent,
                silent => silent.min(SPARED_MS),
            };
            Some(Listed {
                node: id.clone(),
                generation: node.generation,
                fence: node.fence,
                beat_ms_ago,
                record: node.record.clone(),
            })
        };
        self.nodes.iter().filter_map(listed).collect()
    }

    /// Enters what the node says it holds. Tells what others have by a higher fence, and what others had by a lower one.
    fn assert_blocks(
        &mut self,
        owner: Fence,
        holds: &[Holding],
    ) -> (Vec<u16>, Vec<(Holding, Fence)>) {
        let (mut yields, mut displaced) = (Vec::new(), Vec::new());
        for &Holding { block, fence } in holds {
            match self.blocks.get(&block) {
                Some(standing) if standing.owner != owner && standing.fence > fence => {
                    yields.push(block);
                }
                _ => {
                    self.last_fence = self.last_fence.max(fence.0);
                    let before = self.blocks.insert(block, Block { owner, fence });
                    let others = before.filter(|before| before.owner != owner);
                    displaced.extend(
                        others
                            .filter(|before| self.beats.contains_key(&before.owner))
                            .map(|before| (Holding { block, fence: before.fence }, before.owner)),
                    );
                }
            }
        }
        (yields, displaced)
    }

    /// The lease that has not ended.
    pub(super) fn standing_lead(&self, now: u64) -> Option<&Lead> {
        self.lead.as_ref().filter(|lead| lead.until > now && lead.until - now <= 2 * TERM_MS)
    }

    /// How long nothing is granted yet.
    pub(super) fn quarantine_ms(&self, now: u64) -> u64 {
        let left = self.quarantine_until.saturating_sub(now);
        if left > 2 * QUARANTINE_MS { 0 } else { left }
    }

    pub(super) fn leave(&mut self, identity: &Identity) {
        let registered = self.nodes.get(&identity.node);
        if registered.is_none_or(|node| node.fence != identity.fence) {
            return;
        }
        self.forget(identity.fence);
        self.nodes.remove(&identity.node);
        self.inboxes.remove(&identity.node);
        self.configurations.remove(&identity.node);
        if self.lead.as_ref().is_some_and(|lead| lead.holder == identity.fence) {
            self.lead = None;
        }
    }

    /// Nodes that are dead for longer than their blocks are kept are forgotten; their names come back
    /// with any generation.
    pub(super) fn tidy(&mut self, now: u64) {
        if !self.is_quarantined(now) {
            self.tidy_nodes(now);
        }
        self.tidy_bans(now);
        self.tidy_mail(now);
    }

    fn tidy_nodes(&mut self, now: u64) {
        let long_dead = |beat: &u64| now.saturating_sub(*beat) >= RECLAIM_AFTER_MS;
        let gone: Vec<Fence> = self
            .beats
            .iter()
            .filter(|(_, beat)| long_dead(beat))
            .map(|(fence, _)| *fence)
            .collect();
        for fence in gone {
            self.forget(fence);
        }
        let beats = &self.beats;
        self.nodes.retain(|_, node| beats.contains_key(&node.fence));
        let nodes = &self.nodes;
        self.configurations.retain(|node, _| nodes.contains_key(node));
    }
}
