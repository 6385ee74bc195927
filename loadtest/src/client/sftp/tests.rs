//! The client against a server of one file that lives in memory and has manners of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::ssh_key::Fingerprint;
use russh::keys::{Algorithm, HashAlg, PrivateKey, key};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session as Served, run_stream};
use russh::{Channel, ChannelId, Preferred, cipher};

use super::packet::{Fields, attribute, open};
use super::ssh::Cipher;
use super::*;
use crate::client::account::Account;
use crate::client::dialer::Dialer;
use crate::client::{Session as Client, Wire};

#[test]
fn every_byte_is_asked_for_once_whatever_the_order_and_length_of_the_replies() {
    let world = World::new(Manner { reversed: true, longest_read: 20_000, ..Manner::default() });
    let size = 5_000_000_u64;
    *world.file.lock().unwrap() = vec![7; 5_000_000];
    let mut session = world.open("secret").unwrap();
    let moved = session.download("file", size).unwrap();
    assert_eq!(moved.bytes, size);
    let mut reads = std::mem::take(&mut *world.reads.lock().unwrap());
    reads.sort_unstable();
    let mut next = 0;
    for (offset, length) in reads {
        assert_eq!(offset, next);
        next += length;
    }
    assert_eq!(next, size);
    session.quit().unwrap();
}

#[test]
fn an_upload_arrives_byte_for_byte() {
    for cipher in [Cipher::Aes128Gcm, Cipher::Chacha20Poly1305] {
        let world = World { cipher, ..World::new(Manner { reversed: true, ..Manner::default() }) };
        let payload = Payload::new().unwrap();
        let size = 3_000_001_u64;
        let mut session = world.open("secret").unwrap();
        assert_eq!(session.upload("file", &payload, size).unwrap().bytes, size);
        // Each request carries the beginning of the block.
        let piece = &payload.bytes()[..32 * 1024];
        let file = world.file.lock().unwrap();
        assert_eq!(file.len() as u64, size);
        assert!(file.chunks(piece.len()).all(|chunk| chunk == &piece[..chunk.len()]));
    }
}

#[test]
fn facts_and_listings_are_read() {
    let world = World::new(Manner::default());
    *world.file.lock().unwrap() = vec![0; 1234];
    let mut session = world.open("secret").unwrap();
    session.noop().unwrap();
    assert_eq!(session.size("file").unwrap(), Some(1234));
    assert_eq!(session.size("missing").unwrap(), None);
    assert_eq!(session.list("folder").unwrap().entries, 6);
    assert!(matches!(session.mlsd("folder"), Err(Error::Unsupported("MLSD"))));
}

#[test]
fn files_are_renamed_and_removed() {
    let world = World::new(Manner::default());
    let mut session = world.open("secret").unwrap();
    session.rename("file", "other").unwrap();
    session.remove("other").unwrap();
    let refused = session.rename("missing", "other").unwrap_err();
    assert_eq!(refused.to_string(), "RENAME: 2 ");
    let refused = session.remove("missing").unwrap_err();
    assert_eq!(refused.to_string(), "REMOVE: 2 ");
}

#[test]
fn a_file_that_ends_early_is_an_error() {
    let world = World::new(Manner::default());
    *world.file.lock().unwrap() = vec![0; 1000];
    let error = world.open("secret").unwrap().download("file", 1001).unwrap_err();
    assert!(matches!(error, Error::Reply { step: "READ", code: status::END, .. }), "{error}");
}

#[test]
fn garbage_and_ends_are_errors() {
    let world = World::new(Manner { garbage: true, ..Manner::default() });
    let error = world.open("secret").unwrap().noop().unwrap_err();
    assert!(matches!(error, Error::Protocol("REALPATH")), "{error}");
    let world = World::new(Manner { ends: true, ..Manner::default() });
    let error = world.open("secret").unwrap().noop().unwrap_err();
    assert!(matches!(error, Error::Closed("REALPATH")), "{error}");
}

#[test]
fn passwords_and_host_keys_are_checked() {
    let world = World::new(Manner::default());
    assert!(matches!(world.open("wrong"), Err(Error::Refused)));
    let other = PrivateKey::random(&mut key::safe_rng(), Algorithm::Ed25519).unwrap();
    let world = World { fingerprint: other.fingerprint(HashAlg::Sha256), ..world };
    assert!(matches!(world.open("secret"), Err(Error::Ssh("key exchange", _))));
}

/// How the server behaves.
#[derive(Clone, Copy)]
struct Manner {
    /// Answers what arrives together from the last to the first.
    reversed: bool,
    /// Bytes that it sends for one READ.
    longest_read: usize,
    /// Answers with what is no packet.
    garbage: bool,
    /// Closes the channel instead of an answer.
    ends: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self { reversed: false, longest_read: usize::MAX, garbage: false, ends: false }
    }
}

struct World {
    address: SocketAddr,
    fingerprint: Fingerprint,
    cipher: Cipher,
    file: Arc<Mutex<Vec<u8>>>,
    /// Offset and length of what was sent.
    reads: Arc<Mutex<Vec<(u64, u64)>>>,
}

