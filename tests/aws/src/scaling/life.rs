//! The life of a member.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Hook;
use super::group::{Member, ScalingGroup, Wait};
use crate::world::World;

impl World {
    /// One more group, with no members; hooks hold those back that come later.
    pub fn add_scaling_group(&mut self, name: &str, hooks: Vec<Hook>) {
        let group = ScalingGroup {
            name: name.to_owned(),
            sizes: (0, 100),
            hooks: hooks.into_iter().map(|hook| (hook.name.clone(), hook)).collect(),
            ..ScalingGroup::default()
        };
        self.scaling.insert(name.to_owned(), group);
    }

    /// An instance becomes a member: in service, or held back by hooks.
    pub fn join_scaling_group(&mut self, name: &str, instance: &str) {
        self.hold(name, instance, true);
        let Some(group) = self.scaling.get_mut(name) else { return };
        group.desired += 1;
        if let Some(found) = self.cloud.instances.get_mut(instance) {
            found.target_state = Some("InService".to_owned());
            found.tags.insert("aws:autoscaling:groupName".to_owned(), name.to_owned());
        }
    }

    /// A group becomes smaller by an instance, unless that is protected; whether it does. Hooks hold it back.
    pub fn scale_in(&mut self, name: &str, instance: &str) -> bool {
        let Some(group) = self.scaling.get_mut(name) else { return false };
        let member = group.members.get(instance);
        if member.is_none_or(|member| member.protected || member.state.starts_with("Terminating")) {
            return false;
        }
        group.desired = group.desired.saturating_sub(1);
        if let Some(found) = self.cloud.instances.get_mut(instance) {
            found.target_state = Some("Terminated".to_owned());
        }
        self.hold(name, instance, false);
        true
    }

    /// Begins to live or to end, held back by the hooks of that moment.
    fn hold(&mut self, name: &str, instance: &str, launching: bool) {
        let now = Instant::now();
        let Some(group) = self.scaling.get_mut(name) else { return };
        let hooks = group.hooks.values().filter(|hook| hook.launching == launching);
        let waits: BTreeMap<_, _> = hooks
            .map(|hook| (hook.name.clone(), Wait::begin(self.chance.uuid(), hook, now)))
            .collect();
        let free = waits.is_empty();
        let state = if launching { "Pending:Wait" } else { "Terminating:Wait" };
        let member = group.members.entry(instance.to_owned()).or_insert_with(|| Member {
            state: String::new(),
            protected: false,
            health: "Healthy".to_owned(),
            waits: BTreeMap::new(),
        });
        state.clone_into(&mut member.state);
        member.waits = waits;
        if free {
            self.proceed(name, instance, !launching);
        }
    }

    /// A hook holds a member no longer.
    pub(super) fn go_on(&mut self, name: &str, instance: &str, hook: &str, result: &str) {
        let member = self.scaling.get_mut(name).and_then(|group| group.members.get_mut(instance));
        let Some(member) = member else { return };
        member.waits.remove(hook);
        let ends = member.state.starts_with("Terminating");
        // Abandoned: the other hooks are not asked, and whoever begins ends.
        if result == "ABANDON" {
            member.waits.clear();
            self.proceed(name, instance, true);
        } else if member.waits.is_empty() {
            self.proceed(name, instance, ends);
        }
    }

    /// Nothing holds a member back.
    fn proceed(&mut self, name: &str, instance: &str, ends: bool) {
        let Some(group) = self.scaling.get_mut(name) else { return };
        if !ends {
            if let Some(member) = group.members.get_mut(instance) {
                "InService".clone_into(&mut member.state);
            }
            return;
        }
        group.members.remove(instance);
        self.cloud.terminate(instance);
    }

    /// Hooks that nobody kept alive; members whose instance is gone.
    pub(crate) fn advance_scaling(&mut self, now: Instant) {
        let mut late = Vec::new();
        for group in self.scaling.values() {
            for (instance, member) in &group.members {
                let waits = member.waits.iter().filter(|(_, wait)| wait.deadline <= now);
                late.extend(waits.map(|(hook, _)| {
                    let result = group.hooks.get(hook).map_or("ABANDON", |hook| &hook.result);
                    (group.name.clone(), instance.clone(), hook.clone(), result.to_owned())
                }));
            }
        }
        for (group, instance, hook, result) in late {
            self.go_on(&group, &instance, &hook, &result);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ec2::{NewInstance, State};
    use crate::settings::Settings;

    fn world() -> (World, String) {
        let mut world = World::new(Settings::default(), Instant::now());
        let hook = |name: &str, launching| Hook {
            name: name.to_owned(),
            launching,
            heartbeat: 100,
            result: "CONTINUE".to_owned(),
        };
        world.add_scaling_group("g", vec![hook("drain", false), hook("tell", false)]);
        let instance = world.add_instance(NewInstance::default());
        world.join_scaling_group("g", &instance);
        (world, instance)
    }

    fn state(world: &World, instance: &str) -> Option<String> {
        world.scaling["g"].members.get(instance).map(|member| member.state.clone())
    }

    #[test]
    fn all_hooks_hold_a_member_back() {
        let (mut world, instance) = world();
        assert_eq!(state(&world, &instance).as_deref(), Some("InService"));
        assert!(world.scale_in("g", &instance));
        assert!(!world.scale_in("g", &instance), "it ends already");
        world.go_on("g", &instance, "tell", "CONTINUE");
        assert_eq!(state(&world, &instance).as_deref(), Some("Terminating:Wait"));
        world.go_on("g", &instance, "drain", "CONTINUE");
        assert_eq!(state(&world, &instance), None);
        assert_eq!(world.cloud.instances[&instance].state, State::Terminated);
    }

    #[test]
    fn who_abandons_waits_for_nobody() {
        let (mut world, instance) = world();
        world.scale_in("g", &instance);
        world.go_on("g", &instance, "tell", "ABANDON");
        assert_eq!(state(&world, &instance), None);
    }

    #[test]
    fn a_hook_without_heartbeat_ends() {
        let (mut world, instance) = world();
        world.scale_in("g", &instance);
        let begun = Instant::now();
        world.advance(begun + Duration::from_secs(99));
        assert_eq!(state(&world, &instance).as_deref(), Some("Terminating:Wait"));
        world.advance(begun + Duration::from_secs(101));
        assert_eq!(state(&world, &instance), None);
    }
}
