//! I1, and what else must be true of port blocks.

use std::collections::HashMap;

use flotilla_cluster::blocks::PortTable;
use flotilla_cluster::store::RECLAIM_AFTER_MS;

use super::{Judge, recently};
use crate::node::Node;
use crate::world::World;

impl Judge {
    /// I1: no port block is offered by two nodes, but for one window: the store forgot, one of them has not
    /// heard of it since, and the other did not know then that the block was that one's. It ends when each has got a
    /// table that was written after both had told the store what they hold.
    pub(super) fn ports(&mut self, world: &World) -> Result<(), String> {
        let now = world.now();
        let mut offers: HashMap<u16, usize> = HashMap::new();
        let before = std::mem::take(&mut self.clashes);
        for (index, node) in world.nodes.iter().enumerate() {
            let Some(process) = node.process.as_ref().filter(|_| node.is_running(world.now_ms))
            else {
                continue;
            };
            for block in process.agent.offered(now) {
                let Some(other) = offers.insert(block, index) else { continue };
                let jumped = recently(world, world.facts.clock_step_ms, RECLAIM_AFTER_MS);
                let may = jumped
                    || may_clash(world, block, index, other)
                    || may_clash(world, block, other, index)
                    || before.contains(&(block, other, index)) && !has_settled(world, index, other);
                if !may {
                    let (a, b) = (&world.nodes[other].id, &node.id);
                    return Err(format!("I1: {a} and {b} both offer block {block}"));
                }
                self.clashes.insert((block, other, index));
                self.tried.clashes += 1;
            }
        }
        // One that stands still may offer later what it offered before.
        let lives = |of: usize| world.nodes[of].process.is_some();
        let lasts = |(_, one, other): &(u16, usize, usize)| {
            lives(*one) && lives(*other) && !has_settled(world, *one, *other)
        };
        self.clashes.extend(before.into_iter().filter(lasts));
        for (block, index) in offers {
            waits_elsewhere(world, block, index)?;
            let before = self.offered.insert(block, index).filter(|before| *before != index);
            let is_cut_off =
                |of: usize| world.nodes[of].cut_off && world.nodes[of].process.is_some();
            self.tried.taken_over += u64::from(before.is_some_and(is_cut_off));
        }
        Ok(())
    }

    /// Blocks on which something waits stay with their node; nodes have some, and give back what they do not need.
    pub(super) fn leases(&mut self, world: &World) -> Result<(), String> {
        for (index, node) in world.nodes.iter().enumerate() {
            let Some(process) = &node.process else {
                self.starving.remove(&index);
                continue;
            };
            let Some(table) = process.agent.port_table(world.now()) else { continue };
            let own = |block: &u16| table.owners.get(block).is_some_and(|of| of.node == node.id);
            let lost = node
                .demand
                .busy
                .iter()
                .find(|(block, until)| **until > world.now_ms && !own(block));
            if let Some((block, _)) = lost {
                return Err(format!("{} gave block {block} away, and something waits", node.id));
            }
            let living = process.agent.view().alive().count();
            self.share(world, index, &table, living)?;
            let since = node.demand.idle_since.max(self.good.get(&index).copied());
            let idle = self.good.contains_key(&index)
                && node.demand.idle_since.is_some()
                && since.is_some_and(|since| world.now_ms - since > GIVEN_BACK_MS);
            self.tried.idle += u64::from(idle);
            let held = table.owners.values().filter(|owner| owner.node == node.id).count();
            if idle && held > 1 {
                return Err(format!("{} needs nothing, and has {held} blocks", node.id));
            }
        }
        Ok(())
    }

    fn share(
        &mut self,
        world: &World,
        index: usize,
        table: &PortTable,
        living: usize,
    ) -> Result<(), String> {
        let dead = table.owners.values().filter(|owner| !owner.alive).count();
        let enough = usize::from(table.layout.blocks()) >= living + dead;
        if !enough || !self.good.contains_key(&index) {
            self.starving.remove(&index);
            return Ok(());
        }
        self.tried.shares += 1;
        if !table.offered.is_empty() {
            self.starving.remove(&index);
            return Ok(());
        }
        let since = *self.starving.entry(index).or_insert(world.now_ms);
        if world.now_ms - since > SHARED_MS {
            let node = &world.nodes[index].id;
            return Err(format!("{node} has no port block, and there are enough"));
        }
        Ok(())
    }
}

/// No node offers a block on which somebody waits at another, as long as the store forgot nothing.
fn waits_elsewhere(world: &World, block: u16, offers: usize) -> Result<(), String> {
    let facts = &world.facts;
    if facts.loss_ms.is_some() || facts.clock_step_ms.is_some() {
        return Ok(());
    }
    let waits = |(index, node): &(usize, &Node)| {
        let until = node.demand.busy.get(&block);
        *index != offers
            && node.is_running(world.now_ms)
            && until.is_some_and(|until| *until > world.now_ms)
    };
    match world.nodes.iter().enumerate().find(waits) {
        Some((_, node)) => {
            let offers = &world.nodes[offers].id;
            Err(format!(
                "I1: {offers} offers block {block}, and somebody waits on it at {}",
                node.id
            ))
        }
        None => Ok(()),
    }
}

/// Whether one node may offer a block that the other, after it was granted, offers as well: of the present grant of
/// the first that other one did not know when the store forgot.
fn may_clash(world: &World, block: u16, cut_off: usize, granted: usize) -> bool {
    let process = world.nodes[cut_off].process.as_ref();
    let identity = process.and_then(|process| process.agent.identity());
    let facts = &world.facts;
    let informed = facts.informed_ms.get(&cut_off).copied().unwrap_or(0);
    let grant = facts.granted.get(&(cut_off, block));
    let read = grant.and_then(|grant| facts.read_ms.get(&(granted, block, *grant)));
    facts.losses.iter().filter(|loss| informed <= loss.at_ms).any(|loss| {
        let known = loss.known.get(&granted).and_then(|owners| owners.get(&block));
        let has_read = read.is_some_and(|read| *read <= loss.at_ms);
        known.copied() != identity.map(|identity| identity.fence) || !has_read
    })
}

/// Whether both have got a table that was written after both had told a store that forgot what they hold.
fn has_settled(world: &World, one: usize, other: usize) -> bool {
    let facts = &world.facts;
    let first = |of: usize| facts.informed_again_ms.get(&of).copied();
    let last = |of: usize| facts.informed_ms.get(&of).copied().unwrap_or(0);
    match (first(one), first(other)) {
        (Some(first), Some(second)) => last(one).min(last(other)) >= first.max(second),
        _ => false,
    }
}

/// Between two looks at who has what.
pub(super) const LOOK_MS: u64 = 1_000;
/// Somebody who has too much gives a block back within this time, one after the other: it waits for connections
/// for 10 s, believes a report of its use after 5, and hears of it by a beat. Nodes come and go meanwhile.
const SHARED_MS: u64 = 60_000;
/// What is not needed for a minute is given back, likewise.
const GIVEN_BACK_MS: u64 = 80_000;
