use std::time::Duration;

use flotilla_cluster::store::Embedded;

use super::Stance::{Assert, Follow};
use super::*;
use crate::auth::users::tests::Folder;
use crate::config::load_flags;
use crate::ssh::host_key::{SharedKeys, kept};

fn store() -> Rc<dyn Store> {
    Rc::new(Embedded::new(|| 1_795_000_000_000_000))
}

fn sharing(store: &Rc<dyn Store>, byte: u8) -> Sharing {
    let secret = PoolSecret::new("main", Zeroizing::new(vec![byte; 32]));
    Sharing { secret, store: Rc::clone(store), held: RefCell::default() }
}

/// A node: its data folder, and what it has of the secrets.
struct Node {
    _folder: Folder,
    config: Config,
    sharing: Sharing,
}

impl Node {
    fn new(store: &Rc<dyn Store>) -> Self {
        let folder = Folder::new();
        let data_dir = folder.path().display().to_string();
        let flags =
            [("node.data_dir", data_dir.as_str()), ("ssh.host_key_algorithms", "ssh-ed25519")];
        let (config, _) = load_flags(&flags).unwrap();
        Self { _folder: folder, config, sharing: sharing(store, 1) }
    }

    /// The store is another one, or the same with nothing in it.
    fn turn_to(&mut self, store: &Rc<dyn Store>) {
        self.sharing.store = Rc::clone(store);
    }

    async fn start(&self) {
        self.sharing.take_host_keys(&self.config).await.unwrap();
    }

    async fn compare(&self, stance: Stance) -> Option<String> {
        self.sharing.compare_host_keys(&self.config, stance).await.unwrap()
    }

    fn prints(&self) -> String {
        SharedKeys::kept(&folder(&self.config)).unwrap().unwrap().fingerprints()
    }

    async fn ticket_key(&self, stance: Stance) -> String {
        self.sharing.tickets(stance, None).await.unwrap().name
    }
}

#[tokio::test]
async fn the_first_secret_is_the_pools() {
    let store = store();
    refuse_unsealed(&*store).await.unwrap();
    sharing(&store, 1).check(Follow).await.unwrap();
    sharing(&store, 1).check(Follow).await.unwrap();
    let refused = sharing(&store, 2).check(Follow).await.unwrap_err().to_string();
    assert!(
        refused.contains("pool.secret_file") && refused.contains("another secret"),
        "{refused}"
    );
    let refused = refuse_unsealed(&*store).await.unwrap_err().to_string();
    assert!(refused.contains("has no secret"), "{refused}");
}

#[tokio::test]
async fn a_store_that_forgot_is_sealed_again() {
    let store = store();
    // Somebody with another secret came first.
    sharing(&store, 2).check(Follow).await.unwrap();
    let before = sharing(&store, 1);
    assert!(matches!(before.check(Follow).await, Err(SharingError::Refused(_))));
    before.check(Assert).await.unwrap();
    before.relay_key(Assert).await.unwrap();
    before.check(Follow).await.unwrap();
    assert!(matches!(sharing(&store, 2).check(Follow).await, Err(SharingError::Refused(_))));
}

#[tokio::test]
async fn all_nodes_have_the_same_relay_key() {
    let store = store();
    let one = sharing(&store, 1).relay_key(Follow).await.unwrap();
    let other = sharing(&store, 1).relay_key(Follow).await.unwrap();
    assert_eq!((one.len(), one == other), (32, true));
    let after = sharing(&store, 1).relay_key(Assert).await.unwrap();
    assert!(after == one, "one that can be read stays");
}

#[tokio::test]
async fn host_keys_survive_the_loss_of_the_store() {
    let first_store = store();
    let (mut one, two) = (Node::new(&first_store), Node::new(&first_store));
    one.start().await;
    two.start().await;
    let keys = one.prints();
    assert_eq!(two.prints(), keys);
    assert!(kept(&two.config.node.data_dir).is_empty(), "it made none of its own");
    // One that starts offers what it kept.
    one.turn_to(&store());
    one.start().await;
    assert_eq!(one.prints(), keys);
    // So does one that serves.
    one.turn_to(&store());
    assert_eq!(one.compare(Follow).await, None);
    let newcomer = Node::new(&one.sharing.store);
    newcomer.start().await;
    assert_eq!(newcomer.prints(), keys);
}

