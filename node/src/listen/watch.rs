//! What an acceptor answers those who watch its sessions, and who end some of them.

use std::time::Instant;

use actix::{Context, Handler, Message, Recipient, WeakRecipient};
use flotilla_cluster::order::Whom;

use super::Acceptor;
use crate::roster::{Gathered, Load};
use crate::session::Notice;

/// Wants to be told of the sessions: of all at first, then once a second of those that changed or ended. Whoever
/// subscribes should know of none; whoever subscribed before is told no more.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Watch(pub(crate) Recipient<Gathered>);

/// How busy is the arbiter?
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Load")]
pub(crate) struct ReadLoad;

/// What is known of the session of this number? Nothing, if it is not logged in here.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Option<serde_json::Value>")]
pub(crate) struct Describe(pub(crate) u64);

/// End these sessions, transfers included. Answers how many were told.
#[derive(Clone, Debug, Message)]
#[rtype(result = "usize")]
pub(crate) struct Kick(pub(crate) Whom);

impl Acceptor {
    pub(super) fn tell(&mut self, _: &mut Context<Self>) {
        self.teller.tell(&self.worker.roster, Instant::now());
    }
}

impl Handler<Watch> for Acceptor {
    type Result = ();

    fn handle(&mut self, message: Watch, _: &mut Self::Context) {
        self.teller.watch(&self.worker.roster, message.0);
    }
}

impl Handler<ReadLoad> for Acceptor {
    type Result = actix::MessageResult<ReadLoad>;

    fn handle(&mut self, _: ReadLoad, _: &mut Self::Context) -> Self::Result {
        actix::MessageResult(self.worker.roster.load())
    }
}

impl Handler<Describe> for Acceptor {
    type Result = Option<serde_json::Value>;

    fn handle(&mut self, message: Describe, _: &mut Self::Context) -> Self::Result {
        self.worker.roster.describe(message.0, Instant::now())
    }
}

impl Handler<Kick> for Acceptor {
    type Result = usize;

    fn handle(&mut self, message: Kick, _: &mut Self::Context) -> usize {
        let meant = self.worker.roster.dismiss(&message.0);
        let sessions = meant.iter().filter_map(|number| self.sessions.get(number));
        let told = sessions.filter_map(WeakRecipient::upgrade).map(|session| {
            session.do_send(Notice::Kicked);
        });
        told.count()
    }
}
