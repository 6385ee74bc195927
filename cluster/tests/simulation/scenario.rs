//! Kinds of runs: what happens, how often, and what must hold.

use std::net::IpAddr;

use flotilla_cluster::admission::Limits;

use crate::judge::{Judge, Rules, STALE_MS, Tried};
use crate::node::{Node, WAIT_MS};
use crate::world::{Network, START_MS, World};

/// A kind of run.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// How many runs there are.
    pub(crate) seeds: u64,
    seconds: u64,
    /// Something happens each half of that, on average.
    pace_ms: u64,
    /// For how long somebody waits on a port, at the longest.
    busy_ms: u64,
    delay_ms: u64,
    loss: u64,
    rules: Rules,
    /// How often what happens, in relation to each other.
    happens: &'static [(u64, Happening)],
}

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Login,
    /// Many at once, on all nodes.
    Rush,
    Logout,
    Crash,
    Start,
    Pause,
    CutOff,
    Heal,
    Drain,
    StoreDown,
    StoreUp,
    Flush,
    RollBack,
    ClockStep,
    /// Of passive ports.
    Demand,
}

use Happening::{
    ClockStep, Crash, CutOff, Demand, Drain, Flush, Heal, Login, Logout, Pause, RollBack, Rush,
    Start, StoreDown, StoreUp,
};

impl Scenario {
    pub(crate) const CALM: Self = Self {
        name: "calm",
        seeds: SEEDS,
        seconds: 180,
        pace_ms: 1_000,
        busy_ms: BUSY_MS,
        delay_ms: 30,
        loss: 0,
        rules: Rules { exact: true, by_share: true, leases: true },
        happens: &[
            (60, Login),
            (2, Rush),
            (45, Logout),
            (3, Crash),
            (6, Start),
            (3, Drain),
            (15, Demand),
        ],
    };
    pub(crate) const STORM: Self = Self {
        name: "storm",
        seeds: SEEDS,
        seconds: 200,
        pace_ms: 1_000,
        busy_ms: BUSY_MS,
        delay_ms: 100,
        loss: 2,
        rules: Rules { exact: false, by_share: false, leases: false },
        happens: &[
            (60, Login),
            (1, Rush),
            (50, Logout),
            (4, Crash),
            (8, Start),
            (3, Pause),
            (4, CutOff),
            (6, Heal),
            (2, Drain),
            (1, StoreDown),
            (2, StoreUp),
            (1, Flush),
            (1, RollBack),
            (1, ClockStep),
            (6, Demand),
        ],
    };
    pub(crate) const OUTAGE: Self = Self {
        name: "outage",
        seeds: SEEDS,
        seconds: 150,
        pace_ms: 1_000,
        busy_ms: BUSY_MS,
        delay_ms: 20,
        loss: 0,
        rules: Rules { exact: false, by_share: true, leases: false },
        happens: &[(80, Login), (2, Rush), (60, Logout), (4, StoreDown), (3, StoreUp)],
    };
    pub(crate) const AMNESIA: Self = Self {
        name: "amnesia",
        seeds: SEEDS,
        seconds: 150,
        pace_ms: 1_000,
        busy_ms: BUSY_MS,
        delay_ms: 20,
        loss: 0,
        rules: Rules { exact: false, by_share: false, leases: false },
        happens: &[
            (60, Login),
            (50, Logout),
            (2, Flush),
            (3, RollBack),
            (2, StoreDown),
            (4, StoreUp),
            (2, Crash),
            (4, Start),
            (10, Demand),
        ],
    };
    pub(crate) const LEASES: Self = Self {
        name: "leases",
        seeds: SEEDS,
        seconds: 240,
        pace_ms: 1_000,
        busy_ms: BUSY_MS,
        delay_ms: 60,
        loss: 1,
        rules: Rules { exact: false, by_share: false, leases: false },
        happens: &[
            (30, Demand),
            (3, Login),
            (2, Crash),
            (4, Start),
            (2, Pause),
            (5, CutOff),
            (5, Heal),
            (1, Drain),
            (1, StoreDown),
            (4, StoreUp),
            (2, Flush),
            (3, RollBack),
        ],
    };

    pub(crate) const SILENCE: Self = Self {
        name: "silence",
        seeds: SEEDS / 10,
        seconds: 1_200,
        pace_ms: 10_000,
        busy_ms: WAIT_MS,
        delay_ms: 60,
        loss: 1,
        rules: Rules { exact: false, by_share: false, leases: false },
        happens: &[(40, Demand), (4, CutOff), (2, Heal), (1, Crash), (2, Start), (1, Pause)],
    };

    /// One run; its script if it is `loud`.
    pub(crate) fn run(&self, seed: u64, loud: bool) -> Result<(String, Tried), String> {
        let limits = Limits { sessions: 40, per_user: 7, per_address: 5, logins_per_second: 0 };
        let network = Network { delay_ms: 1..self.delay_ms, loss: self.loss };
        let mut world = World::new(seed, limits, network, loud);
        let count = 2 + world.random.index(5);
        world.nodes = (0..count).map(Node::new).collect();
        for index in 0..count {
            // Where ports are divided, some come later.
            if !(self.rules.leases && world.random.chance(30)) {
                world.start_node(index);
            }
        }
        let mut judge = Judge::default();
        let mut act_at = START_MS + 1_000;
        let end = START_MS + self.seconds * 1_000;
        while world.now_ms < end {
            if world.next_ms().is_none_or(|next| next >= act_at) {
                world.now_ms = act_at;
                act_at += 1 + world.random.range(0..self.pace_ms);
                self.act(&mut world);
            } else {
                world.step();
            }
            if let Err(broken) = judge.after_step(&world, self.rules) {
                let script = world.script.take().unwrap_or_default().join("\n");
                let at = world.now_ms - START_MS;
                return Err(format!("{script}\n{} seed {seed} at {at} ms: {broken}", self.name));
            }
        }
        if world.facts.answered == 0 {
            return Err(format!("{} seed {seed}: nothing happened", self.name));
        }
        Ok((world.script.take().unwrap_or_default().join("\n"), judge.tried))
    }

