//! A client for tests of whole nodes, with as much of SFTP as they need.

use std::net::SocketAddr;
use std::sync::Arc;

use russh::client::{Config, DisconnectReason, Handle, Handler, Msg, connect};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelMsg};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A connection that is logged in.
pub(crate) struct Client {
    handle: Handle<Ear>,
    farewell: UnboundedReceiver<String>,
}

/// Hears the last words of the server.
struct Ear(UnboundedSender<String>);

impl Handler for Ear {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<Self::Error>,
    ) -> Result<(), Self::Error> {
        if let DisconnectReason::ReceivedDisconnect(info) = reason {
            let _ = self.0.send(info.message);
        }
        Ok(())
    }
}

impl Client {
    pub(crate) async fn login(address: SocketAddr, user: &str, password: &str) -> Self {
        let (sender, farewell) = unbounded_channel();
        let config = Arc::new(Config::default());
        let mut handle = connect(config, address, Ear(sender)).await.unwrap();
        assert!(handle.authenticate_password(user, password).await.unwrap().success());
        Self { handle, farewell }
    }

    /// What the server says at the end; nothing if it only closes the connection.
    pub(crate) async fn farewell(&mut self) -> Option<String> {
        self.farewell.recv().await
    }

    /// A new channel for SFTP.
    pub(crate) async fn sftp(&self) -> Sftp {
        let channel = self.handle.channel_open_session().await.unwrap();
        channel.request_subsystem(true, "sftp").await.unwrap();
        let mut sftp = Sftp { channel, input: Vec::new() };
        sftp.send(INIT, &3u32.to_be_bytes()).await;
        assert_eq!(sftp.next().await.unwrap().first(), Some(&VERSION));
        sftp
    }
}

/// A channel that speaks SFTP, one request after the other.
pub(crate) struct Sftp {
    channel: Channel<Msg>,
    input: Vec<u8>,
}

impl Sftp {
    /// Opens a file for writing, or for reading.
    pub(crate) async fn open(&mut self, path: &str, write: bool) -> Vec<u8> {
        let flags: u32 = if write { FLAG_WRITE | FLAG_CREATE } else { FLAG_READ };
        let body = [string(path.as_bytes()), flags.to_be_bytes().to_vec(), vec![0; 4]].concat();
        let answer = self.ask(OPEN, &body).await;
        assert_eq!(answer[0], HANDLE, "{answer:?}");
        answer[9..].to_vec()
    }

    pub(crate) async fn write(&mut self, handle: &[u8], offset: u64, bytes: &[u8]) {
        let body = [string(handle), offset.to_be_bytes().to_vec(), string(bytes)].concat();
        self.done(WRITE, &body).await;
    }

    pub(crate) async fn read(&mut self, handle: &[u8], offset: u64, length: u32) -> Vec<u8> {
        let length = length.to_be_bytes().to_vec();
        let body = [string(handle), offset.to_be_bytes().to_vec(), length].concat();
        let answer = self.ask(READ, &body).await;
        assert_eq!(answer[0], DATA, "{answer:?}");
        answer[9..].to_vec()
    }

    pub(crate) async fn close(&mut self, handle: &[u8]) {
        self.done(CLOSE, &string(handle)).await;
    }

    async fn done(&mut self, kind: u8, body: &[u8]) {
        let answer = self.ask(kind, body).await;
        assert_eq!((answer[0], &answer[5..9]), (STATUS, [0; 4].as_slice()), "{answer:?}");
    }

    async fn ask(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        self.send(kind, &[&[0; 4], body].concat()).await;
        self.next().await.expect("an answer")
    }

    async fn send(&mut self, kind: u8, body: &[u8]) {
        let packet = string(&[&[kind], body].concat());
        self.channel.data_bytes(packet).await.unwrap();
    }

    /// The next packet without its length; `None` at the end.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some((length, rest)) = self.input.split_first_chunk() {
                let length = u32::from_be_bytes(*length) as usize;
                if let Some(packet) = rest.get(..length) {
                    let packet = packet.to_vec();
                    self.input.drain(..4 + length);
                    return Some(packet);
                }
            }
            match self.channel.wait().await? {
                ChannelMsg::Data { data } => self.input.extend_from_slice(&data),
                ChannelMsg::Close => return None,
                _ => {}
            }
        }
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

const INIT: u8 = 1;
const VERSION: u8 = 2;
const OPEN: u8 = 3;
const CLOSE: u8 = 4;
const READ: u8 = 5;
const WRITE: u8 = 6;
const STATUS: u8 = 101;
const HANDLE: u8 = 102;
const DATA: u8 = 103;
const FLAG_READ: u32 = 1;
const FLAG_WRITE: u32 = 2;
const FLAG_CREATE: u32 = 8;
