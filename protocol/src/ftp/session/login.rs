//! Who the client is: HOST, USER, PASS, REIN, and the protection of both connections.

use std::net::{IpAddr, SocketAddr};

use crate::ftp::{Algorithm, Facts};
use crate::path::VirtualPath;

use super::data::{Form, Prepared, Restart};
use super::outcome::Wait;
use super::{Activity, Credentials, Protection, Request, Session, TlsPolicy};

/// How far the login is.
#[derive(Debug)]
pub(super) enum Login {
    /// USER is awaited.
    Nobody {
        /// Failed logins so far.
        attempts: u32,
    },
    /// PASS is awaited.
    Named {
        /// Failed logins so far.
        attempts: u32,
        /// The name of USER.
        user: Vec<u8>,
    },
    /// The user is in.
    In(Box<Ready>),
}

/// What a session of a user remembers between commands.
#[derive(Debug)]
pub(super) struct Ready {
    /// The name, for status replies.
    pub(super) user: String,
    /// The working directory.
    pub(super) directory: VirtualPath,
    /// Where the session began; CWD without an argument returns here.
    pub(super) home: VirtualPath,
    /// The longest idle time-out that SITE IDLE may set.
    pub(super) idle_seconds_max: u64,
    /// TYPE.
    pub(super) form: Form,
    /// What PASV, EPSV, PORT or EPRT prepared for the next transfer.
    pub(super) prepared: Prepared,
    /// What REST or RANG set for the next transfer.
    pub(super) restart: Restart,
    /// What ALLO announced for the next upload; 0: nothing.
    pub(super) expected: u64,
    /// The source that RNFR named; the next command must be RNTO.
    pub(super) rename_from: Option<VirtualPath>,
    /// The source that SITE CPFR named.
    pub(super) copy_from: Option<VirtualPath>,
    /// OPTS HASH.
    pub(super) hash: Algorithm,
    /// OPTS MLST.
    pub(super) facts: Facts,
    /// EPSV ALL: no other data connection command is taken any more (RFC 2428, 4).
    pub(super) extended_only: bool,
}

impl Ready {
    /// The state right after a login.
    pub(super) fn new(user: String, home: VirtualPath, idle_seconds_max: u64) -> Self {
        Self {
            user,
            directory: home.clone(),
            home,
            idle_seconds_max,
            form: Form::Ascii,
            prepared: Prepared::Nothing,
            restart: Restart::Nothing,
            expected: 0,
            rename_from: None,
            copy_from: None,
            hash: Algorithm::Sha256,
            facts: Facts::default(),
            extended_only: false,
        }
    }
}

impl Login {
    /// Failed logins so far.
    pub(super) fn attempts(&self) -> u32 {
        match self {
            Self::Nobody { attempts } | Self::Named { attempts, .. } => *attempts,
            Self::In(_) => 0,
        }
    }
}

impl Session {
    /// A PROXY header came late, as the first bytes on the connection: who the client is, and what
    /// it dialled. For the time before USER; later it changes nothing.
    pub fn on_addresses(&mut self, client: IpAddr, local: SocketAddr) {
        if matches!((&self.login, &self.activity), (Login::Nobody { attempts: 0 }, Activity::Idle))
        {
            self.connection.client = client;
            self.connection.local = local;
        }
    }

    pub(super) fn host(&mut self, name: &[u8]) {
        if !matches!(self.login, Login::Nobody { .. }) {
            return self.reply(503, b"HOST must come before USER.");
        }
        match std::str::from_utf8(name) {
            Ok(name) => self.wait(Request::SelectHost(name.to_ascii_lowercase()), Wait::Host),
            Err(_) => self.reply(501, b"A host name has no such bytes."),
        }
    }

    pub(super) fn user_command(&mut self, name: &[u8]) {
        if matches!(self.login, Login::In(_)) {
            return self.reply(503, b"Already logged in; REIN begins anew.");
        }
        if self.settings.tls == TlsPolicy::Required && !self.connection.secure {
            return self.reply(530, b"TLS is required here: send AUTH TLS first.");
        }
        let attempts = self.login.attempts();
        let user = name.to_vec();
        self.login = Login::Named { attempts, user: user.clone() };
        if self.connection.certificate {
            let credentials = Credentials { user, password: None };
            return self.wait(Request::Authenticate(credentials), Wait::Certificate);
        }
        self.ask_password();
    }

