//! All simulated nodes of the pool, in one thread.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use flotilla_cluster::admission::Limits;
use flotilla_cluster::agent::Lane;
use flotilla_cluster::keepalive::Path;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::node::{News, Node};
use crate::people::Person;
use crate::progress::Bar;

/// The nodes. Dropped, they fall silent.
pub(crate) struct Fleet {
    pub(crate) nodes: Vec<Rc<Node>>,
    tasks: Vec<JoinHandle<()>>,
    bell: Rc<Notify>,
}

impl Fleet {
    /// Nodes that are connected and have not said a word.
    pub(crate) async fn start(count: u32, url: &str) -> Result<Self> {
        let bell = Rc::new(Notify::new());
        let mut fleet = Self { nodes: Vec::new(), tasks: Vec::new(), bell };
        for number in 0..count {
            let (node, tasks) = Node::start(number, url, Rc::clone(&fleet.bell))?;
            fleet.nodes.push(node);
            fleet.tasks.extend(tasks);
        }
        for node in &fleet.nodes {
            node.connected().await?;
        }
        Ok(fleet)
    }

    /// Lets all of them go on, or stops them.
    pub(crate) fn hold(&self, is_held: bool) {
        self.nodes.iter().for_each(|node| node.hold(is_held));
    }

    /// Waits until something is so, and says how long that took.
    pub(crate) async fn until(
        &self,
        what: &str,
        is_so: impl Fn(&Self) -> bool,
        show: impl Fn(&Self),
    ) -> Result<Duration> {
        let begun = Instant::now();
        while !is_so(self) {
            if begun.elapsed() > PATIENCE {
                bail!("not within {} s: {what}", PATIENCE.as_secs());
            }
            show(self);
            // Not everything rings.
            let _ = tokio::time::timeout(LOOK, self.bell.notified()).await;
        }
        Ok(begun.elapsed())
    }

    /// Waits until every node is registered and knows all others.
    pub(crate) async fn joined(&self) -> Result<Duration> {
        let count = self.nodes.len();
        let knows = |node: &Rc<Node>| node.ask(|agent| agent.view().alive().count()) >= count;
        self.until("all nodes know each other", |fleet| fleet.nodes.iter().all(knows), |_| {}).await
    }

    /// Waits until the store answers all nodes, and has nothing more to hear from them.
    pub(crate) async fn settled(&self) -> Result<()> {
        let is_quiet = |node: &Rc<Node>| node.is_fine() && node.seen.borrow().under_way.is_empty();
        self.until("all is told", |fleet| fleet.nodes.iter().all(is_quiet), |_| {}).await?;
        Ok(())
    }

    /// Who leads.
    pub(crate) fn leader(&self) -> Result<&Rc<Node>> {
        let now = Instant::now();
        let leads = |node: &&Rc<Node>| node.ask(|agent| agent.term(now).is_some());
        self.nodes.iter().find(leads).context("nobody leads")
    }

    /// Somebody who does not: nothing but beats keeps it busy.
    pub(crate) fn follower(&self) -> Result<&Rc<Node>> {
        let leader = self.leader()?;
        self.nodes.iter().find(|node| !Rc::ptr_eq(node, leader)).context("there is one node only")
    }

    /// Logs sessions in on all nodes while there are no limits, and publishes them. How long the
    /// publishing took.
    pub(crate) async fn fill(&self, sessions: u32, bar: &Bar) -> Result<Duration> {
        let begun = Instant::now();
        for (number, node) in (0..).zip(&self.nodes) {
            let people = people(number, sessions);
            for person in people.clone() {
                node.enter(person)?;
            }
            let records = people.map(|person| (u64::from(person.0), person.idle())).collect();
            node.tell(|agent, _| agent.on_gathered(records, &[]));
            tokio::task::yield_now().await;
        }
        self.published(sessions, bar).await?;
        Ok(begun.elapsed())
    }

    /// Waits until all sessions are published.
    pub(crate) async fn published(&self, sessions: u32, bar: &Bar) -> Result<()> {
        let all = self.nodes.len() * sessions as usize;
        let sum = |fleet: &Self| fleet.nodes.iter().map(|node| node.seen.borrow().published).sum();
        let show = |fleet: &Self| bar.show(sum(fleet), all);
        self.until("all sessions are published", |fleet| sum(fleet) >= all, show).await?;
        Ok(())
    }

    /// Waits until the store has counted the users and the addresses of all sessions.
    pub(crate) async fn counted(&self, sessions: u32, bar: &Bar) -> Result<()> {
        let all = self.nodes.len() * sessions as usize * 2;
        let sum = |fleet: &Self| fleet.nodes.iter().map(|node| node.seen.borrow().counted).sum();
        let show = |fleet: &Self| bar.show(sum(fleet), all);
        self.until("all sessions are counted", |fleet| sum(fleet) >= all, show).await?;
        Ok(())
    }

    /// From now on nothing was published, counted or heard.
    pub(crate) fn forget(&self) {
        for node in &self.nodes {
            let mut seen = node.seen.borrow_mut();
            (seen.published, seen.counted, seen.joined) = (0, 0, 0);
            seen.news.clear();
        }
    }

    /// How long after its beginning each of the nodes heard of something. Waits for all.
    pub(crate) async fn heard(&self, news: News, begun: Instant) -> Result<Vec<Duration>> {
        let heard = |node: &Rc<Node>| {
            let seen = node.seen.borrow();
            seen.news.iter().find(|(what, _)| *what == news).map(|(_, at)| *at)
        };
        let all = |fleet: &Self| fleet.nodes.iter().all(|node| heard(node).is_some());
        self.until("all have heard", all, |_| {}).await?;
        let since = |at: Instant| at.saturating_duration_since(begun);
        Ok(self.nodes.iter().filter_map(heard).map(since).collect())
    }

    /// Answered requests of these kinds, of all nodes.
    pub(crate) fn answered(&self, lanes: &[Lane]) -> u64 {
        let of = |node: &Rc<Node>| -> u64 {
            let seen = node.seen.borrow();
            lanes.iter().filter_map(|lane| seen.answered.get(lane)).sum()
        };
        self.nodes.iter().map(of).sum()
    }

    /// Puts limits in force in the configuration of all nodes.
    pub(crate) fn configure(&self, limits: Limits) {
        for node in &self.nodes {
            node.tell(|agent, now| {
                let rules = agent.bans().rules().clone();
                agent.on_configured(limits, rules, Path::default(), false, now);
            });
        }
    }

    /// Why the store was away, of all nodes; each is told once.
    pub(crate) fn take_faults(&self) -> Vec<String> {
        self.nodes
            .iter()
            .flat_map(|node| std::mem::take(&mut node.seen.borrow_mut().away))
            .collect()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// The sessions of the node of this number.
pub(crate) fn people(number: u32, sessions: u32) -> impl Iterator<Item = Person> + Clone {
    let first = number * sessions;
    (first..first + sessions).map(Person)
}

const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(10);
