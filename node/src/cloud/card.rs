//! The network card of this instance: after how long it forgets a silent connection, which is nobody else's affair.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use flotilla_cluster::aws::balancers::Balancers;
use flotilla_cluster::balancer::network_card;
use tracing::warn;

use super::actor::Cloud;
use super::advice::{advised, chance};
use super::session::session;
use crate::pool::front::{Card, reads};

impl Cloud {
    /// Asks at the start, and seldom after that: somebody may set it at any time. What fails is asked again sooner.
    pub(super) fn ask_card(&mut self, ctx: &mut Context<Self>) {
        let policy = std::sync::Arc::clone(&self.policy);
        let (identity, instance) = (self.identity.clone(), self.instance.clone());
        let asked = async move {
            let instance = instance.filter(|instance| !instance.kind.is_empty())?;
            let interface = instance.interfaces.first().map(|of| of.id.clone());
            let interface = interface.filter(|id| !id.is_empty() && reads(&policy.config));
            let set = async {
                let Some(id) = interface else { return Ok(None) };
                let session = session(&policy.config.aws, &identity, Some(&instance)).await?;
                let set = Balancers::new(&session).network_card(&id).await;
                set.map_err(|trouble| advised(&trouble))
            };
            Some((instance.kind.clone(), set.await))
        };
        ctx.spawn(asked.into_actor(self).map(|answer, cloud, ctx| {
            let failed = matches!(answer, Some((_, Err(_))));
            if let Some((kind, set)) = answer {
                cloud.hear_card(&kind, set);
            }
            ctx.run_later(pause(failed, chance()), Self::ask_card);
        }));
    }

    /// Without an answer the last one stays, and before the first what is usual.
    fn hear_card(&mut self, kind: &str, set: Result<Option<Duration>, String>) {
        match set {
            Ok(set) => {
                self.card_troubles.news(Vec::new());
                self.card = set;
            }
            Err(trouble) => {
                for trouble in self.card_troubles.news(vec![trouble]) {
                    warn!(trouble, "the idle timer of the network card is not known");
                }
            }
        }
        self.pool.do_send(Card(network_card(kind, self.card)));
    }
}

/// Until the next question. After a failure all nodes of a pool may ask: `chance` spreads them.
fn pause(failed: bool, chance: u8) -> Duration {
    match failed {
        true => RETRY + RETRY * u32::from(chance) / 255,
        false => INTERVAL,
    }
}

/// It is one call for each node.
const INTERVAL: Duration = Duration::from_secs(3600);
/// After one that failed, and up to twice that: a throttled account or a new permission takes minutes.
const RETRY: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_asked_again_within_minutes() {
        let minutes = |failed, chance| pause(failed, chance).as_secs() / 60;
        assert_eq!((minutes(true, 0), minutes(true, 255), minutes(false, 255)), (2, 4, 60));
    }
}
