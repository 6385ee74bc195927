//! Random requests of several nodes to a Redis and to the reference: every answer is the same, at
//! every time of a clock that jumps.

mod bounds;
mod random;
mod world;

use std::cell::Cell;
use std::rc::Rc;

use flotilla_cluster::admission::Limits;
use flotilla_cluster::store::redis::Options;
use flotilla_cluster::store::{
    Admit, Ledger, Login, Redis, Registered, Reply, Request, State, Store,
};

use self::random::Random;
use self::world::{Step, World};
use crate::support::{PATIENCE, START_US, Server, beat, identity, options, run};

/// Sequences per run; each is made of its seed alone. `FLOTILLA_SEED=n` runs one of them.
const SEEDS: std::ops::Range<u64> = 0..300;
const STEPS: usize = 250;

/// A Redis and the reference, by one clock.
struct Pair<'a> {
    server: &'a Server,
    redis: Redis,
    state: State,
    clock: Rc<Cell<u64>>,
    /// The latest time that was.
    latest: u64,
    /// What both were at an earlier time.
    saved: Option<(State, Vec<Dump>)>,
}

/// A key with its value, as Redis dumps it.
type Dump = (Vec<u8>, Vec<u8>);

impl Pair<'_> {
    async fn ask(&mut self, request: Request) -> Reply {
        let wanted = sorted(self.state.apply(request.clone(), self.clock.get()));
        let got = self.all(request).await;
        assert_eq!(sorted(got), wanted);
        wanted
    }

    /// The answer of Redis, all pages of it.
    async fn all(&self, request: Request) -> Reply {
        let mut all = Vec::new();
        let mut request = request;
        loop {
            match self.redis.call(request.clone()).await.unwrap() {
                Reply::Sessions { sessions, cursor } => {
                    all.extend(sessions);
                    let Request::Sessions { cursor: next, .. } = &mut request else { panic!() };
                    *next = cursor;
                    if cursor == 0 {
                        return Reply::Sessions { sessions: all, cursor };
                    }
                }
                other => return other,
            }
        }
    }

    fn wait(&mut self, us: i64) {
        self.clock.set(self.clock.get().saturating_add_signed(us).max(START_US / 2));
        self.latest = self.latest.max(self.clock.get());
    }

    /// After a loss of data it is later than ever, so that no fence is given twice.
    fn wait_past_all(&mut self) {
        self.latest = self.latest.max(world::FENCES_END_MS * 1000) + 1_000_000;
        self.clock.set(self.latest);
    }

    fn lose(&mut self) {
        self.server.command(&["FLUSHALL"]);
        self.state = State::default();
        self.saved = None;
        self.wait_past_all();
    }

    fn save(&mut self) {
        let mut operator = self.server.operator();
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut operator).unwrap();
        let dump = |key: Vec<u8>| {
            let value = redis::cmd("DUMP").arg(&key).query(&mut self.server.operator()).unwrap();
            (key, value)
        };
        self.saved = Some((self.state.clone(), keys.into_iter().map(dump).collect()));
    }

    /// A failover that loses what was written since.
    fn roll_back(&mut self) {
        let Some((state, dumps)) = self.saved.take() else { return };
        self.server.command(&["FLUSHALL"]);
        self.state = state;
        let mut operator = self.server.operator();
        for (key, value) in dumps {
            let mut restore = redis::cmd("RESTORE");
            restore.arg(key).arg(0).arg(value).exec(&mut operator).unwrap();
        }
        self.wait_past_all();
    }
}

/// Sessions have no order.
fn sorted(reply: Reply) -> Reply {
    match reply {
        Reply::Sessions { mut sessions, cursor } => {
            sessions.sort();
            Reply::Sessions { sessions, cursor }
        }
        other => other,
    }
}

async fn play(pair: &mut Pair<'_>, seed: u64) {
    let mut random = Random::new(seed);
    let mut world = World::new(!seed.is_multiple_of(3));
    pair.lose();
    pair.clock.set(START_US);
    pair.latest = START_US;
    for _ in 0..STEPS {
        let step = world.step(&mut random);
        if std::env::var_os("FLOTILLA_SEED").is_some() {
            println!("{} {step:?}", pair.clock.get());
        }
        match step {
            Step::Ask(request) => {
                let reply = pair.ask(request.clone()).await;
                world.learn(&request, &reply);
            }
            Step::Wait(us) => pair.wait(us),
            Step::Lose => pair.lose(),
            Step::Save => pair.save(),
            Step::RollBack => pair.roll_back(),
        }
    }
}

/// Runs a test on a Redis of its own.
fn with_pair(test: impl AsyncFnOnce(&mut Pair<'_>)) {
    let server = Server::start(&[]);
    run(async {
        let clock = Rc::new(Cell::new(START_US));
        let read = Rc::clone(&clock);
        // Answers count here, not how busy the machine is.
        let options = Options { response_limit: PATIENCE, ..options(&server.url()) };
        let redis = Redis::with_clock(options, move || read.get());
        redis.connected(PATIENCE).await.unwrap();
        let (state, latest) = (State::default(), START_US);
        let mut pair = Pair { server: &server, redis, state, clock, latest, saved: None };
        test(&mut pair).await;
    });
}

#[test]
fn every_answer_is_that_of_the_reference() {
    let one = std::env::var("FLOTILLA_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = one.map_or(SEEDS, |seed| seed..seed + 1);
    with_pair(async |pair| {
        for seed in seeds {
            let told = OnPanic(seed);
            play(pair, seed).await;
            std::mem::forget(told);
        }
    });
}

/// The bits of a key, all set.
const ALL: u64 = (1 << 14) - 1;

/// So many are counted that they share buckets, under keys of which one looks like parts of others.
#[test]
fn crowds_are_counted_apart() {
    let mut random = Random::new(1);
    with_pair(async |pair| {
        let mut fences = Vec::new();
        for name in ["a", "b", "c"] {
            let reply = pair.ask(Request::Beat(beat(name))).await;
            let Reply::Beat(Registered::Yes(beaten)) = reply else { panic!("{reply:?}") };
            fences.push((name, beaten.fence));
        }
        let ledger = |random: &mut Random| {
            // Of some there are many.
            let bits = random.pick(&[0, 1, ALL, ALL - 1]);
            let bits = if random.once_in(4) { bits } else { random.below(ALL) };
            let key = (0..14).map(|bit| u8::from(bits >> bit & 1 == 1)).collect();
            Ledger { key, count: u32::try_from(random.below(3)).unwrap() }
        };
        for sequence in 1..60 {
            let (name, fence) = random.pick(&fences);
            let counts: Vec<Ledger> = (0..900).map(|_| ledger(&mut random)).collect();
            let logins = (0..100).map(|_| Login {
                user: ledger(&mut random),
                origin: random.pick(&counts),
                account_sessions: 0,
            });
            let logins = logins.collect();
            let limits = Limits { per_user: 3, per_address: 3, ..Limits::default() };
            let identity = identity(name, fence);
            let admit = Admit { identity, sequence, sessions: 0, counts, logins, limits };
            pair.ask(Request::Admit(admit)).await;
            pair.wait(50_000);
        }
    });
}

/// Says how to see again what went wrong.
struct OnPanic(u64);

impl Drop for OnPanic {
    fn drop(&mut self) {
        let seed = self.0;
        eprintln!(
            "again: FLOTILLA_SEED={seed} cargo test -p flotilla-cluster --test redis every_answer"
        );
    }
}
