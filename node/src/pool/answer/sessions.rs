//! The sessions of the pool.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use actix::Context;
use flotilla_cluster::id::{Fence, NodeId};
use flotilla_cluster::order::What;
use flotilla_cluster::session::{Direction, Protocol, SessionId, SessionRecord};
use flotilla_cluster::store::{Reply, Request, Store};
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{Answering, Pool, names, ready};
use crate::pool::{Filter, Refusal};

/// A list of sessions that is made.
struct Listing {
    filter: Filter,
    /// How many more it may take.
    room: Cell<usize>,
}

/// A node whose sessions are listed.
struct Listed {
    node: NodeId,
    fence: Fence,
    /// How many sessions it says it has.
    load: usize,
}

/// What came of one node.
#[derive(Default)]
struct Part {
    sessions: BTreeMap<u64, Value>,
    /// Sessions that were not looked at, since there was no more room.
    more: usize,
}

impl Pool {
    /// Those of this node as it knows them, those of others as they published them.
    pub(super) fn list_sessions(&self, filter: Filter) -> Answering {
        let wanted = match self.concerned(filter.node.as_ref()) {
            Ok(wanted) => wanted,
            Err(refusal) => return ready(Err(refusal)),
        };
        let Some(permit) = self.post.listing() else {
            let reason = "sessions are being listed for others; try again in a moment";
            return ready(Err(Refusal::Busy(reason.to_owned())));
        };
        let this = self.agent.node().clone();
        let listing = Listing { filter, room: Cell::new(SESSIONS_MAX) };
        let mut own = Part::default();
        if wanted.contains(&this) {
            own.take(&listing, &this, self.agent.sessions());
        }
        let view = self.agent.view();
        let others = wanted.into_iter().filter(|node| *node != this).filter_map(|node| {
            let seen = view.node(&node)?;
            let load = seen.member.as_ref().map_or(0, |member| member.load.sessions);
            let load = usize::try_from(load).unwrap_or(usize::MAX);
            Some(Listed { fence: seen.fence, node, load })
        });
        let others: Vec<Listed> = others.collect();
        let store = Rc::clone(&self.parts.store);
        Box::pin(async move {
            let (mut parts, missing) =
                gather(&*store, &listing, others, Instant::now() + PATIENCE).await;
            parts.insert(this, own);
            let more = parts.values().fold(0_usize, |sum, part| sum.saturating_add(part.more));
            let sessions = parts.into_values().flat_map(|part| part.sessions.into_values());
            let sessions: Vec<Value> = sessions.collect();
            drop(permit);
            Ok(json!({
                "sessions": sessions,
                "missing": names(&missing),
                "truncated": more > 0,
                "more": more,
            }))
        })
    }

    /// All that a session's own node knows of it.
    pub(super) fn describe(&mut self, id: SessionId, context: &mut Context<Self>) -> Answering {
        let to = match self.concerned(Some(&id.node)) {
            Ok(to) => to,
            Err(refusal) => return ready(Err(refusal)),
        };
        let told = self.gather(to, What::Describe(id.number), context);
        Box::pin(async move {
            let mut answers = told.await?;
            match answers.by_node.remove(&id.node) {
                Some(Value::Object(mut told)) => {
                    told.insert("id".to_owned(), json!(id.to_string()));
                    told.insert("node".to_owned(), json!(id.node.as_str()));
                    Ok(Value::Object(told))
                }
                Some(_) => Err(Refusal::NotFound(format!("there is no session {id}"))),
                None => Err(Refusal::Busy(format!("{} did not answer", id.node))),
            }
        })
    }
}

/// What nodes have published; those that the store does not tell of in time.
async fn gather(
    store: &dyn Store,
    listing: &Listing,
    nodes: Vec<Listed>,
    deadline: Instant,
) -> (BTreeMap<NodeId, Part>, Vec<NodeId>) {
    let mut missing: Vec<NodeId> = nodes.iter().map(|listed| listed.node.clone()).collect();
    let mut parts = BTreeMap::new();
    let read = |listed: Listed| async move {
        let part = read(store, listing, &listed).await;
        (listed.node, part)
    };
    let mut reads = stream::iter(nodes.into_iter().map(read)).buffer_unordered(NODES_AT_ONCE);
    while let Ok(Some((node, part))) = timeout_at(deadline, reads.next()).await {
        if let Some(part) = part {
            missing.retain(|missing| *missing != node);
            parts.insert(node, part);
        }
    }
    (parts, missing)
}

/// What a node has published; `None` if the store does not say.
async fn read(store: &dyn Store, listing: &Listing, listed: &Listed) -> Option<Part> {
    let mut part = Part::default();
    let (mut cursor, mut looked) = (0, 0_usize);
    loop {
        if listing.room.get() == 0 {
            // It may have ended some since it said how many it has.
            let rest = listed.load.saturating_sub(looked).max(usize::from(cursor != 0));
            part.more = part.more.saturating_add(rest);
            return Some(part);
        }
        let request = Request::Sessions { fence: listed.fence, cursor };
        let reply = store.call(request).await.ok()?;
        let Reply::Sessions { sessions, cursor: next } = reply else { return None };
        looked = looked.saturating_add(sessions.len());
        // One of a later version that can not be read is left out.
        let records = sessions
            .into_iter()
            .filter_map(|(number, record)| Some((number, SessionRecord::decode(&record).ok()?)));
        part.take(listing, &listed.node, records);
        if next == 0 {
            return Some(part);
        }
        cursor = next;
    }
}

impl Part {
    /// Takes those that fit while there is room; counts the others of them.
    fn take<R: std::borrow::Borrow<SessionRecord>>(
        &mut self,
        listing: &Listing,
        node: &NodeId,
        records: impl Iterator<Item = (u64, R)>,
    ) {
        for (number, record) in records {
            let record = record.borrow();
            if !fits(&listing.filter, record) {
                continue;
            }
            // A later page may tell one again.
            if !self.sessions.contains_key(&number) {
                let Some(room) = listing.room.get().checked_sub(1) else {
                    self.more = self.more.saturating_add(1);
                    continue;
                };
                listing.room.set(room);
            }
            self.sessions.insert(number, of(node, number, record));
        }
    }
}

fn fits(filter: &Filter, record: &SessionRecord) -> bool {
    filter.user.as_ref().is_none_or(|user| *user == record.user)
        && filter.address.is_none_or(|wanted| {
            record.client.is_some_and(|client| client.to_canonical() == wanted.to_canonical())
        })
}

fn of(node: &NodeId, number: u64, record: &SessionRecord) -> Value {
    let protocol = match record.protocol {
        Protocol::Ftp => "ftp",
        Protocol::Ftps => "ftps",
        Protocol::Ssh => "ssh",
        Protocol::Unknown => "unknown",
    };
    let direction = match record.direction {
        Direction::Upload => Some("upload"),
        Direction::Download => Some("download"),
        Direction::None => None,
    };
    json!({
        "id": format!("{node}/{number}"),
        "node": node.as_str(),
        "user": record.user,
        "protocol": protocol,
        "client": record.client,
        "since": record.since,
        "command": record.command,
        "path": record.path,
        "direction": direction,
        "bytes": record.bytes,
        "bytes_per_second": record.rate,
    })
}

/// Sessions of one answer, some 30 MB while it is made; the rest is counted.
const SESSIONS_MAX: usize = 20_000;
/// Nodes that are read at once: a page of each is in memory.
const NODES_AT_ONCE: usize = 8;
/// For the whole answer, less than whoever asked over HTTP waits.
const PATIENCE: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests;
