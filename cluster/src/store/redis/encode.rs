//! Requests as Redis takes them: a script, its keys and its arguments.
//!
//! # Keys
//! All begin with `flotilla:{POOL}:`, whose braces put them into one slot of a cluster.
//!
//! | key | holds |
//! | --- | --- |
//! | `gen`, `quar`, `beat`, `fence` | the generation of the pool, the end of the quarantine, the last beat of all, the last fence |
//! | `nodes` | hash by name: generation, fence, sequence, record |
//! | `t`, `tag` | hash of registered fences: a tag of 3 bytes that is never given twice; its counter |
//! | `hb`, `n`, `adm` | by tag: last beat, sessions, last admission; behind a `p` in `adm` the last publication |
//! | `u` | counts of users and origins, in buckets: key, tag, count, one after the other |
//! | `s:FENCE` | hash of published sessions: number to record |
//! | `lead`, `pol`, `sec`, `cfg`, `rate` | the lease, the policy, secrets, settings of nodes, the bucket of logins |
//! | `bans`, `bq`, `bu`, `bseq` | bans; their origins by number of the last change and by end; the last number |
//! | `f:ORIGIN` | list of the times of failed logins |
//! | `blk` | string of 9 bytes for each port block: fence of the grant, tag of the owner |
//! | `in:NODE`, `re:TOKEN` | orders for a node; answers to a question |
//! | `gone`, `cur` | forgotten fences whose sessions are still there; how far tidying is |
//!
//! Memory decides on `u`: an entry of its own for each user and each address would cost 60 bytes,
//! one of many in a bucket costs 15 to 35.

use std::net::IpAddr;

use redis::Cmd;

use super::script::{self, Invocation};
use crate::ban::BAN_AFTER_MAX;
use crate::id::{Fence, NodeId};
use crate::store::{
    Admit, BanChange, Beat, FOREVER_MS, Holding, Identity, Ledger, Login, Publish, Request, Score,
};

/// What Redis is asked, and what to make of its answer.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) work: Work,
    pub(super) answer: Answer,
}

/// What Redis is asked.
#[derive(Debug)]
pub(super) enum Work {
    Script(Invocation),
    /// One command is as atomic as a script.
    Command(Cmd),
    /// The script wants the keys of what is in the answer to the command.
    Tidy {
        gone: Cmd,
        tidy: Invocation,
    },
}

impl Work {
    /// What it is called where it goes wrong.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Script(invocation) | Self::Tidy { tidy: invocation, .. } => invocation.name(),
            Self::Command(_) => "configuration",
        }
    }
}

/// What the answer is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Changed,
    Beat,
    Verdicts,
    Sessions,
    Bans,
    Answers,
    Configurations,
    Secret,
    Granted,
}

