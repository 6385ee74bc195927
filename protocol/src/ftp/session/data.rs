//! Data connections: how they come about, how bytes look on them, and the transfers.

use std::net::SocketAddr;
use std::time::Instant;

use super::login::{Login, Ready};
use super::outcome::Wait;
use super::{
    Activity, ListFormat, ListRequest, Request, Route, Session, StoreMode, TlsPolicy, TransferKind,
    TransferRequest,
};
use crate::ftp::listing::is_pattern;
use crate::ftp::{Command, ListOptions, RangeLimits, Representation, Structure, TransferMode};
use crate::path::{PathError, VirtualPath};

/// An open transfer.
#[derive(Debug)]
pub(super) struct Transfer {
    /// What it is, for the replies: `RETR a.txt`.
    pub(super) what: String,
    /// Bytes moved, as last told.
    pub(super) bytes: u64,
    /// The 150 is out.
    pub(super) opened: bool,
    /// The name that STOU made.
    pub(super) name: Option<VirtualPath>,
    /// When the client was last told something.
    pub(super) told: Instant,
    /// Progress lines have begun the final reply.
    pub(super) telling: bool,
    /// The client or an operator wants it to end.
    pub(super) aborting: bool,
}

/// TYPE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// CR LF on the wire.
    Ascii,
    /// Bytes as they are.
    Image,
}

/// What the next transfer goes over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Prepared {
    /// Neither PASV nor PORT came.
    #[default]
    Nothing,
    /// PASV or EPSV succeeded.
    Passive,
    /// PORT or EPRT.
    Active(SocketAddr),
}

/// Where the next transfer begins and ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Restart {
    /// At the beginning.
    #[default]
    Nothing,
    /// REST.
    Offset(u64),
    /// RANG: from the first byte, that many.
    Range {
        /// The first byte.
        offset: u64,
        /// How many.
        length: u64,
    },
}

impl Restart {
    fn offset(self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Offset(offset) | Self::Range { offset, .. } => offset,
        }
    }
}

