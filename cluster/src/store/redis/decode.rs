//! Answers of Redis as replies.
//!
//! Whatever comes from there may be of another version or of somebody else: what can not be read is an
//! error, never a panic. One value among many that can not be read is left out, so that it does not keep
//! every node from the rest.

use std::collections::HashMap;
use std::net::IpAddr;
use std::vec::IntoIter;

use redis::Value;

use super::encode::Answer;
use super::flaw::Flaws;
use crate::id::{FENCE_BYTES, Fence, NodeId};
use crate::store::{
    Banned, Beaten, DEAD_AFTER_MS, Full, Granted, Holding, Listed, News, PoolGeneration,
    Registered, Reply, Secret, Term, Verdict,
};

/// An answer that is not what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("redis answered something else than was asked: {0}")]
pub(super) struct Malformed(&'static str);

type Read<T> = Result<T, Malformed>;
type Pool = (Vec<Listed>, Vec<(Holding, Fence)>, Vec<(Holding, Fence)>);

/// Reads the answer; what it was read without is noted.
pub(super) fn reply(answer: Answer, value: Value, flaws: &mut Flaws) -> Read<Reply> {
    Ok(match answer {
        Answer::Done => Reply::Done,
        Answer::Changed => Reply::Changed(int(value)? != 0),
        Answer::Beat => Reply::Beat(registered(List::of(value)?, flaws)?),
        Answer::Verdicts => Reply::Verdicts(List::of(value)?.0.map(verdict).collect::<Read<_>>()?),
        Answer::Sessions => sessions(List::of(value)?, flaws)?,
        Answer::Bans => Reply::Bans(bans(List::of(value)?, flaws)?),
        Answer::Answers => Reply::Answers(List::of(value)?.0.map(bytes).collect::<Read<_>>()?),
        Answer::Configurations => Reply::Configurations(configurations(value)?),
        Answer::Secret => Reply::Secret(secret(value)?),
        Answer::Granted => Reply::Granted(granted(List::of(value)?)?),
    })
}

/// Reads a list of fences.
pub(super) fn fences(value: Value) -> Read<Vec<Fence>> {
    let fence = |value| Cut(&bytes(value)?).fence();
    List::of(value)?.0.map(fence).collect()
}

fn registered(mut list: List, flaws: &mut Flaws) -> Read<Registered> {
    match list.int()? {
        0 => Ok(Registered::Yes(Box::new(beaten(list, flaws)?))),
        1 => Ok(Registered::InUse { beat_ms_ago: list.int()? }),
        2 => Ok(Registered::Superseded),
        _ => Err(Malformed("the outcome of a beat")),
    }
}

fn beaten(mut list: List, flaws: &mut Flaws) -> Read<Beaten> {
    let now_ms = list.int()?;
    let id = list.bytes()?;
    let id = u64::from_be_bytes(id.try_into().map_err(|_| Malformed("a pool generation"))?);
    let pool = PoolGeneration { id, created: list.int()? != 0 };
    let fence = Cut(&list.bytes()?).fence()?;
    let lost = list.int()? != 0;
    let quarantine_ms = list.int()?;
    let leader = list.optional()?;
    let leader = leader.and_then(|lead| flaws.skip("the lease", b"lead", term(&lead, now_ms)));
    let number = list.int()?;
    let more = list.int()? != 0;
    let changes = news(list.list()?, now_ms, flaws)?;
    let policy = list.optional()?;
    let policy = policy.and_then(|policy| flaws.skip("the policy", b"pol", numbered(&policy)));
    let orders = orders(list.list()?, flaws)?;
    let blocks = |block| u16::try_from(int(block)?).map_err(|_| Malformed("a block"));
    let yield_blocks = list.list()?.0.map(blocks).collect::<Read<_>>()?;
    let (members, blocks, displaced) = if list.0.len() == 0 {
        Default::default()
    } else {
        // Nobody is taken for dead in a quarantine.
        let silent_max = if quarantine_ms > 0 { DEAD_AFTER_MS - 1 } else { u64::MAX };
        pool_of(list, now_ms, silent_max, flaws)?
    };
    let bans = News { number, more, changes };
    Ok(Beaten {
        now_ms,
        pool,
        fence,
        lost,
        quarantine_ms,
        leader,
        members,
        bans,
        policy,
        orders,
        blocks,
        yield_blocks,
        displaced,
    })
}

/// Members, owners of blocks, and former ones: nodes by name, tags by fence, beats by tag, the table of blocks, and cells
/// of it from before with their numbers.
fn pool_of(mut list: List, now_ms: u64, silent_max: u64, flaws: &mut Flaws) -> Read<Pool> {
    let nodes = list.list()?.pairs()?;
    let mut tags = HashMap::new();
    let mut owners = HashMap::new();
    for (fence, tag) in list.list()?.pairs()? {
        let read = Cut(&fence).fence();
        let Some(read) = flaws.skip("a fence", &fence, read) else { continue };
        owners.insert(tag.clone(), read);
        tags.insert(read, tag);
    }
    let mut beats = HashMap::new();
    for (tag, beat) in list.list()?.pairs()? {
        if let Some(beat) = flaws.skip("the time of a beat", &tag, time(&beat)) {
            beats.insert(tag, beat);
        }
    }
    let mut members = Vec::with_capacity(nodes.len());
    for (name, node) in nodes {
        // The names of a later version may be others than ours.
        let Some(node_id) = node_id(&name) else { continue };
        let read = registration(&node);
        let Some((generation, fence, record)) = flaws.skip("a node", &name, read) else { continue };
        let Some(beat) = tags.get(&fence).and_then(|tag| beats.get(tag)) else { continue };
        let beat_ms_ago = now_ms.saturating_sub(*beat).min(silent_max);
        members.push(Listed { node: node_id, generation, fence, beat_ms_ago, record });
    }
    members.sort_by(|a, b| a.node.cmp(&b.node));
    let table = list.optional()?.unwrap_or_default();
    let cells = (0..=u16::MAX).zip(table.chunks_exact(BLOCK_BYTES));
    let owned = |(block, cell): (u16, &[u8])| {
        let mut cut = Cut(cell);
        let fence = cut.fence().ok()?;
        let owner = owners.get(cut.0)?;
        Some((Holding { block, fence }, *owner))
    };
    let former = list.bytes()?;
    let numbered = former.chunks_exact(2 + BLOCK_BYTES).filter_map(|cell| {
        let (block, cell) = cell.split_first_chunk()?;
        Some((u16::from_be_bytes(*block), cell))
    });
    Ok((members, cells.filter_map(owned).collect(), numbered.filter_map(owned).collect()))
}

/// Generation, fence and record of a node; the sequence of its beats between them is the store's own.
fn registration(node: &[u8]) -> Read<(u64, Fence, Vec<u8>)> {
    let mut cut = Cut(node);
    let (generation, fence) = (cut.number()?, cut.fence()?);
    cut.number()?;
    Ok((generation, fence, cut.0.to_vec()))
}

fn term(lead: &[u8], now_ms: u64) -> Read<Term> {
    let mut cut = Cut(lead);
    cut.fence()?;
    let fence = cut.fence()?;
    let left_ms = cut.number()?.saturating_sub(now_ms);
    let node = node_id(cut.0).ok_or(Malformed("the name of the leader"))?;
    Ok(Term { node, fence, left_ms })
}

/// Origins, and beside each its ban.
fn news(mut list: List, now_ms: u64, flaws: &mut Flaws) -> Read<Vec<Banned>> {
    if list.0.len() == 0 {
        return Ok(Vec::new());
    }
    let (origins, bans) = (list.list()?, list.list()?);
    let mut changes = Vec::new();
    for (origin, ban) in origins.0.zip(bans.0) {
        let origin = bytes(origin)?;
        let ban = bytes(ban).and_then(|ban| banned(&origin, &ban, now_ms));
        changes.extend(flaws.skip("a ban", &origin, ban));
    }
    Ok(changes)
}

fn orders(list: List, flaws: &mut Flaws) -> Read<Vec<(u64, Vec<u8>)>> {
    let mut orders = Vec::new();
    for order in list.0 {
        let order = bytes(order)?;
        orders.extend(flaws.skip("an order", &order, numbered(&order)));
    }
    Ok(orders)
}

fn bans(mut list: List, flaws: &mut Flaws) -> Read<Vec<Banned>> {
    let now_ms = list.int()?;
    let bans = list.list()?.pairs()?.into_iter();
    let ban = |(origin, ban): (Vec<u8>, Vec<u8>)| {
        flaws.skip("a ban", &origin, banned(&origin, &ban, now_ms))
    };
    let mut bans: Vec<Banned> = bans.filter_map(ban).collect();
    bans.retain(|ban| ban.left_ms > 0);
    bans.sort_by_key(|ban| (ban.left_ms, ban.origin));
    Ok(bans)
}

fn banned(origin: &[u8], ban: &[u8], now_ms: u64) -> Read<Banned> {
    let v4 = <[u8; 4]>::try_from(origin).map(IpAddr::from);
    let v6 = <[u8; 16]>::try_from(origin).map(IpAddr::from);
    let origin = v4.or(v6).map_err(|_| Malformed("a banned address"))?;
    let mut cut = Cut(ban);
    let until = cut.number()?;
    let flag = cut.0.first().copied().ok_or(Malformed("a ban"))?;
    let lifted = flag & BAN_LIFTED != 0;
    let left_ms = if lifted { 0 } else { until.saturating_sub(now_ms) };
    Ok(Banned { origin, left_ms, manual: flag & BAN_MANUAL != 0 })
}

fn verdict(value: Value) -> Read<Verdict> {
    let Value::Int(number) = value else { return Err(Malformed("a verdict")) };
    Ok(match number {
        -1 => Verdict::Stale,
        -2 => Verdict::Full(Full::Sessions),
        -3 => Verdict::Full(Full::PerUser),
        -4 => Verdict::Full(Full::Account),
        -5 => Verdict::Full(Full::PerAddress),
        -6 => Verdict::Full(Full::LoginsPerSecond),
        _ => {
            let sessions = u32::try_from(number).map_err(|_| Malformed("a verdict"))?;
            Verdict::In { sessions }
        }
    })
}

fn sessions(mut list: List, flaws: &mut Flaws) -> Read<Reply> {
    let cursor = text(&list.bytes()?)?;
    let sessions = list.list()?.pairs()?.into_iter();
    let session = |(number, record): (Vec<u8>, _)| {
        let fits = number.len() <= size_of::<u64>();
        let read = if fits { Ok(()) } else { Err(Malformed("the number of a session")) };
        flaws.skip("the number of a session", &number, read)?;
        Some((number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), record))
    };
    Ok(Reply::Sessions { sessions: sessions.filter_map(session).collect(), cursor })
}

