//! The actor's side of the names: one turn after the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tracing::warn;

use super::wanted::objection;
use super::work::{Turn, Work};
use crate::cloud::actor::Cloud;
use crate::cloud::told::Told;

/// The duty on one node.
#[derive(Default)]
pub(in crate::cloud) struct Names {
    work: Work,
    notes: Told,
    /// The configuration is another one since the turn began.
    is_new: bool,
}

impl Names {
    /// Another configuration.
    pub(in crate::cloud) fn reopen(&mut self) {
        self.work.reopen();
        self.is_new = true;
    }
}

impl Cloud {
    /// A turn, and the next one when it says.
    pub(in crate::cloud) fn names_later(&mut self, ctx: &mut Context<Self>) {
        let config = &self.policy.config;
        let objection = config.aws.dns_name.as_ref().and_then(|_| objection(config));
        let is_wanted = config.aws.dns_name.is_some() && objection.is_none();
        let mut work = std::mem::take(&mut self.names.work);
        self.names.is_new = false;
        let turn = Turn {
            policy: Arc::clone(&self.policy),
            identity: self.identity.clone(),
            instance: self.instance.clone(),
            pool: self.pool.clone(),
        };
        let taken = async move {
            let next = match is_wanted {
                true => work.turn(&turn).await,
                false => Instant::now() + IDLE,
            };
            (work, next)
        };
        ctx.spawn(taken.into_actor(self).map(move |(work, next), cloud, ctx| {
            let notes = work.notes().into_iter().chain(objection).collect();
            cloud.names.work = work;
            if cloud.names.is_new {
                cloud.names.work.reopen();
            }
            for note in cloud.names.notes.news(notes) {
                warn!(note, "names in Route 53");
            }
            let wait = next.saturating_duration_since(Instant::now());
            ctx.run_later(wait, |cloud, ctx| cloud.names_later(ctx));
        }));
    }
}

/// Between two looks at whether names are wanted.
const IDLE: Duration = Duration::from_secs(5);
