use flotilla_cluster::store::Embedded;

use super::*;

fn store() -> Rc<dyn Store> {
    Rc::new(Embedded::new(|| 1_795_000_000_000_000))
}

fn sharing(store: &Rc<dyn Store>, byte: u8) -> Sharing {
    let secret = PoolSecret::new("main", Zeroizing::new(vec![byte; 32]));
    Sharing { secret, store: Rc::clone(store) }
}

#[tokio::test]
async fn the_first_secret_is_the_pools() {
    let store = store();
    refuse_unsealed(&*store).await.unwrap();
    sharing(&store, 1).check().await.unwrap();
    sharing(&store, 1).check().await.unwrap();
    let refused = sharing(&store, 2).check().await.unwrap_err().to_string();
    assert!(
        refused.contains("pool.secret_file") && refused.contains("another secret"),
        "{refused}"
    );
    let refused = refuse_unsealed(&*store).await.unwrap_err().to_string();
    assert!(refused.contains("has no secret"), "{refused}");
}

#[tokio::test]
async fn all_nodes_have_the_same_relay_key() {
    let store = store();
    let one = sharing(&store, 1).relay_key().await.unwrap();
    let other = sharing(&store, 1).relay_key().await.unwrap();
    assert_eq!((one.len(), one == other), (32, true));
}

#[tokio::test]
async fn ticket_keys_are_rotated_and_three_are_kept() {
    let store = store();
    let sharing = sharing(&store, 1);
    let (version, first) = sharing.tickets().await.unwrap();
    assert_eq!((version, first.count()), (1, 1));
    let hour = Duration::from_secs(3600);
    assert_eq!(sharing.rotate_tickets(hour).await.unwrap(), 1, "it is young");
    for version in 2..=5 {
        assert_eq!(sharing.rotate_tickets(Duration::ZERO).await.unwrap(), version);
    }
    let (version, keys) = sharing.tickets().await.unwrap();
    assert_eq!((version, keys.count()), (5, 3));
}
