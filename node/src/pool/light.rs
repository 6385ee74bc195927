//! A node that may have to go soon.

use actix::{Context, Handler, Message};

use super::Pool;

/// Whether the node is to get fewer new clients than others. The pool hears of it with the next record.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Lighten(pub(crate) bool);

impl Handler<Lighten> for Pool {
    type Result = ();

    fn handle(&mut self, Lighten(is_light): Lighten, _: &mut Context<Self>) {
        self.is_light = is_light;
    }
}
