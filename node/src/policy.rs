//! Everything that a reload can change, in one immutable value.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use flotilla_protocol::ftp::{Settings, TlsPolicy};

use crate::auth::worker::Workers;
use crate::auth::{Account, Authenticator};
use crate::config::{Config, Mode, TlsMode};
use crate::log::XferLog;
use crate::ports::PeerPolicy;
use crate::rate::Rate;
use crate::storage::Storages;

/// What sessions are judged and served by. A reload makes a new one; sessions keep theirs.
pub(crate) struct Policy {
    /// The configuration that all the rest comes from.
    pub(crate) config: Config,
    /// For the machines of FTP sessions.
    pub(crate) settings: Arc<Settings>,
    /// The same where EPSV would lead to a balancer that leads nowhere.
    pub(crate) settings_balanced: Arc<Settings>,
    /// Who may log in.
    pub(crate) authenticator: Arc<dyn Authenticator>,
    /// The threads that compute password hashes.
    pub(crate) hashers: Arc<Workers>,
    /// Where files live.
    pub(crate) storages: Arc<Storages>,
    /// Who may connect to passive ports.
    pub(crate) peers: PeerPolicy,
    /// Byte rates of the users who have one.
    pub(crate) rates: Arc<Rates>,
    /// For SSH connections, where the node takes any.
    pub(crate) ssh: Option<Arc<crate::ssh::Transport>>,
    /// The transfer log, when there is one.
    pub(crate) xferlog: Option<Arc<XferLog>>,
}

impl Policy {
    /// For the machine of a session that came through a listener of this mode.
    pub(crate) fn settings_of(&self, mode: Mode) -> Arc<Settings> {
        Arc::clone(match mode {
            Mode::Balanced => &self.settings_balanced,
            Mode::Auto | Mode::Direct | Mode::Shared => &self.settings,
        })
    }
}

/// The machines' settings, from the configuration.
pub(crate) fn settings(config: &Config, extended_passive: bool) -> Settings {
    Settings {
        banner: config.ftp.banner.clone(),
        tls: match config.ftp.tls {
            TlsMode::Off => TlsPolicy::Off,
            TlsMode::Optional => TlsPolicy::Optional,
            TlsMode::Required => TlsPolicy::Required,
        },
        active_mode: config.ftp.active_mode,
        extended_passive,
        login_attempts_max: match config.limits.login_attempts {
            0 => u32::MAX,
            attempts => attempts,
        },
        login_timeout: config.timeouts.login,
        idle_timeout: config.timeouts.idle,
    }
}

/// The byte rates of users, shared by all sessions of a user on the node. The lock is taken at
/// logins of users with a rate only, never by a transfer.
#[derive(Default)]
pub(crate) struct Rates(Mutex<HashMap<Arc<str>, UserRates>>);

/// Both directions of one user.
struct UserRates {
    upload: Arc<Rate>,
    download: Arc<Rate>,
}

impl Rates {
    /// The upload and download rates of an account; `None` where it has none.
    pub(crate) fn of(&self, account: &Account) -> (Option<Arc<Rate>>, Option<Arc<Rate>>) {
        if account.upload_rate == 0 && account.download_rate == 0 {
            return (None, None);
        }
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let user = rates.entry(account.name.clone()).or_insert_with(|| UserRates {
            upload: Rate::new(account.upload_rate),
            download: Rate::new(account.download_rate),
        });
        user.upload.set(account.upload_rate);
        user.download.set(account.download_rate);
        (
            (account.upload_rate > 0).then(|| Arc::clone(&user.upload)),
            (account.download_rate > 0).then(|| Arc::clone(&user.download)),
        )
    }
}