fn configurations(value: Value) -> Read<Vec<(NodeId, Vec<u8>)>> {
    let pairs = List::of(value)?.pairs()?.into_iter();
    let named = pairs.filter_map(|(name, settings)| Some((node_id(&name)?, settings)));
    let mut configurations: Vec<_> = named.collect();
    configurations.sort();
    Ok(configurations)
}

fn secret(value: Value) -> Read<Option<Secret>> {
    if value == Value::Nil {
        return Ok(None);
    }
    let (version, sealed) = numbered(&bytes(value)?)?;
    Ok(Some(Secret { version, sealed }))
}

fn granted(mut list: List) -> Read<Granted> {
    match list.int()? {
        0 => Ok(Granted::Stale),
        1 => Ok(Granted::Quarantined { left_ms: list.int()? }),
        2 => {
            let holding = |bytes: &[u8]| {
                let (block, fence) = bytes.split_first_chunk().ok_or(Malformed("a block"))?;
                let fence = Cut(fence).fence()?;
                Ok(Holding { block: u16::from_be_bytes(*block), fence })
            };
            let blocks = list.bytes()?;
            let blocks = blocks.chunks(size_of::<u16>() + FENCE_BYTES).map(holding);
            Ok(Granted::Blocks(blocks.collect::<Read<_>>()?))
        }
        _ => Err(Malformed("the outcome of a grant")),
    }
}