    pub(super) fn ask_password(&mut self) {
        self.reply(331, b"Password, please.");
    }

    pub(super) fn pass(&mut self, password: &[u8]) {
        match std::mem::replace(&mut self.login, Login::Nobody { attempts: 0 }) {
            Login::Named { attempts, user } => {
                self.login = Login::Nobody { attempts };
                let wait = Wait::Login { user: String::from_utf8_lossy(&user).into_owned() };
                let credentials = Credentials { user, password: Some(password.to_vec()) };
                self.wait(Request::Authenticate(credentials), wait);
            }
            Login::Nobody { attempts } => {
                self.login = Login::Nobody { attempts };
                self.reply(503, b"USER comes before PASS.");
            }
            Login::In(ready) => {
                self.login = Login::In(ready);
                self.reply(503, b"Already logged in; REIN begins anew.");
            }
        }
    }

    /// RFC 959, 4.1.1. Under TLS the command is refused: RFC 4217, 11 wants the control connection
    /// back in clear then, which would let anyone on the path go on with it.
    pub(super) fn rein(&mut self) {
        if self.connection.secure {
            return self.reply(502, b"REIN is not available under TLS; connect anew.");
        }
        self.forget_login();
        // The host is forgotten as well (RFC 7151, 3.1).
        self.signals.logout = true;
        self.clock.idle_timeout = self.settings.idle_timeout;
        self.reply(220, b"Ready for a new user.");
    }

    /// Back to the state before USER; the attempts of this connection stay counted.
    pub(super) fn forget_login(&mut self) {
        let attempts = self.login.attempts();
        if matches!(self.login, Login::In(_)) {
            self.signals.logout = true;
            self.signals.close_passive = true;
        }
        self.login = Login::Nobody { attempts };
    }

    /// `AUTH`, RFC 4217, 4.
    pub(super) fn auth(&mut self, mechanism: &[u8]) {
        if self.settings.tls == TlsPolicy::Off {
            return self.reply(502, b"TLS is switched off here.");
        }
        if self.connection.secure {
            return self.reply(503, b"The control connection is protected already.");
        }
        if !matches!(mechanism, b"TLS" | b"TLS-C" | b"SSL" | b"TLS-P") {
            return self.reply(504, b"Only AUTH TLS is known here.");
        }
        // RFC 4217, 4: what was said in clear about the user does not hold any more.
        self.forget_login();
        self.protection = Protection {
            negotiated: false,
            // The old AUTH SSL and TLS-P mean PROT P as well (RFC 2228 drafts; clients rely on it).
            private: matches!(mechanism, b"SSL" | b"TLS-P"),
        };
        self.reply(234, b"Go ahead with the TLS handshake.");
        self.reader.clear();
        self.backlog = Vec::new();
        self.backlog_start = 0;
        self.wait(Request::StartTls, Wait::Secure);
    }

    /// `PBSZ`, RFC 4217, 8: with TLS the size is always 0.
    pub(super) fn pbsz(&mut self) {
        if !self.connection.secure {
            return self.reply(503, b"PBSZ comes after AUTH TLS.");
        }
        self.protection.negotiated = true;
        self.reply(200, b"PBSZ=0");
    }

    /// `PROT`, RFC 4217, 9.
    pub(super) fn prot(&mut self, level: crate::ftp::DataProtection) {
        use crate::ftp::DataProtection::{Clear, Private, Unsupported};
        if !self.protection.negotiated {
            return self.reply(503, b"PROT comes after PBSZ.");
        }
        match level {
            Private => {
                self.set_private(true);
                self.reply(200, b"Data connections are private.");
            }
            Clear if self.settings.tls == TlsPolicy::Required => {
                self.reply(534, b"Data connections must be private here.");
            }
            Clear => {
                self.set_private(false);
                self.reply(200, b"Data connections are clear.");
            }
            Unsupported => self.reply(536, b"TLS knows PROT C and PROT P."),
        }
    }

    /// Who may use a passive port depends on the protection, so a port that was prepared under
    /// another one is given up.
    fn set_private(&mut self, private: bool) {
        if self.protection.private != private
            && let Some(ready) = self.ready()
            && std::mem::take(&mut ready.prepared) == Prepared::Passive
        {
            self.signals.close_passive = true;
        }
        self.protection.private = private;
    }
}
