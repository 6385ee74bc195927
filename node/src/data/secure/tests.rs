use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::super::twin::{TwinSink, TwinSource, pair, pattern, reset, run, terms};
use super::super::{Connection, Download, Received, Terms, receive, send};
use super::*;
use crate::storage::{Sink, Source};
use crate::tls::twin::twin;

type Client = StreamOwned<ClientConnection, TcpStream>;

/// A server's and a client's configuration that trust each other.
struct Configs {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Configs {
    fn new(version: &'static rustls::SupportedProtocolVersion) -> Self {
        let (server, client) = twin(version);
        Self { server, client }
    }

    fn tls13() -> Self {
        Self::new(&rustls::version::TLS13)
    }

    fn connect(&self, socket: TcpStream) -> Client {
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(Arc::clone(&self.client), name).unwrap();
        StreamOwned::new(tls, socket)
    }

    async fn accept(&self, socket: Socket) -> Result<Connection, Failure> {
        let key = SessionKey::random().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let (connection, binding) =
            Connection::secure(socket, Arc::clone(&self.server), key, deadline).await?;
        assert_eq!(binding, Binding::Fresh);
        Ok(connection)
    }
}

fn end(client: &mut Client) {
    while client.conn.is_handshaking() {
        client.conn.complete_io(&mut client.sock).unwrap();
    }
    client.conn.send_close_notify();
    client.flush().unwrap();
}

fn upload(
    configs: &Configs,
    terms: &Terms,
    act: impl FnOnce(Client) + Send + 'static,
) -> (Result<Received, Failure>, Arc<TwinSink>) {
    let (socket, client) = pair();
    let client = configs.connect(client);
    let client = std::thread::spawn(move || act(client));
    let sink = Arc::new(TwinSink::new(b"", 0));
    let dynamic = Arc::clone(&sink) as Arc<dyn Sink>;
    let received = run(async {
        let connection = configs.accept(socket).await?;
        receive(connection, dynamic, false, async || Ok(()), terms).await
    });
    client.join().unwrap();
    (received, sink)
}

fn download<R: Send + 'static>(
    configs: &Configs,
    content: &[u8],
    terms: &Terms,
    act: impl FnOnce(Client) -> R + Send + 'static,
) -> Result<u64, Failure> {
    let (socket, client) = pair();
    let client = configs.connect(client);
    let client = std::thread::spawn(move || act(client));
    let source = Arc::new(TwinSource::new(content)) as Arc<dyn Source>;
    let sent = run(async {
        let connection = configs.accept(socket).await?;
        send(connection, source, Download::default(), terms).await
    });
    client.join().unwrap();
    sent
}

#[test]
fn downloads_end_with_close_notify_and_fin() {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let configs = Configs::new(version);
        for length in [0, 1, 1024, 16 * 1024, 5_000_000] {
            let content = pattern(length);
            let expected = content.clone();
            let sent = download(&configs, &content, &terms(), move |mut client| {
                let mut all = Vec::new();
                // An end without close_notify would be an error.
                client.read_to_end(&mut all).unwrap();
                assert!(all == expected);
                assert_eq!(client.sock.read(&mut [0; 8]).unwrap(), 0, "no fin");
                end(&mut client);
            });
            assert_eq!(sent, Ok(length as u64));
        }
    }
}

#[test]
fn uploads_end_with_close_notify_both_ways() {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let configs = Configs::new(version);
        for length in [0, 1, 1024, 16 * 1024, 200_000, 5_000_000] {
            let content = pattern(length);
            let sent = content.clone();
            let (received, sink) = upload(&configs, &terms(), move |mut client| {
                client.write_all(&sent).unwrap();
                end(&mut client);
                // As `unwrap()` of Python's ssl: it waits for the server's own end.
                assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
                assert_eq!(client.sock.read(&mut [0; 8]).unwrap(), 0, "no fin");
            });
            let size = length as u64;
            assert_eq!(received, Ok(Received { bytes: size, size }));
            assert!(sink.content() == content);
            assert_eq!(sink.published(), Some(size));
        }
    }
}