/// A number, and what it is the number of.
fn numbered(bytes: &[u8]) -> Read<(u64, Vec<u8>)> {
    let mut cut = Cut(bytes);
    Ok((cut.number()?, cut.0.to_vec()))
}

fn node_id(name: &[u8]) -> Option<NodeId> {
    NodeId::new(str::from_utf8(name).ok()?).ok()
}

fn bytes(value: Value) -> Read<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        _ => Err(Malformed("not bytes")),
    }
}

fn int(value: Value) -> Read<u64> {
    match value {
        Value::Int(number) => u64::try_from(number).map_err(|_| Malformed("a number below zero")),
        _ => Err(Malformed("not a number")),
    }
}

fn text(digits: &[u8]) -> Read<u64> {
    let number = str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
    number.ok_or(Malformed("not digits"))
}

/// A score of a sorted set, which is written as the server likes it.
fn time(score: &[u8]) -> Read<u64> {
    let score = str::from_utf8(score).ok().and_then(|text| text.parse::<f64>().ok());
    let score = score.filter(|score| score.is_finite() && *score >= 0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "judged above")]
    score.map(|score| score as u64).ok_or(Malformed("not a time"))
}

/// The rest of a list.
struct List(IntoIter<Value>);

impl List {
    /// Of a map, keys and values one after the other.
    fn of(value: Value) -> Read<Self> {
        match value {
            Value::Array(values) | Value::Set(values) => Ok(Self(values.into_iter())),
            Value::Map(pairs) => {
                let values: Vec<Value> = pairs.into_iter().flat_map(<[Value; 2]>::from).collect();
                Ok(Self(values.into_iter()))
            }
            _ => Err(Malformed("not a list")),
        }
    }

