//! FEAT, HELP and SITE HELP: what works, and nothing else.

use super::{Reply, Session, TlsPolicy};
use crate::ftp::Facts;
use crate::ftp::{Algorithm, Code, Verb};

impl Session {
    /// RFC 2389, 3. A line stands here only if the command works in this session.
    pub(super) fn feat(&mut self) {
        let (facts, hash) = match &self.login {
            super::Login::In(ready) => (ready.facts, ready.hash),
            _ => (Facts::default(), Algorithm::Sha256),
        };
        let mut lines = Vec::with_capacity(FEATURES_MAX);
        if self.settings.tls != TlsPolicy::Off {
            lines.extend(["AUTH TLS", "PBSZ", "PROT"].map(|line| line.as_bytes().to_vec()));
        }
        if self.settings.active_mode {
            lines.push(b"EPRT".to_vec());
        }
        if self.settings.extended_passive {
            lines.push(b"EPSV".to_vec());
        }
        let mut line = Vec::new();
        write_hash_feature(hash, &mut line);
        lines.push(std::mem::take(&mut line));
        facts.write_feature(&mut line);
        lines.push(line);
        lines.extend(FEATURES.iter().map(|line| line.as_bytes().to_vec()));
        lines.sort_unstable();
        let lines = lines.iter().map(Vec::as_slice);
        Reply::lines(&mut self.output, Code(211), b"Features:", lines, b"End");
    }

    pub(super) fn help(&mut self, topic: Option<&[u8]>) {
        match topic {
            None => {
                let mut lines = Vec::new();
                let mut line = String::new();
                for verb in Verb::all() {
                    line.push_str(&format!("{:<5}", verb.info().name));
                    if line.len() >= HELP_LINE_BYTES {
                        lines.push(std::mem::take(&mut line));
                    }
                }
                lines.push(line);
                let lines = lines.iter().map(|line| line.trim_end().as_bytes());
                Reply::lines(&mut self.output, Code(214), b"Commands:", lines, b"End");
            }
            Some(topic) if topic.eq_ignore_ascii_case(b"SITE") => self.site_help(),
            Some(topic) => match Verb::lookup(topic) {
                Some(verb) => self.reply(214, verb.info().syntax.as_bytes()),
                None => self.reply(501, b"No such command."),
            },
        }
    }

    pub(super) fn site_help(&mut self) {
        let lines = SITE_COMMANDS.iter().map(|line| line.as_bytes());
        Reply::lines(&mut self.output, Code(214), b"SITE commands:", lines, b"End");
    }
}

/// Features that every session has.
const FEATURES: [&str; 20] = [
    "AVBL",
    "CLNT",
    "HOST",
    "LANG EN*",
    "MDTM",
    "MFF modify;UNIX.mode;",
    "MFMT",
    "RANG STREAM",
    "REST STREAM",
    "SITE COPY",
    "SITE UTIME",
    "SIZE",
    "TVFS",
    "UTF8",
    "XCRC",
    "XMD5",
    "XSHA",
    "XSHA1",
    "XSHA256",
    "XSHA512",
];

/// How many lines FEAT has at the most.
const FEATURES_MAX: usize = FEATURES.len() + 7;

const SITE_COMMANDS: [&str; 6] = [
    "CHMOD <mode> <path>",
    "CPFR <path>, then CPTO <path>",
    "HELP",
    "IDLE [seconds]",
    "UTIME <YYYYMMDDhhmm[ss]> <path>",
    "UTIME <path> <atime> <mtime> <ctime> UTC",
];

/// HELP starts a new line after that many bytes: eight verbs.
const HELP_LINE_BYTES: usize = 40;

/// `HASH SHA-512;SHA-256*;...`, the current algorithm marked (draft-bryan-ftpext-hash).
fn write_hash_feature(current: Algorithm, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HASH ");
    for (place, algorithm) in Algorithm::ALL.into_iter().enumerate() {
        if place > 0 {
            out.push(b';');
        }
        out.extend_from_slice(algorithm.name().as_bytes());
        if algorithm == current {
            out.push(b'*');
        }
    }
}
