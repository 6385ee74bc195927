//! Everything that an instance can read about itself.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::clock;
use crate::ec2::{Instance, Interface, State, private_name, public_name, zone_id};
use crate::world::World;

/// Values by path, below `/latest/`.
pub(super) type Tree = BTreeMap<String, String>;

/// The tree of an instance; empty where there is none of that id.
pub(super) fn tree(world: &World, id: &str, wall: SystemTime) -> Tree {
    let Some(instance) = world.cloud.instances.get(id) else { return Tree::new() };
    let mut tree = Tree::new();
    let region = &world.settings.region;
    let data = |path: &str| format!("meta-data/{path}");
    let mut put = |path: &str, value: &str| {
        tree.insert(data(path), value.to_owned());
    };
    put("ami-id", IMAGE);
    put("instance-id", id);
    put("instance-type", &instance.kind);
    put("instance-life-cycle", if instance.spot { "spot" } else { "on-demand" });
    put("placement/region", region);
    put("placement/availability-zone", &instance.zone);
    put("placement/availability-zone-id", &zone_id(&instance.zone));
    let china = region.starts_with("cn-");
    put("services/domain", if china { "amazonaws.com.cn" } else { "amazonaws.com" });
    put("services/partition", if china { "aws-cn" } else { "aws" });
    notices(instance, &mut put);
    if instance.metadata_tags {
        for (key, value) in &instance.tags {
            put(&format!("tags/instance/{key}"), value);
        }
    }
    let interfaces = world.cloud.interfaces_of(id);
    if let Some(primary) = interfaces.first() {
        addresses(world, primary, "", &mut put);
        put("mac", &primary.mac);
        put("security-groups", &group_names(world, primary));
    }
    for interface in &interfaces {
        describe(world, interface, &mut put);
    }
    credentials(world, instance, wall, &mut put);
    let private = interfaces.first().and_then(|interface| interface.private.first());
    tree.insert(
        "dynamic/instance-identity/document".to_owned(),
        document(world, instance, private),
    );
    tree
}

/// Anything will do.
const IMAGE: &str = "ami-0123456789abcdef0";

fn notices(instance: &Instance, put: &mut impl FnMut(&str, &str)) {
    if let Some(notice) = &instance.notice {
        let time = clock::seconds(notice.time);
        let text = json!({ "action": notice.action, "time": time }).to_string();
        put("spot/instance-action", &text);
        if notice.action == "terminate" {
            put("spot/termination-time", &time);
        }
    }
    if let Some(since) = instance.rebalance {
        let text = json!({ "noticeTime": clock::seconds(since) }).to_string();
        put("events/recommendations/rebalance", &text);
    }
    if let Some(state) = &instance.target_state {
        put("autoscaling/target-lifecycle-state", state);
    }
}

fn describe(world: &World, interface: &Interface, put: &mut impl FnMut(&str, &str)) {
    let start = format!("network/interfaces/macs/{}/", interface.mac);
    addresses(world, interface, &start, put);
    let mut put = |path: &str, value: &str| put(&format!("{start}{path}"), value);
    put("mac", &interface.mac);
    put("device-number", &interface.device.to_string());
    put("interface-id", &interface.id);
    put("owner-id", &world.settings.account);
    put("vpc-id", &interface.vpc);
    put("subnet-id", &interface.subnet);
    put("security-groups", &group_names(world, interface));
    put("security-group-ids", &interface.groups.join("\n"));
    put("local-ipv4s", &lines(&interface.private));
    if !interface.public.is_empty() {
        put("public-ipv4s", &lines(interface.public.values()));
        for (private, public) in &interface.public {
            put(&format!("ipv4-associations/{public}"), &private.to_string());
        }
    }
    if !interface.ipv6.is_empty() {
        put("ipv6s", &lines(&interface.ipv6));
    }
    if let Some(subnet) = world.cloud.subnets.get(&interface.subnet) {
        put("subnet-ipv4-cidr-block", &subnet.cidr.to_string());
        if let Some(cidr) = subnet.ipv6_cidr {
            put("subnet-ipv6-cidr-blocks", &cidr.to_string());
        }
    }
    if let Some(vpc) = world.cloud.vpcs.get(&interface.vpc) {
        put("vpc-ipv4-cidr-block", &vpc.cidrs.first().map(ToString::to_string).unwrap_or_default());
        put("vpc-ipv4-cidr-blocks", &lines(&vpc.cidrs));
        if !vpc.ipv6_cidrs.is_empty() {
            put("vpc-ipv6-cidr-blocks", &lines(&vpc.ipv6_cidrs));
        }
    }
}

