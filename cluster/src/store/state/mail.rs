//! Orders and answers.

use super::{GARBAGE_AFTER_MS, State};
use crate::id::NodeId;
use crate::store::{ANSWERS_MAX, MAIL_MS, ORDERS_MAX, Token};

impl State {
    pub(super) fn order(&mut self, to: &[NodeId], order: &[u8], now: u64) {
        for node in to {
            let inbox = self.inboxes.entry(node.clone()).or_default();
            if inbox.until <= now {
                inbox.orders.clear();
            }
            inbox.last = now.max(inbox.last + 1);
            inbox.orders.insert(inbox.last, order.to_vec());
            inbox.until = now + MAIL_MS;
            while inbox.orders.len() > ORDERS_MAX {
                inbox.orders.pop_first();
            }
        }
    }

    pub(super) fn fetch_orders(
        &mut self,
        node: &NodeId,
        done: u64,
        now: u64,
    ) -> Vec<(u64, Vec<u8>)> {
        let Some(inbox) = self.inboxes.get_mut(node) else { return Vec::new() };
        if inbox.until <= now {
            inbox.orders.clear();
        }
        inbox.orders.retain(|number, _| *number > done);
        inbox.orders.iter().map(|(number, order)| (*number, order.clone())).collect()
    }

    pub(super) fn answer(&mut self, token: Token, body: Vec<u8>, now: u64) {
        let (until, bodies) = self.answers.entry(token).or_default();
        if *until <= now {
            bodies.clear();
        }
        *until = now + MAIL_MS;
        if bodies.len() < ANSWERS_MAX {
            bodies.push(body);
        }
    }

    pub(super) fn take_answers(&mut self, token: Token, now: u64) -> Vec<Vec<u8>> {
        let answers = self.answers.remove(&token).filter(|(until, _)| *until > now);
        answers.map(|(_, bodies)| bodies).unwrap_or_default()
    }

    pub(super) fn tidy_mail(&mut self, now: u64) {
        self.inboxes.retain(|_, inbox| inbox.until + GARBAGE_AFTER_MS > now);
        self.answers.retain(|_, (until, _)| *until + GARBAGE_AFTER_MS > now);
    }
}
