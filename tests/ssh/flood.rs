//! Floods before the login: half-open handshakes, garbage, and a good client in the midst of them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use flotilla_tests::{Server, Ssh, data, wait};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many descriptors as the system allows this process and its children.
fn many_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

/// An address for each `SHARE` of a flood, so that what one address may hold without a login does
/// not end it.
fn flooder(number: usize) -> Ipv4Addr {
    let [.., high, low] = u32::try_from(number / SHARE).unwrap().to_be_bytes();
    Ipv4Addr::new(127, 204, high, low)
}

const SHARE: usize = 30;

/// A whole good session, and how long it took.
fn good_client(server: &Server) -> Duration {
    let ssh = Ssh::new(server);
    let begun = Instant::now();
    ssh.sftp("get a got\n").succeed();
    assert_eq!(std::fs::read(ssh.join("got")).unwrap(), b"content");
    begun.elapsed()
}

fn connect(server: &Server, number: usize, words: &[u8]) -> std::io::Result<TcpStream> {
    let mut tcp = data::dial(Some(flooder(number).into()), server.ssh())?;
    // Who is turned away may see a reset.
    let _ = tcp.write_all(words);
    Ok(tcp)
}

/// 2,000 connections that say nothing, or stop in the handshake, while `ssh.startups` lets them.
#[test]
fn half_open_handshakes_keep_nobody_out() {
    const FLOOD: usize = 2000;
    many_descriptors();
    let server = Server::builder()
        .ssh()
        .set("ssh.startups", 5000)
        .set("limits.unauthenticated", 5000)
        .file("a", "content")
        .start();
    let flood: Vec<TcpStream> = (0..FLOOD)
        .map(|number| match number % 3 {
            0 => connect(&server, number, b""),
            1 => connect(&server, number, b"SSH-2.0-flood\r\n"),
            _ => connect(&server, number, b"SSH-2.0-flood\r\n\0\0\x10\0\x06\x14"),
        })
        .collect::<Result<_, _>>()
        .unwrap();
    for mut tcp in &flood {
        let mut said = [0; 8];
        tcp.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"SSH-2.0-");
    }
    let took = good_client(&server);
    assert!(took < Duration::from_secs(10), "{took:?}");
}

/// With the default of `ssh.startups` as well: not for ever, and not in silence.
#[test]
fn the_throttle_leaves_room() {
    const FLOOD: usize = 2000;
    many_descriptors();
    let server = Server::builder().ssh().set("timeouts.login", "5s").file("a", "content").start();
    let flood: Vec<TcpStream> = (0..FLOOD)
        .filter_map(|number| connect(&server, number, b"SSH-2.0-flood\r\n").ok())
        .collect();
    wait::until("a good client to get in", || {
        (Ssh::new(&server).sftp("get a got\n").run().code == Some(0)).then_some(())
    });
    // FTP has not suffered.
    assert_eq!(server.login().fetch("a"), b"content");
    drop(flood);
    good_client(&server);
}

/// Who is logged in does not count.
#[test]
fn startups_are_those_without_a_login() {
    let server = Server::builder().ssh().set("ssh.startups", 2).file("a", "content").start();
    let held: Vec<_> = (0..5).map(|_| flotilla_tests::Sftp::open(&Ssh::new(&server))).collect();
    good_client(&server);
    drop(held);
}

/// What is no SSH at all.
#[test]
fn garbage_is_closed() {
    let server = Server::builder().ssh().set("timeouts.login", "2s").file("a", "content").start();
    let long = [b'x'; 100_000];
    let noise: Vec<u8> =
        (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let identified = [b"SSH-2.0-noise\r\n", &noise[..]].concat();
    for words in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"SSH-1.5-old\r\n",
        b"\0\0\0\0\0\0\0\0",
        &long,
        &noise,
        &identified,
        b"SSH-2.0-x\r\n\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let Ok(mut tcp) = connect(&server, 0, words) else { continue };
        let mut said = Vec::new();
        let _ = tcp.read_to_end(&mut said);
    }
    good_client(&server);
}
