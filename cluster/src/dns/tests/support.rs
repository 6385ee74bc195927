//! A pool that clients look up: its nodes, the zone, and the leader's desk in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::aws::Trouble;
use crate::dns::{
    CheckInterval, Desk, Kind, Led, Location, Node, Policy, RecordSet, Reply, Request, Routing,
    Settings, Target, Witness, Zone, is_ours,
};
use crate::id::{Fence, NodeId};
use crate::member::Standing;

#[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
pub(in crate::dns) fn start() -> Instant {
    Instant::now()
}

pub(in crate::dns) fn settings() -> Settings {
    Settings {
        pool: "main".to_owned(),
        zone: "Z1".to_owned(),
        name: NAME.to_owned(),
        sftp_name: None,
        policy: Policy::Weighted,
        ttl: 60,
        check: Some(CheckInterval::Thirty),
    }
}

/// A node that is ready.
pub(in crate::dns) fn node(number: u16) -> Node {
    let [high, low] = number.to_be_bytes();
    Node {
        id: NodeId::new(&format!("n{number}")).unwrap(),
        generation: 7,
        v4: Some(Ipv4Addr::new(198, 51, high, low)),
        v6: None,
        region: "eu-west-1".to_owned(),
        location: Location::Default,
        standing: Standing::Ready,
        capacity: 100,
        busy_permille: 0,
        ftp: true,
        ssh: true,
        port: 2121,
        answered: true,
    }
}

pub(super) fn nodes(numbers: std::ops::Range<u16>) -> Vec<Node> {
    numbers.map(node).collect()
}

/// A record of somebody else.
pub(super) fn foreign(name: &str, id: &str, routing: Routing) -> RecordSet {
    RecordSet {
        name: name.to_owned(),
        kind: Kind::A,
        id: id.to_owned(),
        routing,
        target: Target::Values { ttl: 60, values: vec!["203.0.113.9".to_owned()] },
        check: None,
    }
}

pub(super) struct Pool {
    pub(super) desk: Desk,
    pub(super) zone: Zone,
    pub(super) nodes: Vec<Node>,
    pub(super) now: Instant,
    pub(super) term: Option<(Fence, Instant)>,
    pub(super) log: Vec<(Instant, Request)>,
    /// What witnesses say of nodes that are gone.
    pub(super) witness: Witness,
    /// What the next calls come to, instead of what they should; the flag: and yet it is done.
    pub(super) faults: VecDeque<(bool, Trouble)>,
    /// What is refused for ever.
    pub(super) refuses: Option<fn(&Request) -> Option<Trouble>>,
    /// What the name must answer after each batch.
    pub(super) never: Option<fn(&Pool)>,
}

impl Pool {
    pub(super) fn new(settings: Settings, nodes: Vec<Node>) -> Self {
        let now = start();
        Self {
            desk: Desk::new(settings),
            zone: Zone::new(Duration::from_secs(3)),
            nodes,
            now,
            term: Some((Fence(1), now)),
            log: Vec::new(),
            witness: Witness::default(),
            faults: VecDeque::new(),
            refuses: None,
            never: None,
        }
    }

