//! Requests with the usual values.

use flotilla_cluster::id::{Fence, Generation, NodeId};
use flotilla_cluster::ledger::{origin_key, user_key};
use flotilla_cluster::store::{
    Beat, Beaten, Identity, Ledger, Login, Registered, Reply, Request, Store,
};

/// The name of a node.
pub(crate) fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

/// The first beat of a node.
pub(crate) fn beat(name: &str) -> Beat {
    Beat {
        node: node(name),
        generation: Generation(1),
        previous: Generation(0),
        fence: None,
        sequence: 1,
        answered: 0,
        admitted: 0,
        published: 0,
        candidate: 7,
        pool: 0,
        record: b"record".to_vec(),
        sessions: 0,
        stands: true,
        members: true,
        bans_known: 0,
        policy_known: 0,
        orders_done: 0,
        holds: None,
    }
}

/// Beats, and is registered.
pub(crate) async fn beaten(store: &impl Store, beat: Beat) -> Beaten {
    match store.call(Request::Beat(beat)).await {
        Ok(Reply::Beat(Registered::Yes(beaten))) => *beaten,
        other => panic!("{other:?}"),
    }
}

/// Of a node in its first life.
pub(crate) fn identity(name: &str, fence: Fence) -> Identity {
    Identity { node: node(name), generation: Generation(1), fence }
}

/// The first login of a user from an address.
pub(crate) fn login(user: &str, address: [u8; 4]) -> Login {
    Login {
        user: Ledger { key: user_key(user), count: 0 },
        origin: Ledger { key: origin_key(address.into()), count: 0 },
        account_sessions: 0,
    }
}
