//! What those who watch are told, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use actix::{Actor, Context, Handler};
use flotilla_cluster::session::{Direction, SessionRecord};
use flotilla_protocol::path::VirtualPath;
use proptest::prelude::*;

use super::*;
use crate::auth::Protocol;

fn who(number: u64, user: &str) -> Who {
    Who {
        number,
        user: user.into(),
        protocol: Protocol::Ftp,
        client: [192, 0, 2, 1].into(),
        tally: Rc::default(),
    }
}

fn path(text: &str) -> Rc<VirtualPath> {
    Rc::new(VirtualPath::root().resolve(text.as_bytes()).unwrap())
}

/// A roster, its time, and what a watcher knows of it.
struct Bench {
    roster: Rc<Roster>,
    now: Instant,
    known: BTreeMap<u64, SessionRecord>,
}

impl Bench {
    fn new() -> Self {
        Self { roster: Rc::default(), now: Instant::now(), known: BTreeMap::new() }
    }

    fn enter(&self, number: u64) -> Place {
        self.roster.enter(who(number, "ann"), self.now)
    }

    fn retrieve(&self, place: &Place) -> Moving {
        place.begin("RETR", Direction::Download, &path("/big"), self.now)
    }

    /// A second later: the numbers that were told of, and that ended.
    fn gather(&mut self, max: usize) -> (Vec<u64>, Vec<u64>) {
        self.now += Duration::from_secs(1);
        let Gathered { changed, ended, .. } = self.roster.gather(max, self.now);
        assert!(changed.len() <= max);
        assert!(changed.iter().all(|(number, _)| !ended.contains(number)), "in both lists");
        for number in &ended {
            assert!(self.known.remove(number).is_some(), "the end of nobody");
        }
        let numbers = changed.iter().map(|(number, _)| *number).collect();
        self.known.extend(changed);
        (numbers, ended)
    }
}

#[test]
fn a_change_is_told_once() {
    let mut bench = Bench::new();
    let place = bench.enter(7);
    assert_eq!(bench.gather(10), (vec![7], vec![]));
    assert_eq!((bench.known[&7].user.as_str(), bench.known[&7].command.as_str()), ("ann", ""));
    assert_eq!(bench.gather(10), (vec![], vec![]));
    place.note("PWD", bench.now);
    assert_eq!(bench.gather(10), (vec![], vec![]));
    let operation = place.operate("HASH", Subject::Path(path("/slow")));
    assert_eq!(bench.gather(10), (vec![7], vec![]));
    assert_eq!(bench.known[&7].command, "HASH");
    assert_eq!(bench.known[&7].path, "/slow");
    assert_eq!(bench.gather(10), (vec![], vec![]));
    drop(operation);
    assert_eq!(bench.gather(10), (vec![7], vec![]));
    assert_eq!(bench.known[&7].command, "");
    // Over before anybody looked, it leaves nothing to tell.
    drop(place.operate("SIZE", Subject::Nothing));
    drop(bench.retrieve(&place));
    assert_eq!(bench.gather(10), (vec![], vec![]));
    drop(place);
    assert_eq!(bench.gather(10), (vec![], vec![7]));
    assert_eq!(bench.gather(10), (vec![], vec![]));
}

#[test]
fn what_moves_is_told_every_second() {
    let mut bench = Bench::new();
    let place = bench.enter(7);
    bench.gather(10);
    bench.now += Duration::from_secs(3600);
    let moving = bench.retrieve(&place);
    for second in 1..=3 {
        moving.add(1_000_000, bench.now);
        assert_eq!(bench.gather(10), (vec![7], vec![]));
        let record = &bench.known[&7];
        assert_eq!((record.bytes, record.rate), (second * 1_000_000, 1_000_000));
        assert_eq!((record.command.as_str(), record.path.as_str()), ("RETR", "/big"));
        assert_eq!(record.direction, Direction::Download);
    }
    // It stalls: that is told, and then nothing.
    assert_eq!(bench.gather(10), (vec![7], vec![]));
    assert_eq!((bench.known[&7].bytes, bench.known[&7].rate), (3_000_000, 0));
    assert_eq!(bench.gather(10), (vec![], vec![]));
    moving.add(5, bench.now);
    assert_eq!(bench.gather(10), (vec![7], vec![]));
    drop(moving);
    assert_eq!(bench.gather(10), (vec![7], vec![]));
    assert_eq!((bench.known[&7].bytes, bench.known[&7].rate), (0, 0));
}

/// A rate is that of the session: many small files are as fast as a large one.
#[test]
fn small_files_have_a_rate_too() {
    let mut bench = Bench::new();
    let place = bench.enter(7);
    let mut moving = bench.retrieve(&place);
    bench.gather(10);
    for _ in 0..100 {
        moving.add(1000, bench.now);
        moving = bench.retrieve(&place);
    }
    bench.gather(10);
    assert_eq!((bench.known[&7].bytes, bench.known[&7].rate), (0, 100_000));
    drop(moving);
}

