//! As much as a busy node says.

use std::collections::BTreeMap;

use flotilla_cluster::id::Fence;
use flotilla_cluster::store::{Publish, Redis, Reply, Request, Store};

use crate::hints::listening;
use crate::support::{Server, beat, beaten, run};

async fn sessions(store: &Redis, fence: Fence) -> BTreeMap<u64, Vec<u8>> {
    let (mut all, mut cursor, mut pages) = (BTreeMap::new(), 0, 0);
    loop {
        match store.call(Request::Sessions { fence, cursor }).await {
            Ok(Reply::Sessions { sessions, cursor: next }) => {
                all.extend(sessions);
                (cursor, pages) = (next, pages + 1);
            }
            other => panic!("{other:?}"),
        }
        if cursor == 0 {
            assert!(pages > 5, "in {pages} pages");
            return all;
        }
    }
}

#[test]
fn ten_thousand_sessions() {
    let server = Server::start(&[]);
    run(async {
        let store = listening(&server.url()).await;
        let fence = beaten(&store, beat("a")).await.fence;
        let record = |number: u64| format!("the record of {number}").into_bytes();
        for start in (0..10_000).step_by(2_000) {
            let changed = (start..start + 2_000).map(|number| (number, record(number))).collect();
            let publish = Publish {
                fence,
                sequence: start + 1,
                anew: start == 0,
                changed,
                ended: Vec::new(),
            };
            assert_eq!(store.call(Request::Publish(publish)).await, Ok(Reply::Done));
        }
        let wanted: BTreeMap<_, _> = (0..10_000).map(|number| (number, record(number))).collect();
        assert_eq!(sessions(&store, fence).await, wanted);
        let ended = (0..4_500).collect();
        let publish = Publish { fence, sequence: 10_000, anew: false, changed: Vec::new(), ended };
        assert_eq!(store.call(Request::Publish(publish)).await, Ok(Reply::Done));
        assert_eq!(sessions(&store, fence).await.len(), 5_500);
    });
}
