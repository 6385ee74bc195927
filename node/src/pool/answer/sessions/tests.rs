use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use flotilla_cluster::store::{Call, Hint, StoreError};

use super::*;

/// Nodes by fence, each with so many sessions, told in pages of 100 whose last one comes again.
struct Pages {
    sessions: BTreeMap<Fence, u64>,
    /// They are never answered for.
    silent: BTreeSet<Fence>,
    under_way: Rc<Cell<usize>>,
    most: Rc<Cell<usize>>,
}

impl Pages {
    fn new(sessions: &[(u64, u64)], silent: &[u64]) -> Self {
        Self {
            sessions: sessions.iter().map(|&(fence, count)| (Fence(fence), count)).collect(),
            silent: silent.iter().copied().map(Fence).collect(),
            under_way: Rc::default(),
            most: Rc::default(),
        }
    }
}

impl Store for Pages {
    fn call(&self, request: Request) -> Call {
        let Request::Sessions { fence, cursor } = request else { panic!("{request:?}") };
        let count = self.sessions.get(&fence).copied();
        let is_silent = self.silent.contains(&fence);
        let (under_way, most) = (Rc::clone(&self.under_way), Rc::clone(&self.most));
        Box::pin(async move {
            under_way.set(under_way.get() + 1);
            most.set(most.get().max(under_way.get()));
            tokio::task::yield_now().await;
            under_way.set(under_way.get() - 1);
            if is_silent {
                std::future::pending::<()>().await;
            }
            let Some(count) = count else { return Err(StoreError::Refused("no".to_owned())) };
            let user = |number| if number % 2 == 0 { "ann" } else { "bob" };
            let record = |number| {
                SessionRecord { user: user(number).to_owned(), ..Default::default() }.encode()
            };
            let (first, last) = (cursor.saturating_sub(1), (cursor + 100).min(count));
            let sessions = (first..last).map(|number| (number, record(number))).collect();
            let cursor = if last == count { 0 } else { last };
            Ok(Reply::Sessions { sessions, cursor })
        })
    }

    fn hint(&self) -> Pin<Box<dyn Future<Output = Hint> + '_>> {
        Box::pin(std::future::pending())
    }

    fn name(&self) -> String {
        "pages".to_owned()
    }
}

fn node(fence: u64) -> NodeId {
    NodeId::new(&format!("n{fence}")).unwrap()
}

fn listing(room: usize, user: Option<&str>) -> Listing {
    let filter = Filter { user: user.map(str::to_owned), ..Filter::default() };
    Listing { filter, room: Cell::new(room) }
}

/// Asks for nodes that say they have so many sessions. Sessions of each, how many more there are, who is
/// missing.
async fn ask(
    store: &Pages,
    listing: &Listing,
    nodes: &[(u64, usize)],
    patience: Duration,
) -> (Vec<usize>, usize, Vec<NodeId>) {
    let nodes =
        nodes.iter().map(|&(fence, load)| Listed { node: node(fence), fence: Fence(fence), load });
    let deadline = Instant::now() + patience;
    let (parts, missing) = gather(store, listing, nodes.collect(), deadline).await;
    let counts = parts.values().map(|part| part.sessions.len()).collect();
    (counts, parts.values().map(|part| part.more).sum(), missing)
}

/// Longer than anything takes that works.
const LONG: Duration = Duration::from_secs(30);

#[actix::test]
async fn all_pages_are_read_and_sessions_told_once() {
    let store = Pages::new(&[(1, 250), (2, 0), (3, 100)], &[]);
    let nodes = [(1, 250), (2, 0), (3, 100), (4, 9)];
    let told = ask(&store, &listing(1_000, None), &nodes, LONG).await;
    assert_eq!(told, (vec![250, 0, 100], 0, vec![node(4)]));
    let told = ask(&store, &listing(1_000, Some("ann")), &nodes[..3], LONG).await;
    assert_eq!(told, (vec![125, 0, 50], 0, Vec::new()));
}

#[actix::test]
async fn what_finds_no_room_is_counted() {
    let store = Pages::new(&[(1, 1_000)], &[]);
    let told = ask(&store, &listing(150, None), &[(1, 1_000)], LONG).await;
    // Sessions that two pages tell make the count of the rest a little too low.
    assert_eq!((told.0, told.2), (vec![150], Vec::new()));
    assert!((845..=850).contains(&told.1), "{}", told.1);
    // A node that has more than it said.
    let told = ask(&store, &listing(100, None), &[(1, 50)], LONG).await;
    assert_eq!(told, (vec![100], 1, Vec::new()));
    let nodes: Vec<(u64, u64)> = (0..100).map(|fence| (fence, 1_000)).collect();
    let store = Pages::new(&nodes, &[]);
    let nodes: Vec<(u64, usize)> = (0..100).map(|fence| (fence, 1_000)).collect();
    let (counts, more, missing) = ask(&store, &listing(20_000, None), &nodes, LONG).await;
    assert_eq!((counts.iter().sum::<usize>(), missing.len()), (20_000, 0));
    assert!((79_000..=80_000).contains(&more), "{more}");
    assert_eq!(store.most.get(), NODES_AT_ONCE);
}

/// One deadline for all: who did answer is told of.
#[actix::test]
async fn silent_nodes_are_missing() {
    let nodes: Vec<(u64, u64)> = (0..20).map(|fence| (fence, 10)).collect();
    let store = Pages::new(&nodes, &[3, 7, 9]);
    let nodes: Vec<(u64, usize)> = (0..20).map(|fence| (fence, 10)).collect();
    let (counts, more, missing) =
        ask(&store, &listing(1_000, None), &nodes, Duration::from_millis(200)).await;
    assert_eq!((counts, more), (vec![10; 17], 0));
    assert_eq!(missing, [node(3), node(7), node(9)]);
}