/// Of many that move, each has its turn, and newcomers too.
#[test]
fn turns_are_fair_and_bounded() {
    let mut bench = Bench::new();
    let places: Vec<_> = (0..50).map(|number| bench.enter(number)).collect();
    let moving: Vec<_> = places.iter().map(|place| bench.retrieve(place)).collect();
    let mut turns = BTreeMap::<u64, u32>::new();
    let mut newcomers = Vec::new();
    for round in 0..10 {
        moving.iter().for_each(|moving| moving.add(1, bench.now));
        if round == 3 {
            newcomers.push(bench.enter(100));
        }
        let (told, _) = bench.gather(20);
        assert_eq!(told.len(), 20);
        told.into_iter().for_each(|number| *turns.entry(number).or_default() += 1);
    }
    assert_eq!(turns.remove(&100), Some(1));
    assert_eq!(turns.len(), 50);
    assert!(turns.values().all(|turns| (3..=4).contains(turns)), "{turns:?}");
}

/// Sessions that come and go within a second cost the pool nothing.
#[test]
fn who_was_never_told_of_does_not_end() {
    let mut bench = Bench::new();
    for number in 0..100 {
        drop(bench.enter(number));
    }
    assert_eq!(bench.gather(10), (vec![], vec![]));
    assert!(bench.roster.queue.borrow().is_empty());
}

/// REIN: the same connection, another user.
#[test]
fn a_new_login_takes_the_place_of_the_old_one() {
    let mut bench = Bench::new();
    let place = bench.enter(7);
    bench.gather(10);
    drop(place);
    let place = bench.roster.enter(who(7, "bob"), bench.now);
    assert_eq!(bench.gather(10), (vec![7], vec![]));
    assert_eq!(bench.known[&7].user, "bob");
    drop(place);
    // Before it was told of, yet somebody knows that number.
    let place = bench.enter(7);
    assert_eq!(bench.gather(0), (vec![], vec![]));
    drop(place);
    assert_eq!(bench.gather(10), (vec![], vec![7]));
}

#[test]
fn the_load_never_forgets_bytes() {
    let mut bench = Bench::new();
    let places: Vec<_> = (0..3).map(|number| bench.enter(number)).collect();
    let begun = bench.now;
    let moving = bench.retrieve(&places[0]);
    moving.add(10, bench.now);
    bench.now += Duration::from_secs(1);
    let other = bench.retrieve(&places[1]);
    other.add(5, bench.now);
    let oldest = Some(begun);
    assert_eq!(bench.roster.load(), Load { sessions: 3, transfers: 2, bytes: 15, oldest });
    bench.roster.gather(10, bench.now);
    moving.add(1, bench.now);
    assert_eq!(bench.roster.load(), Load { sessions: 3, transfers: 2, bytes: 16, oldest });
    drop(moving);
    let oldest = Some(bench.now);
    assert_eq!(bench.roster.load(), Load { sessions: 3, transfers: 1, bytes: 16, oldest });
    drop((other, places));
    let oldest = None;
    assert_eq!(bench.roster.load(), Load { sessions: 0, transfers: 0, bytes: 16, oldest });
}

#[test]
fn conditions_choose_sessions() {
    let bob = Some("bob".to_owned());
    for (whom, expected) in [
        (Whom::default(), vec![]),
        (Whom { number: Some(2), ..Whom::default() }, vec![2]),
        (Whom { number: Some(3), ..Whom::default() }, vec![]),
        (Whom { user: bob.clone(), ..Whom::default() }, vec![2]),
        (Whom { user: bob, number: Some(1), ..Whom::default() }, vec![]),
        (Whom { everybody: true, ..Whom::default() }, vec![1, 2]),
    ] {
        let bench = Bench::new();
        let places = (bench.enter(1), bench.roster.enter(who(2, "bob"), bench.now));
        let mut dismissed = bench.roster.dismiss(&whom);
        dismissed.sort_unstable();
        assert_eq!(dismissed, expected, "{whom:?}");
        assert_eq!(bench.roster.load().sessions, 2 - expected.len());
        assert!(bench.roster.dismiss(&whom).is_empty(), "they are told once");
        drop(places);
    }
}

#[test]
fn all_of_one_session_can_be_told() {
    let bench = Bench::new();
    let tally = Rc::new(Tally::default());
    tally.uploaded(100);
    let place = bench.roster.enter(Who { tally, ..who(7, "ann") }, bench.now);
    place.set_software("lftp/4.9");
    place.set_tls(Tls { version: "TLSv1_3", cipher: "TLS13_AES_256_GCM_SHA384" });
    place.note("NOOP", bench.now);
    let moving = bench.retrieve(&place);
    moving.add(10, bench.now + Duration::from_secs(2));
    let told = bench.roster.describe(7, bench.now + Duration::from_secs(5)).unwrap();
    for (pointer, expected) in [
        ("/number", "7"),
        ("/user", "\"ann\""),
        ("/client", "\"192.0.2.1\""),
        ("/idle_seconds", "3"),
        ("/last_command", "\"RETR\""),
        ("/operation", "null"),
        ("/transfers/0/path", "\"/big\""),
        ("/transfers/0/bytes", "10"),
        ("/transfers/0/seconds", "5"),
        ("/uploads", "1"),
        ("/bytes_in", "100"),
        ("/software", "\"lftp/4.9\""),
        ("/tls/version", "\"TLSv1_3\""),
    ] {
        assert_eq!(told.pointer(pointer).map(ToString::to_string).as_deref(), Some(expected));
    }
    assert!(bench.roster.describe(8, bench.now).is_none());
}

