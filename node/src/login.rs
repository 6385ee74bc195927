//! One login: judged by the authenticator, admitted by the pool, then the user's files are opened.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, MailboxError};
use flotilla_protocol::ftp::{LoginGrant, LoginRefusal};
use flotilla_protocol::path::VirtualPath;
use tracing::warn;

use crate::auth::{Account, Attempt, Refusal};
use crate::config::Config;
use crate::files::Files;
use crate::metrics::{AdmissionResult, Metrics};
use crate::policy::Policy;
use crate::pool::{Admit, Failed, Permit, Pool, Rejected};
use crate::rate::Rate;
use crate::telemetry::{self, Record, Watch, name};

/// What a login yields; dropped at the logout.
pub(crate) struct LoggedIn {
    pub(crate) account: Arc<Account>,
    pub(crate) files: Files,
    pub(crate) upload_rate: Option<Arc<Rate>>,
    pub(crate) download_rate: Option<Arc<Rate>>,
    /// The slot of the session.
    _permit: Permit,
}

impl LoggedIn {
    /// What the machine hears of it.
    pub(crate) fn grant(&self, config: &Config) -> LoginGrant {
        LoginGrant {
            message: self.account.message.clone(),
            directory: VirtualPath::root(),
            idle_seconds_max: config.timeouts.idle.as_secs(),
        }
    }
}

/// Judges one attempt.
pub(crate) async fn run(
    policy: Arc<Policy>,
    pool: Addr<Pool>,
    host: Option<usize>,
    attempt: Attempt,
    metrics: &Metrics,
) -> Result<LoggedIn, LoginRefusal> {
    let address = attempt.client;
    let with_password = attempt.password.is_some();
    let account = match policy.authenticator.authenticate(attempt).await {
        Ok(account) => account,
        Err(Refusal::Incorrect) => {
            if with_password {
                // Refused only by a full mailbox: a flood of failures is scored in part, not for ever.
                let _ = pool.try_send(Failed::from(address));
            }
            return Err(LoginRefusal::Incorrect);
        }
        // More is asked of SSH clients only.
        Err(Refusal::NeedPassword | Refusal::More { .. }) => {
            return Err(LoginRefusal::NeedPassword);
        }
        Err(Refusal::Policy(text)) => return Err(LoginRefusal::Policy(text)),
        Err(Refusal::Unavailable(failure)) => {
            warn!(?failure, "login backend unavailable");
            return Err(LoginRefusal::Unavailable);
        }
    };
    admit(&policy, &pool, host, account, address, metrics).await
}

/// Takes a slot for an account that was let in, and opens its files.
pub(crate) async fn admit(
    policy: &Policy,
    pool: &Addr<Pool>,
    host: Option<usize>,
    account: Arc<Account>,
    address: IpAddr,
    metrics: &Metrics,
) -> Result<LoggedIn, LoginRefusal> {
    let watch = telemetry::watch();
    let trace = watch.map(Watch::whole);
    let admit = Admit::new(account.name.clone(), account.sessions, address, trace);
    let answer = pool.send(admit).timeout(ADMISSION).await;
    trace_admission(watch, &answer);
    let (result, permit) = match answer {
        Ok(Ok(permit)) => (AdmissionResult::Ok, Ok(permit)),
        Ok(Err(Rejected::Limit(denied))) => {
            (AdmissionResult::of(&denied), Err(LoginRefusal::Limit(denied.to_string())))
        }
        Ok(Err(Rejected::Busy)) => (AdmissionResult::Busy, Err(LoginRefusal::Unavailable)),
        Err(MailboxError::Closed | MailboxError::Timeout) => {
            (AdmissionResult::Unanswered, Err(LoginRefusal::Unavailable))
        }
    };
    metrics.logins.admissions.of(result).inc();
    let permit = permit?;
    let host_root = host.and_then(|index| policy.config.hosts.get(index)?.root.clone());
    let watch = telemetry::watch();
    let view = policy.storages.view(&account, host_root.as_deref()).await;
    if let Some(record) = watch.and_then(|watch| watch.over("home")) {
        record.maybe(view.as_ref().err(), Record::failure).send();
    }
    let storage = match view {
        Ok(storage) => storage,
        Err(failure) => {
            warn!(user = &*account.name, ?failure, "home can not be opened");
            return Err(LoginRefusal::Unavailable);
        }
    };
    let files = Files::new(storage, Arc::clone(&account)).counted(metrics.storage.clone());
    let (upload_rate, download_rate) = policy.rates.of(&account);
    Ok(LoggedIn { account, files, upload_rate, download_rate, _permit: permit })
}

/// The span of the wait for a slot.
fn trace_admission(watch: Option<Watch>, answer: &Result<Result<Permit, Rejected>, MailboxError>) {
    let Some(record) = watch.and_then(|watch| watch.over("admission")) else { return };
    match answer {
        Ok(Ok(_)) => record.word(name::RESULT, "granted"),
        Ok(Err(Rejected::Limit(denied))) => {
            record.word(name::RESULT, "limit").text(name::REASON, &denied.to_string())
        }
        Ok(Err(Rejected::Busy)) => record.failed("busy", "too many wait for a slot"),
        Err(error) => record.failed("unavailable", &error.to_string()),
    }
    .send();
}

/// How long a slot may be waited for: half a second where the store of the pool is asked,
/// microseconds elsewhere, unless something is broken.
const ADMISSION: Duration = Duration::from_secs(5);
