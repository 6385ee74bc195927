use super::super::{Hook, Spot};
use super::*;

#[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
fn start() -> Instant {
    Instant::now()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn settings() -> Settings {
    Settings {
        notices: true,
        drain: Some(seconds(600)),
        rebalance: Rebalance::Lighten,
        protect: None,
    }
}

impl Machine {
    /// Whether it has told the node to drain, and has not withdrawn it.
    fn drains(&self) -> bool {
        self.drain.is_some()
    }

    /// When something is due.
    fn next_timeout(&self, now: Instant) -> Option<Instant> {
        match &self.calling {
            _ if !self.queue.is_empty() => Some(now),
            Some((_, sent)) => Some(*sent + CALL_MAX),
            None => self.next_call(now).map(|(_, at)| at),
        }
    }
}

fn state(state: &str) -> Notices {
    Notices { target_state: Some(state.to_owned()), ..Notices::default() }
}

fn spot(left: Option<u64>) -> Notices {
    let spot = Spot { action: "terminate".to_owned(), left: left.map(seconds) };
    Notices { spot: Some(spot), ..Notices::default() }
}

fn placement(state: &str, heartbeat: u64) -> Placement {
    let hook =
        Hook { name: "flotilla-drain".to_owned(), heartbeat: seconds(heartbeat), total: None };
    Placement {
        group: "ftp".to_owned(),
        state: state.to_owned(),
        protected: false,
        hooks: vec![hook],
    }
}

const BUSY: Load = Load { transfers: 1, longest: Duration::ZERO, drained: false };
const DRAINED: Load = Load { transfers: 0, drained: true, ..BUSY };

/// A machine with its time.
struct World {
    machine: Machine,
    now: Instant,
    begun: Instant,
}

impl World {
    fn new(settings: Settings) -> Self {
        let now = start();
        Self { machine: Machine::new(settings), now, begun: now }
    }

    fn notice(&mut self, notices: &Notices) -> Vec<Command> {
        self.machine.on_notices(self.now, notices.clone());
        self.commands()
    }

    fn load(&mut self, load: Load) -> Vec<Command> {
        self.machine.on_load(load);
        self.commands()
    }

    /// All that is to be done now. A call stays unanswered.
    fn commands(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        while let Some(command) = self.machine.poll(self.now) {
            commands.push(command);
            assert!(commands.len() < 10, "it goes in circles: {commands:?}");
        }
        commands
    }

    fn wait(&mut self, time: u64) -> Vec<Command> {
        self.now += seconds(time);
        self.commands()
    }

    fn placed(&mut self, placement: Placement) -> Vec<Command> {
        self.machine.on_placement(self.now, Some(placement));
        self.commands()
    }

    fn answered(&mut self, outcome: Outcome) -> Vec<Command> {
        self.machine.on_outcome(self.now, outcome);
        self.commands()
    }

    /// To the next thing that is due, but no further than so many seconds from the start.
    fn next(&mut self, until: u64) -> Option<(u64, Vec<Command>)> {
        let at = self.machine.next_timeout(self.now)?;
        if at > self.begun + seconds(until) {
            return None;
        }
        assert!(at > self.now, "due and not given");
        self.now = at;
        Some((at.duration_since(self.begun).as_secs(), self.commands()))
    }
}

fn drain(reason: Reason, budget: u64) -> Command {
    Command::Drain { reason, budget: Some(seconds(budget)) }
}

fn heartbeat() -> Command {
    let (group, hook) = ("ftp".to_owned(), "flotilla-drain".to_owned());
    Command::Call(Call::Heartbeat { group, hook })
}

fn complete() -> Command {
    let (group, hook) = ("ftp".to_owned(), "flotilla-drain".to_owned());
    Command::Call(Call::Complete { group, hook })
}

fn protect(on: bool) -> Command {
    Command::Call(Call::Protect { group: "ftp".to_owned(), on })
}

const LOOKS: Command = Command::Call(Call::Look);

/// One that its group terminates, held by a hook.
fn held(heartbeat: u64) -> World {
    let mut world = World::new(settings());
    world.load(BUSY);
    let at_once = world.notice(&state("Terminated"));
    assert_eq!(at_once, [drain(Reason::Terminated, 600), LOOKS]);
    world.placed(placement("Terminating:Wait", heartbeat));
    world
}

#[test]
fn a_spot_instance_drains_within_its_two_minutes() {
    let budgets =
        [(Some(120), 110), (Some(60), 50), (Some(3), 0), (Some(86_400), 110), (None, 110)];
    for (left, budget) in budgets {
        let mut world = World::new(settings());
        assert_eq!(world.notice(&spot(left)), [drain(Reason::Spot, budget)]);
    }
}

#[test]
fn a_notice_that_is_repeated_drains_once() {
    let mut world = World::new(settings());
    assert_eq!(world.notice(&spot(Some(120))).len(), 1);
    for left in [115, 110, 60, 5] {
        world.wait(5);
        assert_eq!(world.notice(&spot(Some(left))), [], "{left}");
    }
    // Nor does it end when the service forgets it.
    assert_eq!(world.notice(&Notices::default()), []);
    assert!(world.machine.drains());
}

#[test]
fn a_spot_notice_shortens_what_goes_on() {
    let mut world = held(3600);
    world.wait(60);
    let both = Notices { spot: spot(Some(120)).spot, ..state("Terminated") };
    assert_eq!(world.notice(&both), [drain(Reason::Spot, 110)]);
    assert_eq!(world.notice(&both), []);
    // The other way round nothing is won.
    let mut world = World::new(settings());
    world.notice(&spot(Some(120)));
    assert_eq!(world.notice(&both), [LOOKS]);
    assert_eq!(world.placed(placement("Terminating:Wait", 3600)), []);
}

#[test]
fn a_hook_is_held_while_transfers_last_and_completed_then() {
    let mut world = World::new(settings());
    world.load(BUSY);
    world.notice(&state("Terminated"));
    // First the group takes it out of its balancers.
    assert_eq!(world.placed(placement("Terminating", 300)), []);
    assert_eq!(world.next(600), Some((15, vec![LOOKS])));
    let begun = world.placed(placement("Terminating:Wait", 300));
    assert_eq!(begun, [drain(Reason::Terminated, 30_000 - 15 - 15)], "a hundred heartbeats");
    let mut beats = Vec::new();
    while let Some((at, commands)) = world.next(4000) {
        assert_eq!(commands, [heartbeat()]);
        beats.push(at);
        assert_eq!(world.answered(Outcome::Done), []);
    }
    assert_eq!(beats[..3], [75, 150, 225], "three may be lost");
    assert!(beats.len() > 50);
    assert_eq!(world.load(DRAINED), [complete()]);
    assert_eq!(world.answered(Outcome::Done), []);
    assert_eq!(world.next(1_000_000), None, "nothing is left to be done");
    assert_eq!(world.notice(&state("Terminated")), []);
}

#[test]
fn heartbeats_end_with_the_last_moment_of_a_hook() {
    let mut world = held(30);
    let mut last = 0;
    while let Some((at, commands)) = world.next(10_000) {
        assert_eq!(commands, [heartbeat()]);
        last = at;
        world.answered(Outcome::Done);
    }
    assert!((2960..3000).contains(&last), "{last}: a hundred times 30 s");
}

#[test]
fn a_heartbeat_that_failed_is_repeated_soon() {
    let mut world = held(300);
    assert_eq!(world.wait(75), [heartbeat()]);
    assert_eq!(world.answered(Outcome::Failed), []);
    assert_eq!(world.wait(9), []);
    assert_eq!(world.wait(1), [heartbeat()]);
    // No answer at all is the same.
    assert_eq!(world.wait(29), []);
    assert_eq!(world.wait(1), []);
    assert_eq!(world.wait(10), [heartbeat()]);
    assert_eq!(world.answered(Outcome::Done), []);
    assert_eq!(world.wait(74), []);
    assert_eq!(world.wait(1), [heartbeat()]);
}

#[test]
fn where_heartbeats_are_refused_the_drain_is_shorter() {
    let mut world = held(300);
    world.wait(75);
    assert_eq!(
        world.answered(Outcome::Refused),
        [drain(Reason::Terminated, 300 - 75 - 15)],
        "what the hook has left"
    );
    assert_eq!(world.next(100_000), None);
    assert_eq!(world.load(DRAINED), [complete()]);
}

#[test]
fn a_completion_is_repeated_until_it_is_known() {
    let mut world = held(300);
    assert_eq!(world.load(DRAINED), [complete()]);
    assert_eq!(world.answered(Outcome::Failed), []);
    assert_eq!(world.wait(4), []);
    assert_eq!(world.wait(1), [complete()]);
    // It had been done the first time.
    assert_eq!(world.answered(Outcome::Gone), []);
    assert_eq!(world.next(100_000), None);
}

#[test]
fn a_hook_that_ended_cuts_nobody() {
    let mut world = held(300);
    world.wait(75);
    assert_eq!(world.answered(Outcome::Gone), []);
    assert_eq!(world.next(100_000), None);
    assert!(world.machine.drains());
}

#[test]
fn a_hook_of_somebody_else_is_left_alone() {
    let mut world = World::new(settings());
    world.notice(&state("Terminated"));
    let mut foreign = placement("Terminating:Wait", 300);
    foreign.hooks[0].name = "logs".to_owned();
    assert_eq!(world.placed(foreign), []);
    assert_eq!(world.load(DRAINED), []);
    assert_eq!(world.next(100_000), None);
}

#[test]
fn without_a_hook_there_is_only_the_limit_of_drains() {
    let mut world = World::new(settings());
    world.notice(&state("Terminated"));
    let bare = Placement { hooks: Vec::new(), ..placement("Terminating", 300) };
    assert_eq!(world.placed(bare), []);
    assert_eq!(world.next(100_000), None, "nothing to look for");
    let mut endless = World::new(Settings { drain: None, ..settings() });
    let unlimited = Command::Drain { reason: Reason::Standby, budget: None };
    assert_eq!(endless.notice(&state("Standby")), [unlimited]);
}

#[test]
fn what_is_withdrawn_is_undone() {
    let mut world = World::new(settings());
    assert_eq!(world.notice(&state("InService")), []);
    assert_eq!(world.notice(&state("Standby")), [drain(Reason::Standby, 600)]);
    assert_eq!(world.notice(&state("Standby")), []);
    assert_eq!(world.notice(&state("InService")), [Command::Undrain]);
    assert_eq!(world.notice(&state("InService")), []);
    // From a warm pool it goes into service.
    assert_eq!(world.notice(&state("Warmed:Stopped"))[0], drain(Reason::Terminated, 600));
    assert_eq!(world.notice(&state("InService")), [Command::Undrain]);
    // A hook that would be held is not any more.
    let mut world = held(300);
    assert_eq!(world.notice(&state("InService")), [Command::Undrain]);
    assert_eq!(world.next(100_000), None);
}

#[test]
fn one_that_is_detached_goes_on() {
    let mut world = World::new(settings());
    assert_eq!(world.notice(&state("Detached")), []);
    assert_eq!(world.notice(&Notices::default()), []);
}

#[test]
fn a_recommendation_does_what_is_set() {
    let rebalance = Notices { rebalance: true, ..Notices::default() };
    let mut world = World::new(settings());
    assert_eq!(world.notice(&rebalance), [Command::Lighten(true)]);
    assert_eq!(world.notice(&rebalance), []);
    assert_eq!(world.notice(&Notices::default()), [Command::Lighten(false)]);
    let mut world = World::new(Settings { rebalance: Rebalance::Drain, ..settings() });
    assert_eq!(world.notice(&rebalance), [drain(Reason::Rebalance, 600)]);
    let both = Notices { spot: spot(Some(120)).spot, ..rebalance.clone() };
    assert_eq!(world.notice(&both), [drain(Reason::Spot, 110)]);
    let mut world = World::new(Settings { rebalance: Rebalance::Ignore, ..settings() });
    assert_eq!(world.notice(&rebalance), []);
    let mut world = World::new(Settings { notices: false, ..settings() });
    assert_eq!(world.notice(&both), []);
}

#[test]
fn where_looking_is_refused_it_is_asked_seldom() {
    let mut world = World::new(settings());
    world.notice(&state("Terminated"));
    world.answered(Outcome::Refused);
    assert_eq!(world.next(10_000), Some((300, vec![LOOKS])));
    world.answered(Outcome::Failed);
    assert_eq!(world.next(10_000), Some((315, vec![LOOKS])));
}

#[test]
fn long_transfers_protect_the_instance() {
    let mut world = World::new(Settings { protect: Some(seconds(300)), ..settings() });
    assert_eq!(world.notice(&state("InService")), [LOOKS]);
    assert_eq!(world.placed(Placement { hooks: Vec::new(), ..placement("InService", 0) }), []);
    let long = |longest| Load { transfers: 2, longest: seconds(longest), ..Load::default() };
    assert_eq!(world.load(long(299)), []);
    assert_eq!(world.load(long(300)), [protect(true)]);
    assert_eq!(world.answered(Outcome::Done), []);
    assert_eq!(world.load(long(5)), [], "as long as anything is transferred");
    // At most one call a minute.
    assert_eq!(world.load(Load::default()), []);
    assert_eq!(world.next(1000), Some((60, vec![protect(false)])));
    assert_eq!(world.answered(Outcome::Done), []);
    assert_eq!(world.load(long(400)), []);
    assert_eq!(world.wait(59), []);
    assert_eq!(world.wait(1), [protect(true)]);
    // What may have been done is read again.
    assert_eq!(world.answered(Outcome::Failed), [LOOKS]);
    let protected = Placement { protected: true, ..placement("InService", 300) };
    assert_eq!(world.placed(protected), []);
    // One that is terminated after all is not unprotected any more.
    assert_eq!(world.notice(&state("Terminated"))[0], drain(Reason::Terminated, 600));
    world.placed(placement("Terminating:Wait", 300));
    assert_eq!(world.load(DRAINED), [complete()]);
}

#[test]
fn a_protection_that_is_refused_is_not_tried_again() {
    let mut world = World::new(Settings { protect: Some(seconds(1)), ..settings() });
    world.notice(&state("InService"));
    world.placed(placement("InService", 300));
    assert_eq!(world.load(Load { longest: seconds(9), ..BUSY }), [protect(true)]);
    assert_eq!(world.answered(Outcome::Refused), []);
    assert_eq!(world.next(100_000), None);
}

#[test]
fn one_that_was_killed_while_it_was_protected_is_not_for_ever() {
    let mut world = World::new(Settings { protect: Some(seconds(300)), ..settings() });
    world.notice(&state("InService"));
    let protected = Placement { protected: true, ..placement("InService", 300) };
    assert_eq!(world.placed(protected), [protect(false)]);
}

#[test]
fn what_is_switched_off_is_ended() {
    let on = Settings { protect: Some(seconds(300)), ..settings() };
    let mut world = World::new(on.clone());
    world.notice(&state("InService"));
    world.placed(Placement { hooks: Vec::new(), ..placement("InService", 0) });
    assert_eq!(world.load(Load { longest: seconds(300), ..BUSY }), [protect(true)]);
    world.answered(Outcome::Done);
    world.now += seconds(60);
    world.machine.on_settings(world.now, settings());
    assert_eq!(world.commands(), [protect(false)]);
    world.answered(Outcome::Done);
    // One that somebody else sets is theirs.
    world.machine.on_settings(world.now, Settings { notices: false, ..settings() });
    assert_eq!(world.notice(&state("Terminated")), []);
    assert!(!world.machine.drains());

    let mut world = World::new(on.clone());
    assert_eq!(world.notice(&state("Standby")), [drain(Reason::Standby, 600)]);
    world.machine.on_settings(world.now, Settings { notices: false, ..on.clone() });
    assert_eq!(world.commands(), [Command::Undrain]);
    world.machine.on_settings(world.now, on);
    assert_eq!(world.commands(), [drain(Reason::Standby, 600)]);
}

#[test]
fn troubles_are_outcomes() {
    let of = |trouble: Trouble| Outcome::from(&trouble);
    let rejected = |code: &str| Trouble::Rejected { code: code.to_owned(), message: String::new() };
    assert_eq!(of(rejected("ValidationError")), Outcome::Gone);
    assert_eq!(of(rejected("ResourceContention")), Outcome::Failed);
    assert_eq!(of(Trouble::Unknown(String::new())), Outcome::Failed);
    let action = "autoscaling:CompleteLifecycleAction";
    assert_eq!(of(Trouble::Refused { action, message: String::new() }), Outcome::Refused);
}