/// The keys of a pool.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    /// Those of the pool of this name.
    pub(super) fn new(pool: &str) -> Self {
        Self { prefix: format!("flotilla:{{{pool}}}:") }
    }

    /// Where scripts publish hints.
    pub(super) fn channel(&self) -> String {
        format!("{}ev", self.prefix)
    }

    /// One that every pool with nodes has.
    pub(super) fn generation(&self) -> Vec<u8> {
        self.name("gen")
    }

    fn name(&self, name: &str) -> Vec<u8> {
        self.with(name, b"")
    }

    fn names<const N: usize>(&self, names: [&str; N]) -> [Vec<u8>; N] {
        names.map(|name| self.name(name))
    }

    fn with(&self, name: &str, rest: &[u8]) -> Vec<u8> {
        [self.prefix.as_bytes(), name.as_bytes(), rest].concat()
    }

    fn sessions(&self, fence: Fence) -> Vec<u8> {
        self.with("s:", fence.to_string().as_bytes())
    }

    fn inbox(&self, node: &NodeId) -> Vec<u8> {
        self.with("in:", node.as_str().as_bytes())
    }

    fn failures(&self, origin: IpAddr) -> Vec<u8> {
        self.with("f:", origin.to_string().as_bytes())
    }

    fn answers(&self, token: u64) -> Vec<u8> {
        self.with("re:", token.to_string().as_bytes())
    }

    /// What the request asks of Redis at this time of the clock; empty: its own.
    pub(super) fn plan(&self, request: Request, clock: Vec<u8>) -> Plan {
        let start = |script| Invocation::new(script, clock.clone());
        let (invocation, answer) = match request {
            Request::Configure { node, settings } => return self.configure(&node, &settings),
            Request::Configurations => return self.configurations(),
            Request::Tidy => return self.tidy(start(&script::TIDY)),
            Request::Beat(beat) => (self.beat(start(&script::BEAT), beat), Answer::Beat),
            Request::Leave(identity) => {
                (self.leave(start(&script::LEAVE), &identity), Answer::Done)
            }
            Request::Admit(admit) => (self.admit(start(&script::ADMIT), admit), Answer::Verdicts),
            Request::Publish(publish) => {
                (self.publish(start(&script::PUBLISH), publish), Answer::Done)
            }
            Request::Sessions { fence, cursor } => {
                let start = start(&script::SESSIONS).keys([self.name("t"), self.sessions(fence)]);
                (start.argument(fence.to_bytes()).number(cursor), Answer::Sessions)
            }
            Request::Score(score) => (self.score(start(&script::SCORE), &score), Answer::Done),
            Request::Ban(change) => (self.ban(start(&script::BAN), &change), Answer::Changed),
            Request::Bans => (start(&script::BANS).key(self.name("bans")), Answer::Bans),
            Request::Order { to, order } => {
                (self.order(start(&script::ORDER), &to, order), Answer::Done)
            }
            Request::Answer { token, body } => {
                let start = start(&script::ANSWER).key(self.answers(token));
                let start = start.argument(self.channel()).argument(body);
                (start.argument(token.to_be_bytes()), Answer::Done)
            }
            Request::TakeAnswers(token) => {
                (start(&script::TAKE).key(self.answers(token)), Answer::Answers)
            }
            Request::Secret { name, write } => {
                let start = start(&script::SECRET).key(self.name("sec"));
                (secret(start.argument(self.channel()), name, write), Answer::Secret)
            }
            Request::SetPolicy { term, policy } => {
                let start = start(&script::POLICY).keys(self.names(["lead", "pol"]));
                let start = start.argument(self.channel()).argument(term.to_bytes());
                (start.argument(policy), Answer::Changed)
            }
            Request::Grant { asking, blocks, wanted } => {
                let start = start(&script::GRANT);
                let start = start.keys(self.names(["t", "hb", "quar", "beat", "fence", "blk"]));
                let start = start.argument(asking.fence.to_bytes()).number(blocks);
                (start.number(wanted), Answer::Granted)
            }
            Request::Return { fence, held } => {
                let start = start(&script::RETURN).keys(self.names(["t", "blk"]));
                (start.argument(fence.to_bytes()).argument(holdings(&held)), Answer::Done)
            }
        };
        Plan { work: Work::Script(invocation), answer }
    }

    fn beat(&self, start: Invocation, beat: Beat) -> Invocation {
        let start = start
            .keys(self.names(["gen", "quar", "beat", "fence", "lead", "pol", "bseq"]))
            .keys(self.names(["nodes", "t", "hb", "n", "adm"]))
            .key(self.inbox(&beat.node));
        let start = start.keys(self.names(["bans", "bq", "blk", "tag", "gone"]));
        let known = beat.fence.map(Fence::to_bytes);
        let pool = (beat.pool != 0).then(|| beat.pool.to_be_bytes());
        start
            .keys(beat.fence.map(|fence| self.sessions(fence)))
            .argument(beat.node.as_str())
            .number(beat.generation.0)
            .number(beat.previous.0)
            .argument(known.as_ref().map_or(b"".as_slice(), |fence| fence))
            .number(beat.sequence)
            .number(beat.answered)
            .number(beat.admitted)
            .number(beat.published)
            .argument(beat.candidate.to_be_bytes())
            .argument(pool.as_ref().map_or(b"".as_slice(), |pool| pool))
            .argument(beat.record)
            .number(beat.sessions)
            .number(beat.stands)
            .number(beat.members)
            .number(beat.bans_known)
            .argument(six(beat.policy_known))
            .number(beat.orders_done)
            .argument(holdings(beat.holds.as_deref().unwrap_or_default()))
            .argument(self.channel())
    }

    fn leave(&self, start: Invocation, identity: &Identity) -> Invocation {
        start
            .keys(self.names(["nodes", "t", "hb", "n", "adm", "cfg", "lead"]))
            .keys([self.inbox(&identity.node), self.sessions(identity.fence)])
            .argument(identity.node.as_str())
            .argument(identity.fence.to_bytes())
            .argument(self.channel())
    }

    fn admit(&self, start: Invocation, admit: Admit) -> Invocation {
        let limits = admit.limits;
        let start = start
            .keys(self.names(["t", "hb", "n", "adm", "u", "rate", "quar", "beat"]))
            .argument(admit.identity.fence.to_bytes())
            .number(admit.sequence)
            .number(admit.sessions)
            .number(limits.sessions)
            .number(limits.per_user)
            .number(limits.per_address)
            .number(limits.logins_per_second)
            .number(admit.counts.len() as u64);
        let start = admit.counts.into_iter().fold(start, ledger);
        admit.logins.into_iter().fold(start, |start, Login { user, origin, account_sessions }| {
            ledger(ledger(start, user), origin).number(account_sessions)
        })
    }

    fn publish(&self, start: Invocation, publish: Publish) -> Invocation {
        let start = start
            .keys([self.name("t"), self.sessions(publish.fence), self.name("adm")])
            .argument(publish.fence.to_bytes())
            .number(publish.sequence)
            .number(publish.anew)
            .number(publish.changed.len() as u64);
        let changed = publish.changed.into_iter();
        let start = changed.fold(start, |start, (session, record)| {
            start.argument(short(session)).argument(record)
        });
        publish.ended.into_iter().fold(start, |start, session| start.argument(short(session)))
    }

    fn score(&self, start: Invocation, score: &Score) -> Invocation {
        // Without failures that ban there is nothing to score.
        let origins: &[IpAddr] = if score.ban_after == 0 { &[] } else { &score.origins };
        let start = start
            .keys(self.names(["bans", "bq", "bu", "bseq"]))
            .keys(origins.iter().map(|origin| self.failures(*origin)))
            .argument(self.channel())
            .number(score.ban_after.min(BAN_AFTER_MAX))
            .number(score.window_ms)
            .number(score.ban_for_ms);
        origins.iter().fold(start, |start, origin| start.argument(octets(*origin)))
    }

    fn ban(&self, start: Invocation, change: &BanChange) -> Invocation {
        let for_ms = change.for_ms.map(|for_ms| for_ms.to_string());
        start
            .keys(self.names(["bans", "bq", "bu", "bseq"]))
            .key(self.failures(change.origin))
            .argument(self.channel())
            .argument(octets(change.origin))
            .argument(for_ms.unwrap_or_default())
            .number(change.manual)
    }

    fn order(&self, start: Invocation, to: &[NodeId], order: Vec<u8>) -> Invocation {
        let start = start.keys(to.iter().map(|node| self.inbox(node)));
        let start = start.argument(self.channel()).argument(order);
        to.iter().fold(start, |start, node| start.argument(node.as_str()))
    }

    fn configure(&self, node: &NodeId, settings: &[u8]) -> Plan {
        let mut command = redis::cmd("HSET");
        command.arg(self.name("cfg")).arg(node.as_str()).arg(settings);
        Plan { work: Work::Command(command), answer: Answer::Done }
    }

    fn configurations(&self) -> Plan {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.name("cfg"));
        Plan { work: Work::Command(command), answer: Answer::Configurations }
    }

    fn tidy(&self, start: Invocation) -> Plan {
        let mut gone = redis::cmd("SRANDMEMBER");
        gone.arg(self.name("gone")).arg(GONE_AT_ONCE);
        let names = ["bans", "bq", "bu", "bseq", "nodes", "t", "hb", "n", "adm", "cfg", "u"];
        let tidy = start.keys(self.names(names)).keys(self.names(["gone", "cur", "quar", "beat"]));
        Plan { work: Work::Tidy { gone, tidy }, answer: Answer::Done }
    }

    /// With the sessions of these fences to be deleted, if they are still forgotten.
    pub(super) fn tidied(&self, tidy: Invocation, gone: &[Fence]) -> Invocation {
        let tidy = tidy.keys(gone.iter().map(|fence| self.sessions(*fence)));
        gone.iter().fold(tidy, |tidy, fence| tidy.argument(fence.to_bytes()))
    }
}

