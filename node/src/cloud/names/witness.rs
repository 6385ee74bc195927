//! Whether nodes that are silent are gone: EC2 and their own ports are asked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use flotilla_cluster::aws::Trouble;
use flotilla_cluster::aws::instances::{Instances, Present};
use flotilla_cluster::dns::{Gone, Witness};
use futures_util::future::join_all;

use crate::cloud::place::answers;
use crate::pool::Machine;

/// When which node was last asked about.
#[derive(Debug, Default)]
pub(super) struct Asked(BTreeMap<String, Instant>);

impl Asked {
    /// Those about whom it is time to ask, as many as are asked about at once.
    pub(super) fn due(&mut self, gone: Vec<Gone>, now: Instant) -> Vec<Gone> {
        self.0.retain(|key, _| gone.iter().any(|gone| gone.key == *key));
        let is_due = |gone: &Gone| {
            self.0.get(&gone.key).is_none_or(|at| now.saturating_duration_since(*at) >= AGAIN)
        };
        let due: Vec<_> = gone.into_iter().filter(is_due).take(AT_ONCE).collect();
        self.0.extend(due.iter().map(|gone| (gone.key.clone(), now)));
        due
    }
}

/// Who is asked.
pub(super) struct Court<'a> {
    /// EC2, which knows the machines of one region.
    pub(super) instances: &'a Instances,
    /// That region.
    pub(super) region: &'a str,
    /// By node.
    pub(super) machines: &'a BTreeMap<String, Machine>,
    /// Where clients connect to, on every node.
    pub(super) port: Option<u16>,
}

impl Court<'_> {
    /// What the witnesses say. That EC2 does not answer is its trouble, and leaves the ports.
    pub(super) async fn hear(&self, gone: &[Gone]) -> (Vec<Witness>, Option<Trouble>) {
        let ids: BTreeSet<String> =
            gone.iter().filter_map(|gone| self.instance(gone)).map(str::to_owned).collect();
        let nameless = gone.iter().filter(|gone| self.is_nameless(gone));
        let addresses: BTreeSet<IpAddr> =
            nameless.flat_map(|gone| gone.addresses.iter().copied()).collect();
        let asked = async {
            match ids.is_empty() && addresses.is_empty() {
                true => Ok(Present::default()),
                false => self.instances.present(&ids, &addresses).await,
            }
        };
        let ports = join_all(gone.iter().map(|gone| is_taken(gone, self.port)));
        let (present, taken) = tokio::join!(asked, ports);
        let of = |(gone, taken)| {
            let present = present.as_ref().ok();
            let exists = present.and_then(|present| self.exists(gone, taken, present));
            Witness { exists, answers: Some(taken) }
        };
        (gone.iter().zip(taken).map(of).collect(), present.err())
    }

    /// What EC2 says of a node. Where only its address is known, that nobody has it is believed if nobody answers
    /// there either: it may be of another region, or of none.
    fn exists(&self, gone: &Gone, taken: bool, present: &Present) -> Option<bool> {
        if let Some(id) = self.instance(gone) {
            return Some(present.ids.contains(id));
        }
        let is_nobodys = self.is_nameless(gone)
            && !gone.addresses.is_empty()
            && gone.addresses.is_disjoint(&present.addresses);
        (is_nobodys && !taken).then_some(false)
    }

    /// Its instance, if it is one of this region.
    fn instance(&self, gone: &Gone) -> Option<&str> {
        let machine = self.machines.get(&gone.key)?;
        let is_here = machine.region.is_empty() || machine.region == self.region;
        (is_here && machine.id.starts_with("i-")).then_some(machine.id.as_str())
    }

    /// Whether only its address tells: nobody knows on what it ran, or it was a task.
    fn is_nameless(&self, gone: &Gone) -> bool {
        self.machines.get(&gone.key).is_none_or(|machine| !machine.id.starts_with("i-"))
    }
}

/// The port of health checks is only open while a node is ready, and may be open to nobody but checkers; a node
/// that takes clients is not gone.
async fn is_taken(gone: &Gone, port: Option<u16>) -> bool {
    let ports: BTreeSet<u16> = gone.port.into_iter().chain(port).collect();
    let places = gone
        .addresses
        .iter()
        .flat_map(|address| ports.iter().map(|port| SocketAddr::new(*address, *port)));
    join_all(places.take(PLACES_MAX).map(answers)).await.contains(&true)
}

/// What is known of a silent node is asked again after this time.
const AGAIN: Duration = Duration::from_secs(15);
/// So many nodes are asked about at once; the rest follows.
const AT_ONCE: usize = 32;
/// Of each: two addresses, two ports.
const PLACES_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_asked_about_again_after_a_while() {
        let gone = |key: &str| Gone { key: key.to_owned(), addresses: BTreeSet::new(), port: None };
        let (mut asked, start) = (Asked::default(), Instant::now());
        let keys = |due: Vec<Gone>| due.into_iter().map(|gone| gone.key).collect::<Vec<_>>();
        assert_eq!(keys(asked.due(vec![gone("a")], start)), ["a"]);
        assert_eq!(keys(asked.due(vec![gone("a"), gone("b")], start)), ["b"]);
        assert_eq!(keys(asked.due(vec![gone("a"), gone("b")], start + AGAIN)), ["a", "b"]);
        let many = || (0..40).map(|number| gone(&number.to_string())).collect::<Vec<_>>();
        assert_eq!(asked.due(many(), start).len(), AT_ONCE);
        assert_eq!(asked.due(many(), start).len(), 40 - AT_ONCE);
    }
}
