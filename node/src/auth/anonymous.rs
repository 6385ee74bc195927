//! The login without a password (`ftp.anonymous = true`).

use std::sync::Arc;

use flotilla_protocol::path::VirtualPath;

use super::{Account, Attempt, Authenticator, Judgement, Permissions, Protocol, Refusal};

/// Lets `anonymous` and `ftp` in over FTP, with any password, to read and list.
///
/// In a chain it stands before the users file: a user of the file with one of these names can not
/// log in while it is on, and anonymous logins cost no hash.
#[derive(Debug)]
pub struct Anonymous {
    account: Arc<Account>,
}

impl Anonymous {
    /// The account is made once and shared.
    pub fn new() -> Self {
        Self { account: account() }
    }
}

impl Default for Anonymous {
    fn default() -> Self {
        Self::new()
    }
}

impl Authenticator for Anonymous {
    fn authenticate(&self, attempt: Attempt) -> Judgement {
        let named = NAMES.iter().any(|name| attempt.user.eq_ignore_ascii_case(name));
        let answer = if !named || attempt.protocol == Protocol::Ssh {
            Err(Refusal::Incorrect)
        } else if attempt.password.is_none() {
            Err(Refusal::NeedPassword)
        } else {
            Ok(Arc::clone(&self.account))
        };
        Box::pin(std::future::ready(answer))
    }
}

pub(super) fn account() -> Arc<Account> {
    Arc::new(Account {
        name: "anonymous".into(),
        root: None,
        home: VirtualPath::root(),
        permissions: Permissions::READ_ONLY,
        sessions: 0,
        upload_rate: 0,
        download_rate: 0,
        anonymous: true,
        message: Vec::new(),
    })
}

/// What clients call it (RFC 1635); case does not matter.
const NAMES: [&[u8]; 2] = [b"anonymous", b"ftp"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Secret;

    async fn ask(
        user: &str,
        password: Option<&str>,
        protocol: Protocol,
    ) -> Result<Arc<Account>, Refusal> {
        Anonymous::new()
            .authenticate(Attempt {
                user: user.as_bytes().to_vec(),
                password: password.map(|text| Secret::new(text.as_bytes().to_vec())),
                certificate: None,
                ssh: None,
                client: [192, 0, 2, 1].into(),
                protocol,
            })
            .await
    }

    #[actix::test]
    async fn any_password_lets_strangers_read_and_list_alone() {
        for (user, password) in [("anonymous", "me@example.org"), ("ftp", ""), ("Anonymous", "x")] {
            let account = ask(user, Some(password), Protocol::Ftp).await.unwrap();
            assert!(account.anonymous && account.home.is_root());
            let rights = account.permissions;
            assert!(rights.read && rights.list);
            assert_eq!(Permissions { read: false, list: false, ..rights }, Permissions::NONE);
        }
    }

    #[actix::test]
    async fn others_are_not_its_affair() {
        let incorrect = Some(Refusal::Incorrect);
        assert_eq!(ask("bob", Some(""), Protocol::Ftp).await.err(), incorrect);
        assert_eq!(ask("ftp", Some(""), Protocol::Ssh).await.err(), incorrect);
        assert_eq!(ask("ftp", None, Protocol::Ftps).await.err(), Some(Refusal::NeedPassword));
    }
}