fn secret(start: Invocation, name: String, write: Option<(u64, Vec<u8>)>) -> Invocation {
    let start = start.argument(name);
    match write {
        Some((expected, sealed)) => start.argument(six(expected)).argument(sealed),
        None => start,
    }
}

/// Bucket, key, count.
fn ledger(start: Invocation, ledger: Ledger) -> Invocation {
    start.argument(bucket(&ledger.key)).argument(ledger.key).number(ledger.count)
}

/// Keys of one length share a bucket, so that its entries are of one size: the length, and 15 bits of
/// a digest (FNV-1a) that spreads neighbouring addresses. A script copies the whole bucket, and Lua looks
/// at each byte of a copy: a million users make 30 entries in each, which is as fast as it gets. Fewer
/// buckets would save memory only where few are counted.
fn bucket(key: &[u8]) -> [u8; 3] {
    let mix = |digest: u32, byte: &u8| (digest ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    let digest = key.iter().fold(0x811c_9dc5, mix);
    let [a, b, c, d] = digest.to_be_bytes();
    [u8::try_from(key.len()).unwrap_or(u8::MAX), (a ^ c) & 0x7f, b ^ d]
}

fn holdings(held: &[Holding]) -> Vec<u8> {
    let bytes = |held: &Holding| [&held.block.to_be_bytes()[..], &held.fence.to_bytes()].concat();
    held.iter().flat_map(bytes).collect()
}

/// The number of a session in as few bytes as it takes.
fn short(number: u64) -> Vec<u8> {
    number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

fn octets(origin: IpAddr) -> Vec<u8> {
    match origin {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// A number as scripts keep it.
fn six(number: u64) -> [u8; 6] {
    Fence(number.min(FOREVER_MS)).to_bytes()
}

/// Sessions of so many fences are deleted at once.
const GONE_AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::ledger::origin_key;

    #[test]
    fn numbers_of_sessions_are_short() {
        assert_eq!(short(0), Vec::<u8>::new());
        assert_eq!(short(255), [255]);
        assert_eq!(short(256), [1, 0]);
        assert_eq!(short(u64::MAX), [255; 8]);
    }

    #[test]
    fn neighbours_are_spread_over_buckets() {
        let key = |n: u32| origin_key(IpAddr::from((0x0a00_0000 + n).to_be_bytes()));
        let mut buckets: HashMap<[u8; 3], u32> = HashMap::new();
        (0..1_000_000).for_each(|n| *buckets.entry(bucket(&key(n))).or_default() += 1);
        assert_eq!(buckets.len(), 32_768);
        assert!(buckets.values().all(|count| *count < 100), "{:?}", buckets.values().max());
    }

    #[test]
    fn all_keys_of_a_pool_lie_in_one_slot() {
        let keys = Keys::new("main");
        for key in [
            keys.generation(),
            keys.sessions(Fence(7)),
            keys.inbox(&NodeId::new("a").unwrap()),
            keys.failures(IpAddr::from([192, 0, 2, 1])),
            keys.answers(7),
        ] {
            assert!(key.starts_with(b"flotilla:{main}:"), "{}", String::from_utf8_lossy(&key));
        }
        assert_eq!(keys.channel(), "flotilla:{main}:ev");
    }
}
