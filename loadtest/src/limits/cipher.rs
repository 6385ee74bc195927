//! What the ciphers themselves cost, by the library that TLS uses here, alone and between a file and a socket.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use anyhow::{Result, anyhow};
use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};

use super::{REPEATS, Store, UPLOAD_BYTES, paired, thread_time};
use crate::client::Protocol;
use crate::client::ftp::data::{self, Sink};
use crate::client::payload::Payload;
use crate::client::sftp::ssh::Cipher;
use crate::cpu::Placement;
use crate::report::MEBIBYTE;

/// A cipher and the records that a protocol makes with it.
pub(super) struct Sealer {
    key: LessSafeKey,
    /// Plain bytes of one record.
    record: usize,
    sealed: u64,
}

/// How the bytes of a row are sealed: TLS has records of 16 KiB, SFTP packets of 32 KiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seal {
    algorithm: &'static Algorithm,
    record: usize,
}

impl Seal {
    /// That of a protocol; `None` in clear.
    pub(super) fn of(protocol: Protocol, cipher: Cipher) -> Option<Self> {
        match (protocol, cipher) {
            (Protocol::Ftp, _) => None,
            (Protocol::Ftps, _) => Some(Self { algorithm: &AES_128_GCM, record: TLS_RECORD }),
            (Protocol::Sftp, Cipher::Aes128Gcm) => {
                Some(Self { algorithm: &AES_128_GCM, record: SSH_PACKET })
            }
            (Protocol::Sftp, Cipher::Chacha20Poly1305) => {
                Some(Self { algorithm: &CHACHA20_POLY1305, record: SSH_PACKET })
            }
        }
    }
}

impl Sealer {
    pub(super) fn new(seal: Seal) -> Result<Self> {
        let bytes = vec![7; seal.algorithm.key_len()];
        let key = UnboundKey::new(seal.algorithm, &bytes).map_err(|_| anyhow!("no such cipher"))?;
        Ok(Self { key: LessSafeKey::new(key), record: seal.record, sealed: 0 })
    }

    /// Seals in place, record by record; opening costs as much.
    pub(super) fn seal(&mut self, bytes: &mut [u8]) -> Result<()> {
        for record in bytes.chunks_mut(self.record) {
            self.sealed += 1;
            let mut nonce = [0; 12];
            nonce[..8].copy_from_slice(&self.sealed.to_le_bytes());
            let nonce = Nonce::assume_unique_for_key(nonce);
            let tag = self.key.seal_in_place_separate_tag(nonce, Aad::empty(), record);
            drop(std::hint::black_box(tag.map_err(|_| anyhow!("the cipher failed"))?));
        }
        Ok(())
    }
}

/// Every stream reads the file, seals its bytes and sends them.
pub(super) fn download(streams: usize, large: &Path, seal: Seal) -> Result<super::Limit> {
    let serve = |_, mut stream: TcpStream| -> Result<()> {
        let mut sealer = Sealer::new(seal)?;
        let mut buffer = vec![0; BUFFER];
        for _ in 0..REPEATS {
            let mut file = File::open(large)?;
            loop {
                let count = file.read(&mut buffer)?;
                let part = buffer.get_mut(..count).unwrap_or_default();
                if part.is_empty() {
                    break;
                }
                sealer.seal(part)?;
                stream.write_all(part)?;
            }
        }
        Ok(())
    };
    let drive = |stream: TcpStream| Ok(data::drain(&stream, &mut Sink::default(), false)?.bytes);
    paired(Placement::of_streams(streams), streams, serve, drive)
}

/// Every stream receives, opens and writes into a file.
pub(super) fn upload(streams: usize, files: &Path, seal: Seal) -> Result<super::Limit> {
    let payload = Payload::new()?;
    let serve = |index, stream: TcpStream| -> Result<()> {
        let mut sealer = Sealer::new(seal)?;
        Store::new(files, index)?.take(stream, |part| sealer.seal(part))
    };
    let drive = |stream: TcpStream| Ok(data::fill(&stream, &payload, UPLOAD_BYTES)?.bytes);
    paired(Placement::of_streams(streams), streams, serve, drive)
}

/// Processor seconds per GiB and MiB/s of one thread that does nothing else.
pub(super) fn alone(algorithm: &'static Algorithm) -> Result<(f64, f64)> {
    let mut sealer = Sealer::new(Seal { algorithm, record: TLS_RECORD })?;
    let mut buffer = vec![0; TLS_RECORD];
    let begin = thread_time();
    for _ in 0..RECORDS {
        sealer.seal(&mut buffer)?;
    }
    let spent = (thread_time() - begin).as_secs_f64();
    let mebibytes = RECORDS as f64 * TLS_RECORD as f64 / MEBIBYTE;
    Ok((spent * 1024.0 / mebibytes, mebibytes / spent))
}

/// The ciphers of the machine's own table.
pub(super) const ALL: [(&str, &Algorithm); 3] = [
    ("AES-128-GCM of 16 KiB records: CPU s/GiB; MiB/s", &AES_128_GCM),
    ("AES-256-GCM of 16 KiB records: CPU s/GiB; MiB/s", &AES_256_GCM),
    ("ChaCha20-Poly1305 of 16 KiB records: CPU s/GiB; MiB/s", &CHACHA20_POLY1305),
];

const TLS_RECORD: usize = 16 * 1024;
const SSH_PACKET: usize = 32 * 1024;

/// What is read and sent at once: below it calls cost more, above it the cache is left.
const BUFFER: usize = 256 * 1024;

/// Half a GiB: a tenth of a second to half a second.
const RECORDS: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_sealed_whatever_the_length() {
        let seal = Seal::of(Protocol::Ftps, Cipher::Aes128Gcm).unwrap();
        let mut sealer = Sealer::new(seal).unwrap();
        let mut bytes = vec![0; 2 * TLS_RECORD + 1];
        sealer.seal(&mut bytes).unwrap();
        assert_eq!(sealer.sealed, 3);
        assert!(bytes.chunks(256).all(|part| part.len() == 1 || part.iter().any(|b| *b != 0)));
        let again = bytes.clone();
        bytes.fill(0);
        sealer.seal(&mut bytes).unwrap();
        assert!(again != bytes, "each record has another nonce");
    }

    #[test]
    fn nothing_is_sealed_in_clear() {
        assert!(Seal::of(Protocol::Ftp, Cipher::Aes128Gcm).is_none());
        let chacha20 = Seal::of(Protocol::Sftp, Cipher::Chacha20Poly1305).unwrap();
        assert_eq!(chacha20.algorithm, &CHACHA20_POLY1305);
    }
}