    fn next(&mut self) -> Read<Value> {
        self.0.next().ok_or(Malformed("a list that is too short"))
    }

    fn int(&mut self) -> Read<u64> {
        int(self.next()?)
    }

    fn bytes(&mut self) -> Read<Vec<u8>> {
        bytes(self.next()?)
    }

    fn optional(&mut self) -> Read<Option<Vec<u8>>> {
        match self.next()? {
            Value::Nil => Ok(None),
            value => bytes(value).map(Some),
        }
    }

    fn list(&mut self) -> Read<Self> {
        Self::of(self.next()?)
    }

    /// What stands side by side.
    fn pairs(mut self) -> Read<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut pairs = Vec::with_capacity(self.0.len() / 2);
        while self.0.len() > 0 {
            pairs.push((self.bytes()?, self.bytes()?));
        }
        Ok(pairs)
    }
}

/// The rest of a byte string.
struct Cut<'a>(&'a [u8]);

impl Cut<'_> {
    fn fence(&mut self) -> Read<Fence> {
        let (fence, rest) =
            self.0.split_first_chunk().ok_or(Malformed("a value that is too short"))?;
        self.0 = rest;
        Ok(Fence::from_bytes(*fence))
    }

    /// A number that is no fence stands like one.
    fn number(&mut self) -> Read<u64> {
        Ok(self.fence()?.0)
    }
}

/// The fence of the grant and the tag of the owner.
const BLOCK_BYTES: usize = FENCE_BYTES + 3;
const BAN_MANUAL: u8 = 1;
const BAN_LIFTED: u8 = 2;

#[cfg(test)]
mod tests;