/// What the instance and each of its interfaces have: names and addresses.
fn addresses(world: &World, interface: &Interface, start: &str, put: &mut impl FnMut(&str, &str)) {
    let region = &world.settings.region;
    let mut put = |path: &str, value: &str| put(&format!("{start}{path}"), value);
    if let Some(private) = interface.private.first() {
        put("local-hostname", &private_name(*private, region));
        if start.is_empty() {
            put("local-ipv4", &private.to_string());
            put("hostname", &private_name(*private, region));
        }
        if let Some(public) = interface.public.get(private) {
            let named = world.cloud.vpcs.get(&interface.vpc).is_some_and(|vpc| vpc.host_names);
            if named {
                put("public-hostname", &public_name(*public, region));
            }
            if start.is_empty() {
                put("public-ipv4", &public.to_string());
            }
        }
    }
    if let Some(ipv6) = interface.ipv6.first().filter(|_| start.is_empty()) {
        put("ipv6", &ipv6.to_string());
    }
}

fn credentials(
    world: &World,
    instance: &Instance,
    wall: SystemTime,
    put: &mut impl FnMut(&str, &str),
) {
    let identity = instance.access_key.as_ref().and_then(|key| world.identities.get(key));
    let (Some(role), Some(identity)) = (&instance.role, identity) else { return };
    let (updated, ends) = (clock::seconds(wall), clock::seconds(wall + CREDENTIALS_LAST));
    let account = &world.settings.account;
    let info = json!({
        "Code": "Success",
        "LastUpdated": updated,
        "InstanceProfileArn": format!("arn:aws:iam::{account}:instance-profile/{role}"),
        "InstanceProfileId": "AIPAEXAMPLEPROFILE00",
    });
    put("iam/info", &info.to_string());
    let credentials = json!({
        "Code": "Success",
        "LastUpdated": updated,
        "Type": "AWS-HMAC",
        "AccessKeyId": identity.access_key,
        "SecretAccessKey": identity.secret_key,
        "Token": identity.session_token,
        "Expiration": ends,
    });
    put(&format!("iam/security-credentials/{role}"), &credentials.to_string());
}

const CREDENTIALS_LAST: Duration = Duration::from_secs(6 * 3600);

fn document(world: &World, instance: &Instance, private: Option<&impl Display>) -> String {
    let document = json!({
        "accountId": world.settings.account,
        "architecture": "x86_64",
        "availabilityZone": instance.zone,
        "billingProducts": null,
        "devpayProductCodes": null,
        "marketplaceProductCodes": null,
        "imageId": IMAGE,
        "instanceId": instance.id,
        "instanceType": instance.kind,
        "kernelId": null,
        "pendingTime": clock::seconds(instance.launched),
        "privateIp": private.map(ToString::to_string),
        "ramdiskId": null,
        "region": world.settings.region,
        "version": "2017-09-30",
    });
    document.to_string()
}

fn group_names(world: &World, interface: &Interface) -> String {
    let names = interface.groups.iter().filter_map(|id| world.cloud.groups.get(id));
    lines(names.map(|group| &group.name))
}

fn lines<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join("\n")
}

/// What stands at a path: a value, or the names below it, those with more below them with a slash.
pub(super) fn at(tree: &Tree, path: &str) -> Option<String> {
    let path = path.trim_end_matches('/');
    if let Some(value) = tree.get(path) {
        return Some(value.clone());
    }
    let start = if path.is_empty() { String::new() } else { format!("{path}/") };
    let mut names: Vec<String> = Vec::new();
    for rest in tree.keys().filter_map(|key| key.strip_prefix(&start)) {
        let name = match rest.split_once('/') {
            // Roles and tags are leaves, and some keys of tags have slashes.
            Some((name, _)) => format!("{name}/"),
            None => rest.to_owned(),
        };
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| names.join("\n"))
}

/// Whether anybody would answer.
pub(super) fn is_there(world: &World, id: &str) -> bool {
    world.cloud.instances.get(id).is_some_and(|instance| instance.state != State::Terminated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_list() {
        let pairs = [("a/b", "1"), ("a/c/d", "2"), ("a/c/e", "3")];
        let tree = pairs.map(|(path, value)| (path.to_owned(), value.to_owned())).into();
        assert_eq!(at(&tree, "a/").as_deref(), Some("b\nc/"));
        assert_eq!(at(&tree, "a/c").as_deref(), Some("d\ne"));
        assert_eq!(at(&tree, "a/b").as_deref(), Some("1"));
        assert_eq!(at(&tree, "a/x"), None);
        assert_eq!(at(&tree, "a/b/c"), None);
    }
}