impl Session {
    /// Commands about data connections and transfers; gives the others back.
    pub(super) fn dispatch_data<'a>(&mut self, command: Command<'a>) -> Option<Command<'a>> {
        match command {
            Command::Pasv => self.passive(false),
            Command::Epsv(family) => self.extended_passive(family),
            Command::EpsvAll => self.extended_passive_all(),
            Command::Port(address) | Command::Eprt(address) => self.active(address),
            Command::Type(representation) => self.representation(representation),
            Command::Stru(Structure::File) => self.reply(200, b"Structure is File."),
            Command::Stru(Structure::Unsupported) => {
                self.reply(504, b"Only STRU F is implemented.")
            }
            Command::Mode(TransferMode::Stream) => self.reply(200, b"Mode is Stream."),
            Command::Mode(TransferMode::Unsupported) => {
                self.reply(504, b"Only MODE S is implemented.");
            }
            Command::Rest(offset) => self.rest(offset),
            Command::Rang(limits) => self.rang(limits),
            Command::Allo(bytes) => self.allo(bytes),
            Command::Retr(path) => self.retrieve(path),
            Command::Stor(path) => self.store("STOR", Some(path), None),
            Command::Appe(path) => self.store("APPE", Some(path), Some(StoreMode::Append)),
            Command::Stou(path) => self.store("STOU", path, Some(StoreMode::Unique)),
            Command::List(options) => self.list("LIST", ListFormat::Long, options),
            Command::Nlst(options) => {
                let format = if options.long { ListFormat::Long } else { ListFormat::Names };
                self.list("NLST", format, options);
            }
            Command::Mlsd(path) => {
                let facts = self.ready().map_or_else(Default::default, |ready| ready.facts);
                let options =
                    ListOptions { all: true, path: path.unwrap_or_default(), ..Default::default() };
                self.list("MLSD", ListFormat::Facts(facts), options);
            }
            other => return Some(other),
        }
        None
    }

    fn passive(&mut self, extended: bool) {
        if !extended && self.is_extended_only() {
            return self.reply(501, b"EPSV ALL came: only EPSV is taken.");
        }
        if !extended && self.connection.local.is_ipv6() {
            let text = if self.settings.extended_passive { PASSIVE_V6 } else { PASSIVE_V6_ONLY };
            return self.reply(425, text);
        }
        self.set_prepared(Prepared::Nothing);
        self.wait(Request::OpenPassive { extended }, Wait::Passive { extended });
    }

    fn extended_passive(&mut self, family: Option<u8>) {
        if !self.settings.extended_passive {
            return self.refuse_extended_passive();
        }
        let own = self.own_family();
        if family.is_some_and(|family| family != own) {
            let text = format!("Network protocol not supported, use ({own})");
            return self.reply(522, text.as_bytes());
        }
        self.passive(true);
    }

    /// The number of this connection's network protocol (RFC 2428, 2).
    pub(super) fn own_family(&self) -> u8 {
        if self.connection.local.is_ipv6() { 2 } else { 1 }
    }

    /// EPSV names no address, so that clients go to the one that they dialled. The 522 of RFC 2428
    /// makes them fall back to PASV; it names no protocol in parentheses, as there is none that
    /// would do.
    fn refuse_extended_passive(&mut self) {
        let instead = if self.connection.local.is_ipv6() { "dial IPv4 and " } else { "" };
        let text = format!(
            "A balancer stands in front of this server, and EPSV would lead to it; \
             {instead}use PASV."
        );
        self.reply(522, text.as_bytes());
    }

    fn extended_passive_all(&mut self) {
        if !self.settings.extended_passive {
            return self.refuse_extended_passive();
        }
        if let Some(ready) = self.ready() {
            ready.extended_only = true;
        }
        self.reply(200, b"Only EPSV is taken from now on.");
    }

    /// PORT and EPRT: to the client itself and to no privileged port, or any stranger could be
    /// attacked through this server (RFC 2577, 3).
    fn active(&mut self, address: SocketAddr) {
        if !self.settings.active_mode {
            return self.reply(502, b"Active mode is switched off here; use PASV or EPSV.");
        }
        if self.is_extended_only() {
            return self.reply(501, b"EPSV ALL came: only EPSV is taken.");
        }
        if address.ip().to_canonical() != self.connection.client.to_canonical() {
            return self.reply(504, b"Data connections go to the client's own address only.");
        }
        if address.port() < ACTIVE_PORT_MIN {
            return self.reply(504, b"Data connections go to ports from 1024 on only.");
        }
        self.drop_passive();
        self.set_prepared(Prepared::Active(address));
        self.reply(200, b"Address noted.");
    }

    fn representation(&mut self, representation: Representation) {
        let (form, text) = match representation {
            Representation::Ascii => (Form::Ascii, &b"Type is ASCII."[..]),
            Representation::Image => (Form::Image, &b"Type is Image."[..]),
            Representation::Unsupported => {
                return self.reply(504, b"Only TYPE A, I and L 8 are implemented.");
            }
        };
        if let Some(ready) = self.ready() {
            ready.form = form;
        }
        self.reply(200, text);
    }

    fn rest(&mut self, offset: u64) {
        self.set_restart(Restart::Offset(offset));
        let text = format!("Restarting at {offset}; a transfer command must follow.");
        self.reply(350, text.as_bytes());
    }

    fn rang(&mut self, limits: RangeLimits) {
        match limits {
            RangeLimits::Reset => {
                self.set_restart(Restart::Nothing);
                self.reply(350, b"The whole file again.");
            }
            RangeLimits::Bytes { first, last } => {
                let length = (last - first).saturating_add(1);
                self.set_restart(Restart::Range { offset: first, length });
                let text = format!("Bytes {first} to {last}; a transfer command must follow.");
                self.reply(350, text.as_bytes());
            }
        }
    }

    fn allo(&mut self, bytes: u64) {
        if let Some(ready) = self.ready() {
            ready.expected = bytes;
        }
        self.reply(200, b"Noted.");
    }

    fn retrieve(&mut self, argument: &[u8]) {
        let Some((ready, path)) = self.resolve(argument) else { return };
        let restart = std::mem::take(&mut ready.restart);
        let length = match restart {
            Restart::Range { length, .. } => Some(length),
            Restart::Nothing | Restart::Offset(_) => None,
        };
        if ready.form == Form::Ascii && (restart.offset() > 0 || length.is_some()) {
            return self.reply(554, b"Offsets count bytes of TYPE I; send TYPE I first.");
        }
        let kind = TransferKind::Retrieve { path, offset: restart.offset(), length };
        self.transfer("RETR", argument, kind);
    }

    fn store(&mut self, verb: &str, argument: Option<&[u8]>, mode: Option<StoreMode>) {
        let argument = argument.unwrap_or(b"file");
        let Some((ready, path)) = self.resolve(argument) else { return };
        let restart = std::mem::take(&mut ready.restart);
        let expected = std::mem::take(&mut ready.expected);
        if ready.form == Form::Ascii && restart.offset() > 0 {
            return self.reply(554, b"Offsets count bytes of TYPE I; send TYPE I first.");
        }
        if let Restart::Range { .. } = restart {
            return self.reply(504, b"RANG is for RETR and HASH; uploads go on with REST.");
        }
        let mode = match (mode, restart) {
            (Some(mode), _) => mode,
            (None, Restart::Nothing | Restart::Offset(0)) => StoreMode::Replace,
            (None, Restart::Offset(offset) | Restart::Range { offset, .. }) => {
                StoreMode::Resume(offset)
            }
        };
        if path.is_root() {
            return self.reply(553, b"That is a directory.");
        }
        self.transfer(verb, argument, TransferKind::Store { path, mode, expected });
    }

    fn list(&mut self, verb: &str, format: ListFormat, options: ListOptions<'_>) {
        if let Some(request) = self.list_request(format, options) {
            self.transfer(verb, options.path, TransferKind::List(request));
        }
    }

    /// A listing's path, glob and prefix from what the client typed; `None` if it was refused.
    pub(super) fn list_request(
        &mut self,
        format: ListFormat,
        options: ListOptions<'_>,
    ) -> Option<ListRequest> {
        let argument = options.path;
        let split = argument.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let (folder, name) = argument.split_at_checked(split).unwrap_or((argument, b""));
        let is_glob = is_pattern(name) && !matches!(format, ListFormat::Facts(_));
        let (_, path) = self.resolve(if is_glob { folder } else { argument })?;
        let prefix = match (is_glob, argument) {
            (true, _) => folder.to_vec(),
            (false, b"" | b"." | b"./") => Vec::new(),
            (false, argument) => {
                let mut prefix = argument.to_vec();
                if !prefix.ends_with(b"/") {
                    prefix.push(b'/');
                }
                prefix
            }
        };
        Some(ListRequest {
            path,
            pattern: is_glob.then(|| name.to_vec()),
            prefix,
            format,
            all: options.all,
            recursive: options.recursive,
            directory: options.directory,
        })
    }

    /// Resolves a path against the working directory, or writes the reply that refuses it.
    pub(super) fn resolve(&mut self, argument: &[u8]) -> Option<(&mut Ready, VirtualPath)> {
        let Login::In(ready) = &mut self.login else {
            self.reply(530, b"Log in with USER and PASS first.");
            return None;
        };
        let resolved = ready.directory.resolve(argument);
        match resolved {
            // The detour through `ready()` ends the borrow that the error arm needs.
            Ok(path) => self.ready().map(|ready| (ready, path)),
            Err(error) => {
                self.refuse_path(error);
                None
            }
        }
    }

    fn refuse_path(&mut self, error: PathError) {
        let text = error.to_string();
        self.reply(553, text.as_bytes());
    }

    fn transfer(&mut self, verb: &str, argument: &[u8], kind: TransferKind) {
        if self.settings.tls == TlsPolicy::Required && !self.protection.private {
            return self.reply(521, b"Data connections must be private here: send PROT P.");
        }
        let protected = self.protection.private;
        let Some(ready) = self.ready() else { return };
        let ascii = ready.form == Form::Ascii || matches!(kind, TransferKind::List(_));
        let route = match std::mem::take(&mut ready.prepared) {
            Prepared::Nothing => return self.reply(425, b"Use PASV, EPSV, PORT or EPRT first."),
            Prepared::Passive => Route::Passive,
            Prepared::Active(address) => Route::Active(address),
        };
        ready.restart = Restart::Nothing;
        let mut what = verb.to_owned();
        if !argument.is_empty() {
            what.push(' ');
            let shown = argument.get(..SHOWN_BYTES_MAX).unwrap_or(argument);
            what.push_str(&String::from_utf8_lossy(shown));
        }
        self.request = Some(Request::Transfer(TransferRequest { kind, route, protected, ascii }));
        let transfer = Transfer {
            what,
            bytes: 0,
            opened: false,
            name: None,
            told: self.clock.active,
            telling: false,
            aborting: false,
        };
        self.activity = Activity::Transferring(transfer);
    }

    fn drop_passive(&mut self) {
        if let Some(ready) = self.ready()
            && ready.prepared == Prepared::Passive
        {
            self.signals.close_passive = true;
        }
    }

    pub(super) fn set_prepared(&mut self, prepared: Prepared) {
        if let Some(ready) = self.ready() {
            ready.prepared = prepared;
        }
    }

    fn set_restart(&mut self, restart: Restart) {
        if let Some(ready) = self.ready() {
            ready.restart = restart;
        }
    }

    fn is_extended_only(&mut self) -> bool {
        self.ready().is_some_and(|ready| ready.extended_only)
    }
}

/// Why PASV fails over IPv6, where EPSV works and where it does not.
const PASSIVE_V6: &[u8] = b"PASV can not name an IPv6 address; use EPSV.";
const PASSIVE_V6_ONLY: &[u8] = b"PASV can not name an IPv6 address; dial IPv4.";

/// How much of a path replies about its transfer repeat.
const SHOWN_BYTES_MAX: usize = 256;

/// Below it lie the ports of services that a bounced connection could attack (RFC 2577, 3).
const ACTIVE_PORT_MIN: u16 = 1024;