#[test]
fn records_of_any_size_come_together() {
    let content = pattern(400_000);
    let sent = content.clone();
    let (received, sink) = upload(&Configs::tls13(), &terms(), move |mut client| {
        let mut rest = sent.as_slice();
        for size in (1..).map(|step: usize| step * 37 % 20_000 + 1) {
            let (piece, tail) = rest.split_at(size.min(rest.len()));
            client.write_all(piece).unwrap();
            client.conn.refresh_traffic_keys().unwrap();
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        end(&mut client);
        assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
    });
    assert_eq!(received.unwrap().size, 400_000);
    assert!(sink.content() == content);
}

#[test]
fn a_client_that_leaves_its_tickets_unread_is_done_all_the_same() {
    for length in [100, 300_000] {
        let content = pattern(length);
        let sent = content.clone();
        let (received, sink) = upload(&Configs::tls13(), &terms(), move |mut client| {
            client.write_all(&sent).unwrap();
            end(&mut client);
        });
        assert_eq!(received.unwrap().size, length as u64);
        assert!(sink.content() == content);
    }
}

#[test]
fn an_upload_cut_off_is_broken_and_kept() {
    for length in [1000, 1_000_000] {
        let content = pattern(length);
        let sent = content.clone();
        let (received, sink) = upload(&Configs::tls13(), &terms(), move |mut client| {
            client.write_all(&sent).unwrap();
            client.sock.shutdown(Shutdown::Write).unwrap();
            let _ = client.sock.read_to_end(&mut Vec::new());
        });
        assert_eq!(received, Err(Failure::DataBroken));
        assert!(sink.content() == content);
        assert_eq!(sink.published(), None);
    }
}

#[test]
fn an_upload_that_is_tampered_with_is_broken() {
    let (received, sink) = upload(&Configs::tls13(), &terms(), |mut client| {
        client.write_all(&[1; 100]).unwrap();
        client.sock.write_all(&[23, 3, 3, 0, 40]).unwrap();
        client.sock.write_all(&[0; 40]).unwrap();
        let _ = client.sock.read_to_end(&mut Vec::new());
    });
    assert_eq!(received, Err(Failure::DataBroken));
    assert_eq!(sink.published(), None);
    assert_eq!(sink.content(), [1; 100]);
}

#[test]
fn a_record_longer_than_any_is_broken() {
    let (received, _) = upload(&Configs::tls13(), &terms(), |mut client| {
        client.write_all(b"x").unwrap();
        client.sock.write_all(&[23, 3, 3, 0xff, 0xff]).unwrap();
        let _ = client.sock.read_to_end(&mut Vec::new());
    });
    assert_eq!(received, Err(Failure::DataBroken));
}

#[test]
fn a_reset_breaks_both_ways() {
    let sent = download(&Configs::tls13(), &pattern(32_000_000), &terms(), |mut client| {
        client.read_exact(&mut [0; 100_000]).unwrap();
        reset(client.sock);
    });
    assert_eq!(sent, Err(Failure::DataBroken));
    let (received, _) = upload(&Configs::tls13(), &terms(), |mut client| {
        client.write_all(&[1; 100_000]).unwrap();
        reset(client.sock);
    });
    assert_eq!(received, Err(Failure::DataBroken));
}

#[test]
fn a_reader_that_stops_is_a_stall() {
    let terms = Terms { stalled: Duration::from_millis(100), ..terms() };
    let progress = Rc::clone(&terms.progress);
    let sent = download(&Configs::tls13(), &pattern(32_000_000), &terms, |mut client| {
        client.read_exact(&mut [0; 1000]).unwrap();
        // Kept until the server has given up.
        client
    });
    assert_eq!(sent, Err(Failure::DataStalled));
    assert!(progress.bytes() > 0);
}

#[test]
fn what_is_no_tls_is_refused_with_an_alert() {
    let (socket, mut client) = pair();
    client.write_all(b"USER demo\r\nPASS demo\r\n").unwrap();
    let refused = run(Configs::tls13().accept(socket));
    assert_eq!(refused.unwrap_err(), Failure::DataHandshake);
    let mut first = [0; 1];
    client.read_exact(&mut first).unwrap();
    assert_eq!(first, [21], "an alert record");
}

#[test]
fn a_client_that_says_nothing_runs_into_the_deadline() {
    let (socket, _client) = pair();
    let configs = Configs::tls13();
    let deadline = Instant::now() + Duration::from_millis(50);
    let key = SessionKey::random().unwrap();
    let late = run(Connection::secure(socket, configs.server, key, deadline));
    assert_eq!(late.unwrap_err(), Failure::DataTimeout);
}

#[test]
fn a_client_that_leaves_ends_the_handshake() {
    let (socket, client) = pair();
    drop(client);
    let left = run(Configs::tls13().accept(socket));
    assert_eq!(left.unwrap_err(), Failure::DataHandshake);
}
