//! What fits.

use std::collections::BTreeMap;

use super::reach::{Place, Reach};
use super::state::{Interface, State};
use super::want::Limits;

/// Counts what there is and what is added to it. Asked before AWS is, as a plan that stops in the middle is worse
/// than one that says beforehand what will be missing.
pub(super) struct Quota<'a> {
    state: &'a State,
    limits: Limits,
    /// Inbound rules that were added: of IPv4 and of IPv6.
    added: BTreeMap<Place, (u32, u32)>,
}

impl<'a> Quota<'a> {
    pub(super) fn new(state: &'a State, limits: Limits) -> Self {
        Self { state, limits, added: BTreeMap::new() }
    }

    /// Counts one more inbound rule.
    ///
    /// # Errors
    /// It does not fit; why, and what it was.
    pub(super) fn add(&mut self, place: &Place, reach: &Reach) -> Result<(), String> {
        let (v4, v6) = self.inbound(place);
        let (more4, more6) = self.state.weight(&reach.source);
        let most = self.limits.rules_max;
        if passes(v4, more4, most) || passes(v6, more6, most) {
            return Err(format!(
                "{reach} does not fit into {place}: it counts as {} of {most} rules, and there are \
                 {v4} of IPv4 and {v6} of IPv6",
                more4.max(more6)
            ));
        }
        // The groups that the rule would reach must still be fit to be on their interfaces.
        for interface in self.state.own().filter(|own| has(own, place)) {
            self.rules_fit(interface, &[], (more4, more6))?;
        }
        let added = self.added.entry(place.clone()).or_default();
        *added = (added.0 + more4, added.1 + more6);
        Ok(())
    }

    /// Whether an interface can have these groups besides.
    ///
    /// # Errors
    /// It can not; why.
    pub(super) fn attach(&self, interface: &Interface, groups: &[Place]) -> Result<(), String> {
        let id = &interface.id;
        let names = groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if interface.managed {
            return Err(format!(
                "{id} needs {names} and is changed only by the service that made it: put it into the \
                 task or service definition"
            ));
        }
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (there, more, most) =
            (number(interface.groups.len()), number(groups.len()), self.limits.groups_max);
        if passes(there, more, most) {
            return Err(format!("{id} needs {names} and has {there} groups of at most {most}"));
        }
        self.rules_fit(interface, groups, (0, 0))
    }

    fn rules_fit(
        &self,
        interface: &Interface,
        groups: &[Place],
        more: (u32, u32),
    ) -> Result<(), String> {
        let own = interface.groups.iter().cloned().map(Place::Id).chain(groups.iter().cloned());
        let sum = own.map(|place| self.inbound(&place));
        let (v4, v6) = sum.fold(more, |(v4, v6), (own4, own6)| (v4 + own4, v6 + own6));
        let most = self.limits.interface_rules_max;
        if v4.max(v6) > most {
            let id = &interface.id;
            return Err(format!("{id} would have {} rules of at most {most}", v4.max(v6)));
        }
        Ok(())
    }

    /// The inbound rules of a group, with those that were added.
    fn inbound(&self, place: &Place) -> (u32, u32) {
        let groups = place.id().map(ToOwned::to_owned).into_iter().collect::<Vec<_>>();
        let weights = self.state.inbound(&groups).map(|rule| self.state.weight(&rule.reach.source));
        let added = self.added.get(place).copied().unwrap_or_default();
        weights.fold(added, |(v4, v6), (own4, own6)| (v4 + own4, v6 + own6))
    }
}

/// Whether there would be too many. Where there are too many already, the quota is evidently higher, and AWS knows.
fn passes(there: u32, more: u32, most: u32) -> bool {
    there <= most && there.saturating_add(more) > most
}

fn has(interface: &Interface, place: &Place) -> bool {
    place.id().is_some_and(|id| interface.groups.iter().any(|own| own == id))
}
