//! How a login is judged by the users file.
//!
//! # Equal cost
//! Every password costs a hash, whether the user is unknown, has none, is disabled or may not use
//! one now. Unknown users are checked against a decoy, the hash of one whose scheme and parameters
//! are the most common in the file; the result is thrown away. What this can not hide: users whose
//! hashes cost more or less than the decoy take a different time. A file whose hashes are all of
//! one kind hides everything.
//!
//! A password is looked up among those verified before, and remembered there, only where it can
//! let in: were it known by the speed of its refusal, a second factor would protect it no longer.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use flotilla_protocol::ftp::Failure;
use time::OffsetDateTime;

use super::certificate::Demand;
use super::live::Inner;
use super::table::{Table, User};
use crate::auth::hash::StoredHash;
use crate::auth::key::{AuthorizedKey, Certificate, PublicKey};
use crate::auth::proof::{Evidence, Proofs, Step};
use crate::auth::worker::Busy;
use crate::auth::{Account, Attempt, Method, Methods, Protocol, Refusal, Secret, SshStep};

impl Inner {
    pub(super) async fn judge(&self, mut attempt: Attempt) -> Result<Arc<Account>, Refusal> {
        match attempt.ssh.take() {
            Some(step) => self.judge_step(attempt, step).await,
            // Without a method no chain of methods can be held to.
            None if attempt.protocol == Protocol::Ssh => Err(Refusal::Incorrect),
            None => self.judge_whole(attempt).await,
        }
    }

    /// With which methods an SSH client may begin: whatever some user may.
    pub(super) fn ssh_methods(&self) -> Vec<Method> {
        let mut first = self.table().first_methods().clone();
        first.extend(self.trust.methods.next(&[]));
        Method::ALL.into_iter().filter(|method| first.contains(method)).collect()
    }

    /// Whether a key would do for the next step. SSH's transport asks with the bare key even where
    /// the client offers a certificate of it, so where there are authorities at all, every key of
    /// every user is worth a signature.
    pub(super) fn accepts_key(
        &self,
        name: &[u8],
        key: &PublicKey,
        proved: &Proofs,
        client: IpAddr,
    ) -> bool {
        if self.trust.revoked.contains(key) {
            return false;
        }
        let table = self.table();
        if !self.trust.authorities.is_empty() || table.has_authorities() {
            return true;
        }
        let Some(user) = table.find(name) else { return false };
        let taken = methods(&self.still_proved(proved, name, user, client));
        self.methods_of(Some(user)).next(&taken).contains(&Method::PublicKey)
            && self.belongs(key, user, client)
    }

    /// One that proves everything at once: FTP.
    async fn judge_whole(&self, attempt: Attempt) -> Result<Arc<Account>, Refusal> {
        let table = self.table();
        let user = table.find(&attempt.user);
        let certified = user.is_some_and(|user| {
            user.certificate.accepts(attempt.certificate.as_deref(), &user.account.name)
        });
        let demand = user.map_or(Demand::Off, |user| user.certificate.demand);
        let allowed = if certified && demand == Demand::Sufficient {
            true
        } else {
            let password = attempt.password.as_ref().ok_or(Refusal::NeedPassword)?.clone();
            let counts = certified || demand != Demand::Required;
            self.check(&attempt.user, user, &table, password, counts).await?.is_some()
        };
        match user.filter(|_| allowed) {
            Some(user) => admit(user, &attempt),
            None => {
                log_refusal(&attempt, user.is_some(), certified, "whole");
                Err(Refusal::Incorrect)
            }
        }
    }

    /// One step of a chain: SSH.
    async fn judge_step(&self, attempt: Attempt, step: SshStep) -> Result<Arc<Account>, Refusal> {
        let table = self.table();
        let user = table.find(&attempt.user);
        let methods_of = self.methods_of(user);
        let mut taken = user.map_or_else(Vec::new, |user| {
            self.still_proved(&step.proved, &attempt.user, user, attempt.client)
        });
        let counts = methods_of.next(&methods(&taken)).contains(&step.method);
        let evidence = match step.method {
            Method::PublicKey => {
                let own = |key: &PublicKey| {
                    user.is_some_and(|user| self.belongs(key, user, attempt.client))
                };
                step.key.filter(own).map(Evidence::Key)
            }
            Method::Password | Method::KeyboardInteractive => {
                let password = attempt.password.as_ref().ok_or(Refusal::NeedPassword)?.clone();
                let hash = self.check(&attempt.user, user, &table, password, counts).await?;
                hash.map(Evidence::Password)
            }
        };
        let (Some(user), Some(evidence)) = (user, evidence.filter(|_| counts)) else {
            log_refusal(&attempt, user.is_some(), false, step.method.name());
            return Err(Refusal::Incorrect);
        };
        taken.push(Step { method: step.method, evidence });
        if methods_of.complete(&methods(&taken)) {
            return admit(user, &attempt);
        }
        Err(Refusal::More {
            next: methods_of.next(&methods(&taken)),
            proved: Proofs { user: attempt.user, steps: taken },
        })
    }

