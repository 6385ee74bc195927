//! The sessions of the pool.

use std::collections::BTreeMap;
use std::rc::Rc;

use actix::Context;
use flotilla_cluster::id::{Fence, NodeId};
use flotilla_cluster::order::What;
use flotilla_cluster::session::{Direction, Protocol, SessionId, SessionRecord};
use flotilla_cluster::store::{Reply, Request, Store};
use serde_json::{Value, json};

use super::{Answering, Pool, names, ready, unavailable};
use crate::pool::{Filter, Refusal};

impl Pool {
    /// Those of this node as it knows them, those of others as they published them.
    pub(super) fn list_sessions(&self, filter: Filter) -> Answering {
        let wanted = match self.concerned(filter.node.as_ref()) {
            Ok(wanted) => wanted,
            Err(refusal) => return ready(Err(refusal)),
        };
        let this = self.agent.node().clone();
        let mut sessions = Vec::new();
        if wanted.contains(&this) {
            let own = self.agent.sessions().filter(|(_, record)| fits(&filter, record));
            sessions.extend(own.map(|(number, record)| of(&this, number, record)));
        }
        let view = self.agent.view();
        let others: Vec<(NodeId, Fence)> = wanted
            .into_iter()
            .filter(|node| *node != this)
            .filter_map(|node| Some((view.node(&node)?.fence, node)))
            .map(|(fence, node)| (node, fence))
            .collect();
        let store = Rc::clone(&self.parts.store);
        Box::pin(async move {
            let mut missing = Vec::new();
            for (node, fence) in others {
                if sessions.len() >= SESSIONS_MAX {
                    missing.push(node);
                    continue;
                }
                match read(&*store, fence).await {
                    Some(records) => {
                        let fitting = records.iter().filter(|(_, record)| fits(&filter, record));
                        sessions.extend(fitting.map(|(number, record)| of(&node, *number, record)));
                    }
                    None => missing.push(node),
                }
            }
            Ok(json!({ "sessions": sessions, "missing": names(&missing) }))
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
            let mut answers = told.await.map_err(unavailable)?;
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

/// What a node has published; `None` if the store does not say.
async fn read(store: &dyn Store, fence: Fence) -> Option<BTreeMap<u64, SessionRecord>> {
    let mut records = BTreeMap::new();
    let mut cursor = 0;
    loop {
        let reply = store.call(Request::Sessions { fence, cursor }).await.ok()?;
        let Reply::Sessions { sessions, cursor: next } = reply else { return None };
        for (number, record) in sessions {
            // One of a later version that can not be read is left out.
            if let Ok(record) = SessionRecord::decode(&record) {
                records.insert(number, record);
            }
        }
        if next == 0 || records.len() >= SESSIONS_MAX {
            return Some(records);
        }
        cursor = next;
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

/// Sessions of one answer, some 30 MB of JSON; nodes beyond are told as missing.
const SESSIONS_MAX: usize = 100_000;
