use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use super::super::twin::{pair, reset, run};
use super::*;

#[test]
fn registers_only_when_a_call_would_block() {
    run(async {
        let (mut socket, mut client) = pair();
        client.write_all(b"here").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        // The bytes may still be on their way: wait for them without the reactor.
        let mut set = [rustix::event::PollFd::from_borrowed_fd(
            socket.descriptor().unwrap(),
            rustix::event::PollFlags::IN,
        )];
        rustix::event::poll(&mut set, None).unwrap();
        let mut got = Vec::with_capacity(16);
        assert_eq!(socket.receive(&mut got).await.unwrap(), 4);
        assert_eq!(socket.send(b"back", Then::More).await.unwrap(), 4);
        assert!(matches!(socket.stream, Stream::Fresh(_)));
        socket.finish().unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"back");
    });
}

#[test]
fn waits_for_what_comes_later() {
    run(async {
        let (mut socket, mut client) = pair();
        let peer = std::thread::spawn(move || {
            let mut ask = [0; 3];
            client.read_exact(&mut ask).unwrap();
            client.write_all(b"later").unwrap();
        });
        assert_eq!(socket.send(b"now", Then::More).await.unwrap(), 3);
        let mut got = Vec::with_capacity(16);
        while got.len() < 5 {
            assert!(socket.receive(&mut got).await.unwrap() > 0);
        }
        assert_eq!(got, b"later");
        assert_eq!(socket.receive(&mut got).await.unwrap(), 0);
        peer.join().unwrap();
    });
}

#[test]
fn bytes_nobody_read_do_not_turn_the_close_into_a_reset() {
    run(async {
        let (mut socket, mut client) = pair();
        client.write_all(b"nobody asked for this").unwrap();
        assert_eq!(socket.send(&[7; 10_000], Then::More).await.unwrap(), 10_000);
        socket.finish().unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        assert_eq!(all.len(), 10_000);
    });
}

#[test]
fn a_reset_is_seen_at_the_end() {
    run(async {
        let (mut socket, client) = pair();
        socket.send(b"lost", Then::More).await.unwrap();
        reset(client);
        assert_eq!(socket.finish(), Err(Failure::DataBroken));
    });
}

#[test]
fn a_socket_dropped_with_its_descriptor_lent_is_shut_down() {
    run(async {
        let (mut socket, mut client) = pair();
        let lent = socket.lend().unwrap();
        drop(socket);
        assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
        drop(lent);
    });
}

#[test]
fn connects_in_active_mode_from_the_given_address() {
    run(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let target = listener.local_addr().unwrap();
        let local = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut socket = connect_active(target, local, deadline).await.unwrap();
        let (mut client, from) = listener.accept().unwrap();
        assert_eq!(from.ip(), local);
        assert_eq!(socket.peer_address().unwrap(), target);
        socket.send(b"hello", Then::More).await.unwrap();
        socket.finish().unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"hello");
    });
}

#[test]
fn a_closed_port_refuses() {
    run(async {
        let target = {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            listener.local_addr().unwrap()
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        let refused = connect_active(target, IpAddr::V4(Ipv4Addr::LOCALHOST), deadline).await;
        assert_eq!(refused.unwrap_err(), Failure::DataRefused);
    });
}

#[test]
fn an_address_of_the_other_family_is_refused() {
    run(async {
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let local = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);
        let refused = connect_active(target, local, Instant::now() + Duration::from_secs(20)).await;
        assert_eq!(refused.unwrap_err(), Failure::DataRefused);
    });
}

#[test]
fn active_connections_are_probed() {
    run(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let target = listener.local_addr().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let socket = connect_active(target, target.ip(), deadline).await.unwrap();
        let descriptor = socket.descriptor().unwrap();
        assert!(socket2::SockRef::from(&descriptor).keepalive().unwrap());
    });
}