    /// The user's own methods, otherwise those of all. A password alone is not enough for whom it is
    /// not enough over TLS either.
    fn methods_of<'a>(&'a self, user: Option<&'a Arc<User>>) -> Cow<'a, Methods> {
        match user.map(|user| &**user) {
            Some(User { authentication: Some(own), .. }) => Cow::Borrowed(own),
            Some(user) if user.certificate.demand == Demand::Required => {
                Cow::Owned(self.trust.methods.with_key())
            }
            _ => Cow::Borrowed(&self.trust.methods),
        }
    }

    /// The steps taken before, if all of them were this user's and still hold; otherwise none.
    fn still_proved(&self, proved: &Proofs, name: &[u8], user: &User, client: IpAddr) -> Vec<Step> {
        let holds = |step: &Step| match &step.evidence {
            Evidence::Password(hash) => user.password.as_ref() == Some(hash),
            Evidence::Key(key) => self.belongs(key, user, client),
        };
        match proved.user == name && proved.steps.iter().all(holds) {
            true => proved.steps.clone(),
            false => Vec::new(),
        }
    }

    /// Whether a key lets this user in: one of the user's own, or one that is certified for them.
    fn belongs(&self, key: &PublicKey, user: &User, client: IpAddr) -> bool {
        if self.trust.revoked.contains(key) {
            return false;
        }
        let now = OffsetDateTime::now_utc();
        let Some(certificate) = key.certificate() else {
            let own = |own: &&AuthorizedKey| own.key == *key && !own.options.cert_authority;
            return user.keys.iter().find(own).is_some_and(|own| own.holds(client, now));
        };
        let valid =
            u64::try_from(now.unix_timestamp()).is_ok_and(|now| now < certificate.valid_before);
        if !valid || !certificate.holds_from(client) {
            return false;
        }
        if self.trust.authorities.contains(&certificate.authority)
            && names(certificate, &user.principals, &user.account.name)
        {
            return true;
        }
        user.keys.iter().any(|own| {
            let principals = match own.options.principals.is_empty() {
                true => &user.principals,
                false => &own.options.principals,
            };
            own.options.cert_authority
                && own.key.fingerprint() == certificate.authority
                && own.holds(client, now)
                && names(certificate, principals, &user.account.name)
        })
    }

    /// The user's stored hash, if the password fits it and `counts`. Takes a whole hash unless the
    /// password was verified before.
    async fn check(
        &self,
        name: &[u8],
        user: Option<&Arc<User>>,
        table: &Table,
        password: Secret,
        counts: bool,
    ) -> Result<Option<Arc<StoredHash>>, Refusal> {
        let stored = user.and_then(|user| user.password.as_ref());
        let hash = Arc::clone(stored.or(table.decoy()).unwrap_or(&self.decoy));
        let proof = counts.then(|| self.cache.proof(name, &hash, password.expose()));
        let known = |proof| self.cache.contains(name, proof, Instant::now());
        if proof.as_ref().is_some_and(known) {
            return Ok(stored.cloned());
        }
        let right = self
            .workers
            .run(move || hash.verify(password.expose()))
            .await
            .map_err(|Busy| Refusal::Unavailable(Failure::Internal))?;
        // A decoy that fits by chance is still nobody's password, and is not remembered.
        let Some((stored, proof)) = stored.zip(proof).filter(|_| right) else { return Ok(None) };
        self.cache.insert(name, proof, Instant::now());
        Ok(Some(Arc::clone(stored)))
    }
}

/// All was proved: now policy speaks.
fn admit(user: &User, attempt: &Attempt) -> Result<Arc<Account>, Refusal> {
    user.policy
        .check(attempt.client, attempt.protocol, OffsetDateTime::now_utc())
        .map_err(Refusal::Policy)?;
    Ok(Arc::clone(&user.account))
}

fn log_refusal(attempt: &Attempt, known: bool, certified: bool, method: &str) {
    tracing::debug!(
        user = %attempt.user.escape_ascii(),
        client = %attempt.client,
        known,
        certified,
        method,
        "login refused"
    );
}

/// Whether a certificate is for one of these principals; where there are none, for the user.
fn names(certificate: &Certificate, principals: &[String], user: &str) -> bool {
    let wanted = |named: &String| match principals.is_empty() {
        true => named == user,
        false => principals.contains(named),
    };
    certificate.principals.iter().any(wanted)
}

fn methods(steps: &[Step]) -> Vec<Method> {
    steps.iter().map(|step| step.method).collect()
}