#[tokio::test]
async fn the_keys_that_clients_know_win_over_those_of_a_newcomer() {
    let first_store = store();
    let (mut one, mut two) = (Node::new(&first_store), Node::new(&first_store));
    one.start().await;
    two.start().await;
    let keys = one.prints();
    let emptied = store();
    let newcomer = Node::new(&emptied);
    newcomer.start().await;
    let others = newcomer.prints();
    assert_ne!(others, keys);
    one.turn_to(&emptied);
    two.turn_to(&emptied);
    // Without the news that the store forgot it only tells.
    let told = one.compare(Follow).await.unwrap();
    assert!(told.contains(&keys) && told.contains(&others), "{told}");
    assert_eq!(newcomer.compare(Follow).await, None);
    assert_eq!((one.compare(Assert).await, two.compare(Assert).await), (None, None));
    assert_eq!(one.prints(), keys);
    let told = newcomer.compare(Follow).await.unwrap();
    assert!(told.contains("restart"), "{told}");
    assert_eq!(newcomer.prints(), others, "it serves with what it has");
    newcomer.start().await;
    assert_eq!(newcomer.prints(), keys);
    assert_eq!(newcomer.compare(Follow).await, None);
}

#[tokio::test]
async fn keys_of_two_pools_are_kept_apart() {
    let store = store();
    let mut node = Node::new(&store);
    node.start().await;
    let keys = node.prints();
    for name in ["other", ".", ".."] {
        node.config.pool.name = name.to_owned();
        let folder = folder(&node.config);
        assert!(folder.starts_with(node.config.node.data_dir.join("pool")), "{folder:?}");
        assert!(kept(&folder).is_empty(), "{folder:?}");
    }
    node.config.pool.name = "main".to_owned();
    assert_eq!(node.prints(), keys);
}

#[tokio::test]
async fn ticket_keys_are_rotated_and_three_are_kept() {
    let store = store();
    let sharing = sharing(&store, 1);
    let agreed = sharing.tickets(Follow, None).await.unwrap();
    assert_eq!((agreed.version, agreed.keys.count()), (1, 1));
    let hour = Some(Duration::from_secs(3600));
    assert_eq!(sharing.tickets(Follow, hour).await.unwrap().version, 1, "it is young");
    let mut names = vec![agreed.name];
    for version in 2..=5 {
        let agreed = sharing.tickets(Follow, Some(Duration::ZERO)).await.unwrap();
        assert_eq!(agreed.version, version);
        names.push(agreed.name);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5, "each set has its name");
    let agreed = sharing.tickets(Follow, None).await.unwrap();
    assert_eq!((agreed.version, agreed.keys.count()), (5, 3));
}

#[tokio::test]
async fn ticket_keys_that_the_store_lost_are_put_back() {
    let first_store = store();
    let (mut one, mut two) = (Node::new(&first_store), Node::new(&first_store));
    let old = one.ticket_key(Follow).await;
    assert_eq!(two.ticket_key(Follow).await, old);
    let rotated = one.sharing.tickets(Follow, Some(Duration::ZERO)).await.unwrap().name;
    // The other one has not heard of it: what it puts back is older, and gives way.
    let emptied = store();
    one.turn_to(&emptied);
    two.turn_to(&emptied);
    assert_eq!(two.ticket_key(Follow).await, old);
    assert_eq!(one.ticket_key(Follow).await, rotated);
    assert_eq!(two.ticket_key(Assert).await, rotated);
}

#[tokio::test]
async fn ticket_keys_win_over_those_of_a_newcomer() {
    let mut one = Node::new(&store());
    let keys = one.ticket_key(Follow).await;
    let emptied = store();
    let newcomer = Node::new(&emptied);
    let others = newcomer.ticket_key(Follow).await;
    assert_ne!(others, keys);
    one.turn_to(&emptied);
    assert_eq!(one.ticket_key(Assert).await, keys);
    assert_eq!(newcomer.ticket_key(Follow).await, keys);
}
