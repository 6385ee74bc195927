//! Stands for the pool while there is none: whoever asks is told so.

use actix::{Actor, Context, Handler, MessageResult};

use super::{Ask, Refusal};

/// The actor.
pub(crate) struct Absent;

impl Actor for Absent {
    type Context = Context<Self>;
}

impl Handler<Ask> for Absent {
    type Result = MessageResult<Ask>;

    fn handle(&mut self, _: Ask, _: &mut Self::Context) -> Self::Result {
        MessageResult(Err(Refusal::Unavailable("this node is in no pool".to_owned())))
    }
}
