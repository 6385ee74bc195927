//! Tickets, and whose session a connection resumes.

use rustls::HandshakeKind;
use rustls::client::Resumption;
use rustls::server::{ProducesTickets, StoresServerSessions};

use super::super::ring::{KeyRing, ROTATION, TicketKeys};
use super::super::ticket::{Role, SessionCache, Ticketer};
use super::*;
use crate::config::DataReuse;

#[actix::test]
async fn data_connections_resume_their_control_connection() {
    let folder = Folder::new();
    let store = Store::load(&plain(), &[], &folder.0).unwrap();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = client_config(version, None);
        let own = key();
        let (_client, server) = control(&store, &config, "localhost", own).await;
        assert_eq!(server.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        for _ in 0..4 {
            let binding = data(&store, &config, "localhost", own).await;
            assert_eq!(binding, Binding::Resumed, "{version:?}");
        }
        // The same tickets, at somebody else's session.
        let binding = data(&store, &config, "localhost", key()).await;
        assert_eq!(binding, Binding::Fresh, "{version:?}");
        let stranger = client_config(version, None);
        let binding = data(&store, &stranger, "localhost", own).await;
        assert_eq!(binding, Binding::Fresh, "{version:?}");
    }
}

#[actix::test]
async fn clients_without_tickets_resume_by_session_id() {
    let folder = Folder::new();
    let store = Store::load(&plain(), &[], &folder.0).unwrap();
    let mut config = ClientConfig::clone(&client_config(&rustls::version::TLS12, None));
    config.resumption = Resumption::in_memory_sessions(8)
        .tls12_resumption(rustls::client::Tls12Resumption::SessionIdOnly);
    let config = Arc::new(config);
    let own = key();
    let (_client, _server) = control(&store, &config, "localhost", own).await;
    let binding = data(&store, &config, "localhost", own).await;
    assert_eq!(binding, Binding::Resumed);
    let binding = data(&store, &config, "localhost", key()).await;
    assert_eq!(binding, Binding::Fresh);
}

#[test]
fn what_data_reuse_lets_through() {
    use Binding::{Foreign, Fresh, Resumed};
    use DataReuse::{Match, Off, Require};
    for (reuse, binding, fine) in [
        (Off, Fresh, true),
        (Off, Resumed, true),
        (Off, Foreign, true),
        (Match, Fresh, true),
        (Match, Resumed, true),
        (Match, Foreign, false),
        (Require, Fresh, false),
        (Require, Resumed, true),
        (Require, Foreign, false),
    ] {
        assert_eq!(judge(reuse, binding).is_ok(), fine, "{reuse:?} {binding:?}");
    }
}

#[test]
fn tickets_rotate_and_stay_readable_once() {
    let ring = Arc::new(KeyRing::new().unwrap());
    let role = Role::Control { verifies: false };
    let control = Ticketer { ring: Arc::clone(&ring), role };
    let ticket = control.encrypt(b"secret").unwrap();
    assert!(!ticket.windows(6).any(|window| window == b"secret"));
    assert_eq!(control.decrypt(&ticket).as_deref(), Some(&b"secret"[..]));
    ring.rotate(Duration::ZERO);
    assert_eq!(control.decrypt(&ticket).as_deref(), Some(&b"secret"[..]));
    ring.rotate(Duration::ZERO);
    assert_eq!(control.decrypt(&ticket), None);
    let ticket = control.encrypt(b"secret").unwrap();
    ring.rotate(Duration::from_secs(7 * 60 * 60));
    assert_eq!(control.decrypt(&ticket), None);

    // What data connections leave behind is for data connections.
    let data = Ticketer { ring, role: Role::Data };
    let ticket = data.encrypt(b"secret").unwrap();
    assert!(data.decrypt(&ticket).is_some());
    assert_eq!(control.decrypt(&ticket), None);
    for at in 0..ticket.len() {
        let mut forged = ticket.clone();
        forged[at] ^= 1;
        assert_eq!(data.decrypt(&forged), None, "byte {at}");
        assert_eq!(data.decrypt(&ticket[..at]), None, "first {at} bytes");
    }

    let cache = SessionCache { role };
    for number in 0u32..2000 {
        assert!(cache.put(number.to_be_bytes().to_vec(), vec![1]));
    }
    assert_eq!(cache.get(&0u32.to_be_bytes()), None);
    assert_eq!(cache.get(&1999u32.to_be_bytes()), Some(vec![1]));
    assert!(!SessionCache { role: Role::Data }.put(vec![1], vec![1]));
}

/// Keys of a pool, the first of this number.
fn pooled(number: u8) -> TicketKeys {
    let key =
        |number: u8| (vec![number; TicketKeys::NAME_BYTES], vec![number; TicketKeys::KEY_BYTES]);
    TicketKeys::new(&[key(number), key(number - 1)]).unwrap()
}

/// A node that began without its pool, or whose pool changed its keys: sessions that live go on to resume.
#[test]
fn tickets_stay_readable_when_the_pool_is_found() {
    let ring = Arc::new(KeyRing::new().unwrap());
    let role = Role::Control { verifies: false };
    let tickets = Ticketer { ring: Arc::clone(&ring), role };
    let own = tickets.encrypt(b"own").unwrap();
    ring.adopt(pooled(2));
    let second = tickets.encrypt(b"second").unwrap();
    ring.adopt(pooled(3));
    ring.adopt(pooled(9));
    for (ticket, plain) in [(&own, &b"own"[..]), (&second, b"second")] {
        assert_eq!(tickets.decrypt(ticket).as_deref(), Some(plain));
    }
    ring.pass(ROTATION - Duration::from_secs(60));
    assert!(tickets.decrypt(&own).is_some());
    ring.pass(ROTATION + Duration::from_secs(1));
    assert_eq!((tickets.decrypt(&own), tickets.decrypt(&second)), (None, None));
    assert_eq!(ring.count(), 2, "those of the pool");
}

#[test]
fn former_ticket_keys_are_bounded() {
    let ring = KeyRing::new().unwrap();
    for number in 1..50 {
        ring.adopt(pooled(number));
        ring.adopt(pooled(number));
    }
    assert_eq!(ring.count(), 2 + 8);
}
