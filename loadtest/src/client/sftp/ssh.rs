//! The SSH transport: algorithms held to one choice, so that every server does the same work.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use russh::client::{Config, Handle, Handler, connect_stream};
use russh::keys::ssh_key::Fingerprint;
use russh::keys::{HashAlg, PublicKeyOrCertificate};
use russh::{Limits, Preferred, cipher, compression, kex};
use serde::Serialize;
use tokio::io::BufReader;
use tokio::net::TcpStream;

use crate::client::{Error, Target, connect_from};

/// What protects the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cipher {
    /// `aes128-gcm@openssh.com`
    #[default]
    Aes128Gcm,
    /// `chacha20-poly1305@openssh.com`
    Chacha20Poly1305,
}

/// How sessions are opened.
pub(crate) struct Settings {
    config: Arc<Config>,
    pinned: Option<Fingerprint>,
}

impl Settings {
    /// One cipher, and the only host key that is taken; without one any is: this is a load tool.
    pub(crate) fn new(cipher: Cipher, pinned: Option<Fingerprint>) -> Self {
        let (name, rekey_bytes) = match cipher {
            Cipher::Aes128Gcm => (cipher::AES_128_GCM, AES_REKEY_BYTES),
            Cipher::Chacha20Poly1305 => (cipher::CHACHA20_POLY1305, CHACHA_REKEY_BYTES),
        };
        let config = Config {
            preferred: Preferred {
                kex: Cow::Borrowed(KEX),
                cipher: Cow::Owned(vec![name]),
                compression: Cow::Borrowed(&[compression::NONE]),
                ..Preferred::DEFAULT
            },
            limits: Limits {
                rekey_write_limit: rekey_bytes,
                rekey_read_limit: rekey_bytes,
                rekey_time_limit: REKEY_TIME,
            },
            window_size: WINDOW_BYTES,
            maximum_packet_size: PACKET_BYTES,
            channel_buffer_size: CHANNEL_MESSAGES,
            ..Config::default()
        };
        Self { config: Arc::new(config), pinned }
    }

    /// Connects, exchanges keys and logs in.
    pub(super) async fn login(
        &self,
        target: &Target,
        source: Option<IpAddr>,
    ) -> Result<Handle<Verifier>, Error> {
        let stream = connect_from(source, target.address, true)?;
        stream.set_nonblocking(true).map_err(Error::io("connect"))?;
        let stream = TcpStream::from_std(stream).map_err(Error::io("connect"))?;
        // The library asks for each packet twice, the kernel is asked for many at once.
        let stream = BufReader::with_capacity(READ_BYTES, stream);
        let verifier = Verifier(self.pinned);
        let mut handle = connect_stream(Arc::clone(&self.config), stream, verifier)
            .await
            .map_err(|error| Error::Ssh("key exchange", error))?;
        let account = &target.account;
        let answer = handle.authenticate_password(account.user(), account.password()).await;
        let answer = answer.map_err(|error| Error::Ssh("password", error))?;
        if answer.success() { Ok(handle) } else { Err(Error::Refused) }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Settings").field("pinned", &self.pinned).finish_non_exhaustive()
    }
}

/// Compares the server's key with the one that is expected. That the server has its private half
/// was checked before.
#[derive(Debug)]
pub(super) struct Verifier(Option<Fingerprint>);

impl Handler for Verifier {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let found = || key.public_key().fingerprint(HashAlg::Sha256);
        Ok(self.0.is_none_or(|expected| expected == found()))
    }
}

/// One key exchange, and what a client says of itself beside it: it takes EXT_INFO and strict
/// sequence numbers.
const KEX: &[kex::Name] = &[
    kex::CURVE25519,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// What the server may send before it hears of it: never a reason to wait.
const WINDOW_BYTES: u32 = 32 * 1024 * 1024;

/// The largest packet that the transport library takes without complaint.
const PACKET_BYTES: u32 = 65_535;

/// Messages of a channel that may wait for the session. At most 64 replies are on their way, each
/// in a few packets; a full queue would stop the transport.
const CHANNEL_MESSAGES: usize = 4096;

/// One receive: several packets of the largest size.
const READ_BYTES: usize = 256 * 1024;

/// When OpenSSH's client changes keys: with AES after 2^32 blocks, with chacha20 after 1 GiB.
const AES_REKEY_BYTES: usize = 64 << 30;
const CHACHA_REKEY_BYTES: usize = 1 << 30;

/// It does not go by time; nothing measured here lasts a day.
const REKEY_TIME: Duration = Duration::from_secs(24 * 3600);