/// Notes what it is told; its mailbox holds as little as actix lets it.
#[derive(Default)]
struct Watcher(BTreeMap<u64, SessionRecord>);

impl Actor for Watcher {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(1);
    }
}

impl Handler<Gathered> for Watcher {
    type Result = ();

    fn handle(&mut self, message: Gathered, _: &mut Self::Context) {
        for number in message.ended {
            assert!(self.0.remove(&number).is_some());
        }
        self.0.extend(message.changed);
    }
}

/// What does the watcher know?
#[derive(actix::Message)]
#[rtype(result = "Vec<u64>")]
struct Known;

impl Handler<Known> for Watcher {
    type Result = Vec<u64>;

    fn handle(&mut self, _: Known, _: &mut Self::Context) -> Self::Result {
        self.0.keys().copied().collect()
    }
}

/// A watcher that has no time loses nothing, and a new one is told everything.
#[actix::test]
async fn a_full_mailbox_loses_nothing() {
    let bench = Bench::new();
    let mut teller = Teller::default();
    let before = bench.enter(0);
    teller.tell(&bench.roster, bench.now);
    assert!(bench.roster.queue.borrow().is_empty());
    for _ in 0..2 {
        let watcher = Watcher::default().start();
        teller.watch(&bench.roster, watcher.clone().recipient());
        // Nothing else runs meanwhile, so the mailbox fills.
        let mut places = Vec::new();
        for number in 1..100 {
            places.push(bench.enter(number));
            teller.tell(&bench.roster, bench.now);
        }
        assert!(bench.roster.queue.borrow().len() > 10);
        places.drain(..50);
        let mut known = Vec::new();
        for _ in 0..3 {
            known = watcher.send(Known).await.unwrap();
            teller.tell(&bench.roster, bench.now);
        }
        known.sort_unstable();
        let numbers: Vec<u64> = std::iter::once(0).chain(51..100).collect();
        assert_eq!(known, numbers);
    }
    drop(before);
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Enter(u64),
    Leave(u64),
    Begin(u64),
    Operate(u64),
    Move(u64),
    Rest(u64),
    Gather(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0u64..6;
    prop_oneof![
        number.clone().prop_map(Step::Enter),
        number.clone().prop_map(Step::Leave),
        number.clone().prop_map(Step::Begin),
        number.clone().prop_map(Step::Operate),
        number.clone().prop_map(Step::Move),
        number.prop_map(Step::Rest),
        (0usize..4).prop_map(Step::Gather),
    ]
}

/// A session of the model, with what it has under way.
struct Live {
    place: Place,
    moving: Vec<Moving>,
    operations: Vec<Operation>,
}

proptest! {
    /// Whatever happens, a watcher who is told in portions of any size knows the truth in the end.
    #[test]
    fn a_watcher_comes_to_know_the_truth(steps in proptest::collection::vec(step(), 1..200)) {
        let mut bench = Bench::new();
        let mut live = BTreeMap::<u64, Live>::new();
        for step in steps {
            match step {
                Step::Enter(number) => {
                    live.entry(number).or_insert_with(|| {
                        let place = bench.enter(number);
                        Live { place, moving: vec![], operations: vec![] }
                    });
                }
                Step::Leave(number) => drop(live.remove(&number)),
                Step::Begin(number) => if let Some(live) = live.get_mut(&number) {
                    live.moving.push(bench.retrieve(&live.place));
                },
                Step::Operate(number) => if let Some(live) = live.get_mut(&number) {
                    live.operations.push(live.place.operate("LIST", Subject::Nothing));
                },
                Step::Move(number) => if let Some(live) = live.get(&number) {
                    live.moving.iter().for_each(|moving| moving.add(3, bench.now));
                },
                Step::Rest(number) => if let Some(live) = live.get_mut(&number) {
                    live.moving.pop();
                    live.operations.pop();
                },
                Step::Gather(max) => drop(bench.gather(max)),
            }
        }
        let transfers = live.values().map(|live| live.moving.len()).sum();
        let load = bench.roster.load();
        prop_assert_eq!((load.sessions, load.transfers), (live.len(), transfers));
        for _ in 0..20 {
            bench.gather(2);
        }
        prop_assert!(bench.known.keys().eq(live.keys()));
        for (number, live) in &live {
            let command = match (live.moving.is_empty(), live.operations.is_empty()) {
                (false, _) => "RETR",
                (true, false) => "LIST",
                (true, true) => "",
            };
            prop_assert_eq!(&bench.known[number].command, command);
            prop_assert_eq!(bench.known[number].rate, 0);
        }
    }
}
