//! Several authenticators as one.

use std::net::IpAddr;
use std::sync::Arc;

use super::anonymous::Anonymous;
use super::key::PublicKey;
use super::proof::Proofs;
use super::users::Users;
use super::{Answer, Attempt, Authenticator, Judgement, Method, Refusal};

/// Asks one after the other. The first that lets the user in, that knows the password and refuses
/// by policy, or that asks for a further step decides.
///
/// An attempt that fails has failed with all of them, so it costs the sum of all, whether the first
/// knows the name or not. If one could not answer, the attempt is not called wrong.
pub struct Chain(pub Vec<Arc<dyn Authenticator>>);

/// What a node of one's own judges by: the users file, and before it the anonymous login where
/// that is switched on.
pub fn standard(users: Users, anonymous: bool) -> Arc<dyn Authenticator> {
    if anonymous {
        Arc::new(Chain(vec![Arc::new(Anonymous::new()), Arc::new(users)]))
    } else {
        Arc::new(users)
    }
}

impl Authenticator for Chain {
    fn authenticate(&self, attempt: Attempt) -> Judgement {
        let links = self.0.clone();
        Box::pin(async move {
            let mut refusal = Refusal::Incorrect;
            for link in links {
                match link.authenticate(attempt.clone()).await {
                    Ok(account) => return Ok(account),
                    Err(refusal @ (Refusal::Policy(_) | Refusal::More { .. })) => {
                        return Err(refusal);
                    }
                    Err(next) => refusal = graver(refusal, next),
                }
            }
            Err(refusal)
        })
    }

    fn accepts_key(&self, user: &[u8], key: PublicKey, proved: &Proofs, client: IpAddr) -> Answer {
        let ask =
            |link: &Arc<dyn Authenticator>| link.accepts_key(user, key.clone(), proved, client);
        let answers: Vec<_> = self.0.iter().map(ask).collect();
        Box::pin(async move {
            let mut accepted = false;
            for answer in answers {
                accepted |= answer.await;
            }
            accepted
        })
    }

    fn ssh_methods(&self) -> Vec<Method> {
        let offered: Vec<_> = self.0.iter().flat_map(|link| link.ssh_methods()).collect();
        Method::ALL.into_iter().filter(|method| offered.contains(method)).collect()
    }
}

/// Of two refusals the one that leaves more open: not answered, password still needed, incorrect.
fn graver(one: Refusal, other: Refusal) -> Refusal {
    match (&one, &other) {
        (Refusal::Unavailable(_), _) => one,
        (_, Refusal::Unavailable(_)) => other,
        (Refusal::NeedPassword, _) => one,
        _ => other,
    }
}

#[cfg(test)]
mod tests {
    use flotilla_protocol::ftp::Failure;

    use super::*;
    use crate::auth::{Account, Protocol, anonymous};

    struct Fixed(Result<Arc<Account>, Refusal>);

    impl Authenticator for Fixed {
        fn authenticate(&self, _: Attempt) -> Judgement {
            let answer = self.0.clone();
            Box::pin(async move { answer })
        }
    }

    async fn ask(answers: Vec<Result<Arc<Account>, Refusal>>) -> Result<Arc<Account>, Refusal> {
        let links = answers.into_iter().map(|answer| Arc::new(Fixed(answer)) as _).collect();
        let attempt = Attempt {
            user: b"bob".to_vec(),
            password: None,
            certificate: None,
            ssh: None,
            client: [192, 0, 2, 1].into(),
            protocol: Protocol::Ftp,
        };
        Chain(links).authenticate(attempt).await
    }

    #[actix::test]
    async fn the_first_that_knows_decides() {
        let policy = || Refusal::Policy("no".into());
        let down = || Refusal::Unavailable(Failure::Internal);
        let account = anonymous::account();
        let good = ask(vec![Err(down()), Err(Refusal::Incorrect), Ok(Arc::clone(&account))]).await;
        assert_eq!(&*good.unwrap().name, "anonymous");
        let refused = ask(vec![Err(Refusal::Incorrect), Err(policy()), Ok(account)]).await;
        assert_eq!(refused.unwrap_err(), policy());
    }

    #[actix::test]
    async fn refusals_are_joined() {
        let down = || Refusal::Unavailable(Failure::Internal);
        assert_eq!(ask(vec![]).await.unwrap_err(), Refusal::Incorrect);
        let both = ask(vec![Err(Refusal::NeedPassword), Err(Refusal::Incorrect)]).await;
        assert_eq!(both.unwrap_err(), Refusal::NeedPassword);
        let both = ask(vec![Err(Refusal::Incorrect), Err(Refusal::NeedPassword)]).await;
        assert_eq!(both.unwrap_err(), Refusal::NeedPassword);
        let both = ask(vec![Err(down()), Err(Refusal::NeedPassword)]).await;
        assert_eq!(both.unwrap_err(), down());
    }
}