    /// Lets time pass. What the zone refuses is a mistake of ours, unless the test asked for it.
    pub(super) fn run(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            let led = self.term.map(|(term, since)| Led { term, age: self.now - since });
            for gone in self.desk.gone() {
                self.desk.on_witness(&gone.key, self.witness, self.now);
            }
            let Some(request) = self.desk.poll(&self.nodes, led, self.now) else {
                let next = self.desk.next().unwrap_or(end);
                self.now = next.max(self.now + Duration::from_millis(10)).min(end);
                continue;
            };
            self.log.push((self.now, request.clone()));
            let result = match self.faults.pop_front() {
                Some((is_done, trouble)) => {
                    if is_done {
                        self.zone.call(&request, self.now).unwrap();
                    }
                    Err(trouble)
                }
                None if self.refuses.is_some_and(|refuses| refuses(&request).is_some()) => {
                    Err(self.refuses.and_then(|refuses| refuses(&request)).unwrap())
                }
                None => {
                    let result = self.zone.call(&request, self.now);
                    if let Err(trouble) = &result {
                        // Deleted checks use up their references, and there may be too many of them.
                        let may = matches!(request, Request::CreateCheck { .. })
                            && !trouble.to_string().starts_with("InvalidInput");
                        assert!(may, "{trouble}: {request:#?}");
                    }
                    result
                }
            };
            self.now += Duration::from_millis(50);
            if let (Ok(Reply::Changed { .. }), Request::Change(_), Some(never)) =
                (&result, &request, self.never)
            {
                never(self);
            }
            self.desk.on_reply(result, self.now, 0);
        }
    }

    /// What is asked of one sort.
    pub(super) fn asked(&self, action: &str) -> Vec<(Instant, Request)> {
        let of = |(_, request): &&(Instant, Request)| request.action() == action;
        self.log.iter().filter(of).cloned().collect()
    }

    /// The shares of the answers that clients get, who are nowhere in particular.
    pub(super) fn answers(&self, name: &str) -> BTreeMap<String, f64> {
        self.answers_at(name, &Kind::A, &[Routing::Geolocation(Location::Default)])
    }

    /// Likewise; `places`: the choices of latency or geolocation that such a client gets, the best first.
    pub(super) fn answers_at(
        &self,
        name: &str,
        kind: &Kind,
        places: &[Routing],
    ) -> BTreeMap<String, f64> {
        let mut answers = BTreeMap::new();
        self.follow(name, kind, places, 1.0, &mut answers);
        answers
    }

    fn follow(
        &self,
        name: &str,
        kind: &Kind,
        places: &[Routing],
        part: f64,
        answers: &mut BTreeMap<String, f64>,
    ) {
        let all = self.zone.records().filter(|set| set.name == name && set.kind == *kind);
        let mut all: Vec<_> = all.collect();
        if all.iter().any(|set| places.contains(&set.routing)) {
            let best = places.iter().find_map(|place| all.iter().find(|set| set.routing == *place));
            all = best.into_iter().copied().collect();
        } else if matches!(
            all.first().map(|set| &set.routing),
            Some(Routing::Latency(_) | Routing::Geolocation(_))
        ) && places.iter().all(|place| matches!(place, Routing::Geolocation(_)))
            && all.iter().any(|set| matches!(set.routing, Routing::Geolocation(_)))
        {
            all.clear();
        }
        let weights: Vec<f64> = all.iter().map(|set| set.weight().map_or(1.0, f64::from)).collect();
        let sum: f64 = weights.iter().sum();
        for (set, weight) in all.iter().zip(weights) {
            // Where all have none, all are answered.
            let share = if sum > 0.0 { weight / sum } else { 1.0 / all.len() as f64 };
            match (&set.target, set.value()) {
                (Target::Alias { name, .. }, _) => {
                    self.follow(name, kind, places, part * share, answers);
                }
                (_, Some(value)) if share > 0.0 => {
                    *answers.entry(value.to_owned()).or_default() += part * share;
                }
                _ => {}
            }
        }
    }

    pub(super) fn weight_of(&self, number: u16) -> Option<u8> {
        let id = self.desk.settings().identifier(&format!("n{number}"));
        self.zone.records().find(|set| set.id == id).and_then(RecordSet::weight)
    }

    pub(super) fn has_record(&self, number: u16) -> bool {
        let id = self.desk.settings().identifier(&format!("n{number}"));
        self.zone.records().any(|set| set.id == id)
    }

    /// Records that are not ours.
    pub(super) fn others(&self) -> Vec<RecordSet> {
        let settings = self.desk.settings();
        self.zone.records().filter(|set| !is_ours(settings, set)).cloned().collect()
    }
}

pub(super) const NAME: &str = "ftp.example.org";
