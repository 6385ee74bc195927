//! The `Cloud` actor: one per node that looks after AWS. Owns what is known of the machine's surroundings; tells the
//! [`Registry`] when an address moved.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, WrapFuture};
use flotilla_cluster::aws::instance::Instance;
use tracing::{debug, info, warn};

#[cfg(feature = "aws")]
use super::balancers::Fronts;
use super::identity::{Identity, overridden};
#[cfg(feature = "aws")]
use super::lead::Duties;
#[cfg(feature = "aws")]
use super::names::Names;
#[cfg(feature = "aws")]
use super::notices::Watch;
#[cfg(feature = "aws")]
use super::place;
use super::settled::Settled;
#[cfg(feature = "aws")]
use super::told::Told;
use crate::address::Found;
use crate::listen::Adopt;
use crate::policy::Policy;
use crate::pool::Pool;
use crate::registry::{Moved, Registry};
use crate::system::DrainHandle;

/// The surroundings of a node.
pub(crate) struct Cloud {
    pub(super) identity: Identity,
    pub(super) policy: Arc<Policy>,
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "duties are the feature's"))]
    pub(super) pool: Addr<Pool>,
    pub(super) registry: Addr<Registry>,
    pub(super) instance: Option<Instance>,
    #[cfg(feature = "aws")]
    pub(super) duties: Duties,
    #[cfg(feature = "aws")]
    pub(super) names: Names,
    #[cfg(feature = "aws")]
    pub(super) placed: place::Told,
    #[cfg(feature = "aws")]
    pub(super) watch: Watch,
    #[cfg(feature = "aws")]
    pub(super) fronts: Fronts,
    /// `TcpEstablishedTimeout` of the network card.
    #[cfg(feature = "aws")]
    pub(super) card: Option<Duration>,
    #[cfg(feature = "aws")]
    pub(super) card_troubles: Told,
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "notices are the feature's"))]
    pub(super) drain: DrainHandle,
    /// Asked in vain so often since the last answer.
    unanswered: u32,
}

impl Cloud {
    /// Begins with what the start of the node found; `None`: there is nothing to look after.
    pub(crate) fn start(
        policy: &Arc<Policy>,
        settled: &Settled,
        pool: &Addr<Pool>,
        registry: &Addr<Registry>,
        drain: &DrainHandle,
    ) -> Option<Addr<Self>> {
        let cloud = Self {
            identity: settled.identity.clone(),
            policy: Arc::clone(policy),
            pool: pool.clone(),
            registry: registry.clone(),
            instance: settled.instance.clone(),
            #[cfg(feature = "aws")]
            duties: Duties::default(),
            #[cfg(feature = "aws")]
            names: Names::default(),
            #[cfg(feature = "aws")]
            placed: place::Told::default(),
            #[cfg(feature = "aws")]
            watch: Watch::new(policy),
            #[cfg(feature = "aws")]
            fronts: Fronts::default(),
            #[cfg(feature = "aws")]
            card: None,
            #[cfg(feature = "aws")]
            card_troubles: Told::default(),
            drain: drain.clone(),
            unanswered: 0,
        };
        policy.config.aws.enabled.then(|| Actor::start(cloud))
    }
}

impl Actor for Cloud {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.ask_later(ctx);
        #[cfg(feature = "aws")]
        {
            self.lead_later(ctx);
            self.watch_later(ctx);
            self.place_later(ctx);
            self.names_later(ctx);
            self.fronts_later(ctx);
            self.ask_card(ctx);
        }
    }
}

impl Handler<Adopt> for Cloud {
    type Result = ();

    fn handle(&mut self, message: Adopt, _: &mut Self::Context) {
        self.policy = message.0;
        #[cfg(feature = "aws")]
        {
            self.duties.reopen();
            self.watch.adopt(&self.policy);
            self.names.reopen();
            self.fronts.reopen();
        }
    }
}

impl Cloud {
    /// One question after the other, each with its own limit.
    fn ask_later(&mut self, ctx: &mut Context<Self>) {
        let identity = self.identity.clone();
        let asked = async move {
            tokio::time::sleep(ASK_INTERVAL).await;
            identity.ask().await
        };
        ctx.spawn(asked.into_actor(self).map(|told, cloud, ctx| {
            cloud.hear(told);
            cloud.ask_later(ctx);
        }));
    }

    /// An address that is not told any more is gone; one that nobody answers for stays.
    fn hear(&mut self, told: Result<Option<Instance>, String>) {
        let instance = match told {
            Ok(told) => overridden(told, &self.policy.config.aws),
            Err(error) => {
                self.unanswered += 1;
                return match self.unanswered {
                    UNANSWERED_TOLD => {
                        warn!(
                            error,
                            "this machine is not told any more who it is, its addresses stay as they were"
                        );
                    }
                    _ => debug!(error, "this machine was not told who it is"),
                };
            }
        };
        self.unanswered = 0;
        let found =
            |instance: &Option<Instance>| instance.as_ref().map(Found::of).unwrap_or_default();
        let (before, now) = (found(&self.instance), found(&instance));
        self.instance = instance;
        if before == now {
            return;
        }
        let text = |found: &Found| {
            let public: Vec<_> = found.public().map(|public| public.to_string()).collect();
            public.join(" ")
        };
        info!(before = text(&before), now = text(&now), "the public address moved");
        self.registry.do_send(Moved(Arc::new(now)));
    }
}

/// An address can be moved to another machine at any time, and nobody tells.
const ASK_INTERVAL: Duration = Duration::from_secs(30);
/// So many questions without an answer are worth a line.
const UNANSWERED_TOLD: u32 = 2;