    /// Whether all runs together came to what is judged.
    pub(crate) fn has_tried(&self, all: Tried) {
        let Tried { clashes, shares, idle, out, gone, taken_over } = all;
        println!(
            "{}: {clashes} clashes, {shares} shares, {idle} idle nodes, {taken_over} taken over, \
             {out} out and {gone} gone",
            self.name
        );
        if self.name == Self::SILENCE.name {
            assert!(taken_over > 0, "no run came to blocks of nodes that are cut off");
        }
        if self.rules.leases {
            assert!(shares > 0 && idle > 0, "no run came to leases");
            assert!(out > 0 && gone > 0, "no run came to dead nodes");
        }
    }

    fn act(&self, world: &mut World) {
        let sum = self.happens.iter().map(|(weight, _)| weight).sum();
        let mut at = world.random.range(0..sum);
        let chosen = self.happens.iter().find(|(weight, _)| {
            let hit = at < *weight;
            at = at.saturating_sub(*weight);
            hit
        });
        let Some((_, happening)) = chosen else { return };
        let index = world.random.index(world.nodes.len());
        if !matches!(happening, Login | Logout) {
            let name = world.nodes[index].id.clone();
            world.say(|| format!("{happening:?} ({name})"));
        }
        match happening {
            Login => login(world, index),
            Rush => {
                for _ in 0..20 {
                    let index = world.random.index(world.nodes.len());
                    login(world, index);
                }
            }
            Logout => logout(world, index),
            Crash => world.nodes[index].process = None,
            Start if world.nodes[index].process.is_none() => world.start_node(index),
            Start => {}
            Pause => {
                world.nodes[index].paused_until = world.now_ms + world.random.range(500..40_000);
            }
            CutOff => world.nodes[index].cut_off = true,
            Heal => world.nodes[index].cut_off = false,
            Drain => {
                world.nodes[index].draining ^= true;
                world.drive(index);
            }
            StoreDown => {
                if world.store.up {
                    let waiting: usize = world.nodes.iter().map(Node::waits).sum();
                    // Who had no time to speak to the store tells the others nothing.
                    let short = world.now_ms - world.facts.up_since_ms < STALE_MS;
                    let all = world.limits.sessions as usize * world.nodes.len();
                    let unknown = if short { all } else { world.facts.exact.len() + waiting };
                    world.facts.unknown = world.facts.unknown.max(unknown);
                }
                world.store.up = false;
                world.facts.outage_ms = Some(world.now_ms);
            }
            StoreUp if !world.store.up => {
                world.store.up = true;
                world.facts.up_since_ms = world.now_ms;
            }
            StoreUp => {}
            Flush => world.flush(),
            RollBack => world.roll_back(),
            ClockStep => {
                let step = i64::try_from(world.random.range(0..1_400_000)).unwrap() - 700_000;
                world.store.clock_offset_ms += step;
                world.facts.clock_step_ms = Some(world.now_ms);
            }
            Demand => demand(world, index, self.busy_ms),
        }
    }
}

fn login(world: &mut World, index: usize) {
    if !world.nodes[index].is_running(world.now_ms) || world.nodes[index].draining {
        return;
    }
    let user = format!("user{}", world.random.range(0..10));
    let address = IpAddr::from([192, 0, 2, u8::try_from(world.random.range(1..20)).unwrap()]);
    let now = world.now();
    if let Some(process) = &mut world.nodes[index].process {
        process.login(&user, address, now);
    }
    world.drive(index);
}

/// More or fewer ports are needed, and some of the blocks that are offered have somebody waiting on them.
fn demand(world: &mut World, index: usize, busy_ms: u64) {
    if !world.nodes[index].is_running(world.now_ms) {
        return;
    }
    let now = world.now();
    let needed = match world.random.chance(50) {
        true => 0,
        false => u32::try_from(world.random.range(0..80)).unwrap(),
    };
    let agent = world.nodes[index].process.as_ref().map(|process| &process.agent);
    let offered: Vec<u16> = agent.into_iter().flat_map(|agent| agent.offered(now)).collect();
    for block in offered {
        if world.random.chance(30) {
            let until = world.now_ms + world.random.range(0..busy_ms);
            world.nodes[index].demand.busy.insert(block, until);
        }
    }
    let demand = &mut world.nodes[index].demand;
    demand.needed = needed;
    demand.idle_since = (needed == 0).then(|| demand.idle_since.unwrap_or(world.now_ms));
    world.drive(index);
}

fn logout(world: &mut World, index: usize) {
    if !world.nodes[index].is_running(world.now_ms) {
        return;
    }
    let chosen = world.random.next();
    if let Some(process) = &mut world.nodes[index].process {
        let length = process.slots.len().max(1) as u64;
        process.logout(usize::try_from(chosen % length).unwrap());
    }
    world.drive(index);
}

/// Of each scenario; a tenth of those that are long.
const SEEDS: u64 = 250;
/// As a rule no connection is waited for longer.
const BUSY_MS: u64 = 10_000;
