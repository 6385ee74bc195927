//! How soon the whole pool knows what one node says.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use flotilla_cluster::agent::Proposal;
use flotilla_cluster::order::{ORDER_VERSION, Order, What, Whom};
use flotilla_cluster::store::{Request, Store};

use crate::life::Life;
use crate::node::{News, Node};
use crate::phase::Bench;
use crate::progress::Bar;
use crate::report::{median, quantile};

impl Bench {
    /// Bans, kicks and policies, each by another node.
    pub(crate) async fn tell(&mut self) -> Result<()> {
        let bar = Bar::start("tell");
        for round in 0..self.arguments.rounds {
            bar.show(round as usize, self.arguments.rounds as usize);
            let mut waits: [Vec<f64>; 3] = Default::default();
            for step in 0..TOLD {
                let number = round * TOLD + step + 1;
                // Beats are where they are: the next is told at another moment of theirs.
                self.live(Life::Moving, 1).await;
                tokio::time::sleep(Duration::from_millis(u64::from(number * 370 % 1_000))).await;
                for (waits, heard) in waits.iter_mut().zip([
                    self.ban(number).await?,
                    self.order(number).await?,
                    self.policy(number).await?,
                ]) {
                    waits.extend(heard.iter().map(Duration::as_secs_f64));
                }
            }
            for (what, mut waits) in ["a ban", "a kick", "a policy"].into_iter().zip(waits) {
                let middle = median(&mut waits) * 1e3;
                let most = quantile(&waits, 1.0) * 1e3;
                self.add(&format!("{what} is known: p50"), "ms", None, middle);
                self.add(&format!("{what} is known to all"), "ms", Some(KNOWN_MS), most);
            }
        }
        self.end("tell");
        Ok(())
    }

    async fn ban(&self, number: u32) -> Result<Vec<Duration>> {
        let address = std::net::Ipv4Addr::from_bits(BANNED | number).into();
        let (node, begun) = (self.some_node(number)?, Instant::now());
        node.tell(|agent, now| agent.ban(address, BAN, now));
        self.fleet.heard(News::Ban(address), begun).await
    }

    async fn order(&self, number: u32) -> Result<Vec<Duration>> {
        let whom = Whom { user: Some("nobody".to_owned()), ..Whom::default() };
        let token = u64::from(number);
        let by = "ftp-000".to_owned();
        let what = What::Kick(whom);
        let order = Order { version: ORDER_VERSION, what, token, by, generation: 0 };
        let to = self.fleet.nodes.iter().map(|node| node.ask(|agent| agent.node().clone()));
        let request = Request::Order { to: to.collect(), order: order.encode() };
        let (node, begun) = (self.some_node(number)?, Instant::now());
        node.store.call(request).await?;
        self.fleet.heard(News::Order(token), begun).await
    }

    async fn policy(&self, number: u32) -> Result<Vec<Duration>> {
        let (leader, tickets) = (self.fleet.leader()?, u64::from(number));
        let storage = leader.ask(|agent| agent.policy().storage.clone());
        let proposal = Proposal { storage, tickets, ticket_key: format!("key-{tickets}") };
        let begun = Instant::now();
        leader.tell(|agent, now| agent.on_proposal(proposal, now));
        self.fleet.heard(News::Policy(tickets), begun).await
    }

    fn some_node(&self, number: u32) -> Result<&Rc<Node>> {
        let place = number as usize * 37 % self.fleet.nodes.len();
        self.fleet.nodes.get(place).context("there are no nodes")
    }
}

/// Within this every node must know; the goal of the issue "The pool".
const KNOWN_MS: f64 = 1_000.0;
/// Bans, kicks and policies of a round.
const TOLD: u32 = 5;
/// 172.16.0.0.
const BANNED: u32 = 0xac10_0000;
const BAN: Duration = Duration::from_secs(3_600);