impl World {
    /// A server on a thread of its own, which ends with the process.
    fn new(manner: Manner) -> Self {
        let own = PrivateKey::random(&mut key::safe_rng(), Algorithm::Ed25519).unwrap();
        let fingerprint = own.fingerprint(HashAlg::Sha256);
        let ciphers = vec![cipher::AES_128_GCM, cipher::CHACHA20_POLY1305];
        let config = Arc::new(Config {
            keys: vec![own],
            auth_rejection_time: Duration::ZERO,
            preferred: Preferred { cipher: ciphers.into(), ..Preferred::DEFAULT },
            ..Config::default()
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (file, reads) = (Arc::default(), Arc::default());
        let (shared, sent) = (Arc::clone(&file), Arc::clone(&reads));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    let (file, reads) = (Arc::clone(&shared), Arc::clone(&sent));
                    let double = Double { manner, file, reads, input: Vec::new(), listed: 0 };
                    let running = run_stream(Arc::clone(&config), stream, double).await;
                    tokio::spawn(async move { running.unwrap().await });
                }
            });
        });
        Self { address, fingerprint, cipher: Cipher::default(), file, reads }
    }

    fn open(&self, password: &str) -> Result<Client, Error> {
        let account = Account::new("bench".to_owned(), password.to_owned(), 1);
        let settings = Settings::new(self.cipher, Some(self.fingerprint));
        let wire = Wire::Ssh(Arc::new(settings));
        let target = Target { address: self.address, data: None, account: Arc::new(account), wire };
        Dialer::new(&target).unwrap().open()
    }
}

struct Double {
    manner: Manner,
    file: Arc<Mutex<Vec<u8>>>,
    reads: Arc<Mutex<Vec<(u64, u64)>>>,
    input: Vec<u8>,
    /// How often it was asked for names.
    listed: u32,
}

impl Handler for Double {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        let right = (user, password) == ("bench", "secret");
        Ok(if right { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Served,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Served,
    ) -> Result<(), russh::Error> {
        assert_eq!(name, "sftp");
        session.channel_success(channel)
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Served,
    ) -> Result<(), russh::Error> {
        self.input.extend_from_slice(data);
        let mut replies = Vec::new();
        while let Some(length) = self.input.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)) {
            let end = 4 + length as usize;
            if self.input.len() < end {
                break;
            }
            let request: Vec<u8> = self.input.drain(..end).collect();
            replies.push(self.answer(&request[4..]).unwrap());
            let greeted = request[4] == kind::INIT;
            if !greeted && self.manner.ends {
                return session.close(channel);
            }
            if !greeted && self.manner.garbage {
                replies = vec![vec![255; 64]];
            }
        }
        if self.manner.reversed {
            replies.reverse();
        }
        replies.into_iter().try_for_each(|reply| session.data(channel, reply))
    }
}

impl Double {
    fn answer(&mut self, request: &[u8]) -> Result<Vec<u8>, Error> {
        let mut fields = Fields::new("request", request);
        let (kind, id) = (fields.byte()?, fields.number()?);
        let mut file = self.file.lock().unwrap();
        Ok(match kind {
            kind::INIT => reply(kind::VERSION, 3, &[]),
            kind::REALPATH => reply(kind::NAME, id, &names(1)),
            kind::STAT | kind::RENAME | kind::REMOVE if fields.string()? == b"missing" => {
                state(id, status::NO_SUCH_FILE)
            }
            kind::STAT => {
                let size = (file.len() as u64).to_be_bytes();
                reply(kind::ATTRS, id, &[&attribute::SIZE.to_be_bytes()[..], &size].concat())
            }
            kind::OPEN => {
                fields.string()?;
                if fields.number()? & open::TRUNCATE != 0 {
                    file.clear();
                }
                reply(kind::HANDLE, id, &text(b"handle"))
            }
            kind::OPENDIR => reply(kind::HANDLE, id, &text(b"handle")),
            kind::READDIR => {
                self.listed += 1;
                let more = self.listed <= 3;
                if more {
                    reply(kind::NAME, id, &names(self.listed))
                } else {
                    state(id, status::END)
                }
            }
            kind::READ => {
                assert_eq!(fields.string()?, b"handle");
                let offset = fields.large()?;
                let most = (fields.number()? as usize).min(self.manner.longest_read);
                let rest = file.get(offset as usize..).unwrap_or_default();
                let piece = &rest[..rest.len().min(most)];
                if piece.is_empty() {
                    return Ok(state(id, status::END));
                }
                self.reads.lock().unwrap().push((offset, piece.len() as u64));
                reply(kind::DATA, id, &text(piece))
            }
            kind::WRITE => {
                assert_eq!(fields.string()?, b"handle");
                let offset = fields.large()? as usize;
                let piece = fields.string()?;
                let length = file.len().max(offset + piece.len());
                file.resize(length, 0);
                file[offset..offset + piece.len()].copy_from_slice(piece);
                state(id, status::OK)
            }
            _ => state(id, status::OK),
        })
    }
}

fn reply(kind: u8, id: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(5 + body.len()).unwrap().to_be_bytes();
    [&length[..], &[kind], &id.to_be_bytes(), body].concat()
}

/// A status as some servers send it, without a text.
fn state(id: u32, code: u32) -> Vec<u8> {
    reply(kind::STATUS, id, &code.to_be_bytes())
}

fn text(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn names(count: u32) -> Vec<u8> {
    let entry = [text(b"name"), text(b"-rw-r--r-- name"), vec![0; 4]].concat();
    [count.to_be_bytes().to_vec(), entry.repeat(count as usize)].concat()
}
