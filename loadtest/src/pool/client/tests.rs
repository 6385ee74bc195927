//! A client against a server of a few lines that sends it away first.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use super::*;
use crate::client::account::Account;
use crate::client::{Protocol, Wire};
use crate::pool::ledger::Counts;
use crate::pool::names::{Record, Zone};

const SIZE: u64 = 1000;

/// Ends its first session with 421 at its first PASV, and serves those that follow.
fn serve(listener: &TcpListener) -> std::io::Result<()> {
    for number in 0.. {
        let (stream, _) = listener.accept()?;
        let mut control = stream.try_clone()?;
        control.write_all(b"220 twin\r\n")?;
        let passive = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = passive.local_addr()?.port();
        for line in BufReader::new(stream).lines() {
            let line = line?;
            match line.split(' ').next().unwrap_or_default() {
                "USER" => control.write_all(b"331 password\r\n")?,
                "PASS" => control.write_all(b"230 in\r\n")?,
                "TYPE" => control.write_all(b"200 binary\r\n")?,
                "PASV" if number == 0 => {
                    control.write_all(b"421 stopping\r\n")?;
                    break;
                }
                "PASV" => {
                    let (high, low) = (port >> 8, port & 0xff);
                    control.write_all(format!("227 (127,0,0,1,{high},{low})\r\n").as_bytes())?;
                }
                "RETR" => {
                    control.write_all(b"150 here\r\n")?;
                    send(&passive)?;
                    control.write_all(b"226 sent\r\n")?;
                }
                "QUIT" => {
                    control.write_all(b"221 bye\r\n")?;
                    return Ok(());
                }
                _ => control.write_all(b"500 no\r\n")?,
            }
        }
    }
    Ok(())
}

fn send(passive: &TcpListener) -> std::io::Result<()> {
    let (mut stream, _): (TcpStream, _) = passive.accept()?;
    stream.write_all(&vec![0; SIZE as usize])
}

/// Nobody listens at the first node's address.
fn address(node: u8, port: u16) -> SocketAddr {
    let host = if node == 2 { Ipv4Addr::LOCALHOST } else { Ipv4Addr::new(127, 0, 79, node) };
    SocketAddr::from((host, port))
}

fn work(port: u16, attempts: u32) -> Arc<Work> {
    let account = Arc::new(Account::new("demo".to_owned(), "demo".to_owned(), 1));
    Arc::new(Work {
        target: Target { address: address(0, port), data: None, account, wire: Wire::Clear },
        address,
        port,
        size: SIZE,
        source: "source".to_owned(),
        files: PathBuf::from("/nonexistent"),
        transfers: 1,
        attempts,
        think: Duration::ZERO,
        payload: Payload::new().unwrap(),
        ledger: Mutex::new(Ledger::new(Instant::now()).unwrap()),
        gate: Gate::default(),
    })
}

/// A client whose resolver has these nodes and asks anew each time.
fn client(work: &Arc<Work>, nodes: &[u8]) -> Client {
    let zone = Arc::new(Zone::default());
    zone.publish(nodes.iter().map(|node| Record { node: *node, weight: 1 }).collect());
    let resolver = Resolver::new(&zone, Duration::ZERO, 1, Chance::new(1, 0));
    Client::new(work, &Arc::new(resolver), Chance::new(1, 1), 0)
}

#[test]
fn a_client_that_was_sent_away_comes_again_and_its_transfer_counts_once() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let work = work(listener.local_addr().unwrap().port(), 3);
    assert_eq!(work.target.protocol(), Protocol::Ftp);
    let server = std::thread::spawn(move || serve(&listener));
    let mut client = client(&work, &[2]);
    client.carry_out(&Job::Download).unwrap();
    server.join().unwrap().unwrap();
    let expected = Counts {
        transfers: 1,
        retried: 1,
        bytes: SIZE,
        sessions: 2,
        sent_away: 1,
        ..Counts::default()
    };
    assert_eq!(work.ledger().counts, expected);
    assert!(work.ledger().latency.max() >= 200_000_000, "the wait between the attempts counts");
}

#[test]
fn a_transfer_is_given_up_after_its_attempts() {
    let refused = work(1, 2);
    client(&refused, &[1]).carry_out(&Job::Download).unwrap();
    assert_eq!(refused.ledger().counts, Counts { failed: 1, refused: 2, ..Counts::default() });
    assert!(refused.ledger().nodes[&1].came.is_some());

    let unnamed = work(1, 2);
    client(&unnamed, &[]).carry_out(&Job::Download).unwrap();
    assert_eq!(unnamed.ledger().counts, Counts { failed: 1, unresolved: 2, ..Counts::default() });
}

#[test]
fn the_end_of_the_run_is_no_failure() {
    let work = work(1, 8);
    work.gate.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    client(&work, &[1]).carry_out(&Job::Download).unwrap();
    assert_eq!(work.ledger().counts, Counts { unfinished: 1, refused: 1, ..Counts::default() });
}

#[test]
fn an_upload_that_is_not_there_in_its_size_has_vanished() {
    let folder = std::env::temp_dir().join(format!("flotilla-loadtest-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let mut client = client(&work(1, 1), &[]);
    Arc::get_mut(&mut client.work).unwrap().files.clone_from(&folder);
    let job = Job::Upload("file".to_owned());
    assert!(!client.is_stored(&job));
    std::fs::write(folder.join("file"), vec![0; SIZE as usize - 1]).unwrap();
    assert!(!client.is_stored(&job));
    std::fs::write(folder.join("file"), vec![0; SIZE as usize]).unwrap();
    assert!(client.is_stored(&job));
    std::fs::remove_dir(&folder).unwrap();
}
