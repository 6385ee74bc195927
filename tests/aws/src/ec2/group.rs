//! Security groups and their rules.

use ipnet::{Ipv4Net, Ipv6Net};

use super::permission::is_allowed;
use super::{Cloud, Tags, tags};
use crate::api::Call;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// One group.
#[derive(Clone, Debug)]
pub struct Group {
    /// As `sg-0123456789abcdef0`.
    pub id: String,
    /// Unique in its network.
    pub name: String,
    /// Any text.
    pub description: String,
    /// Id of its network.
    pub vpc: String,
    /// By key.
    pub tags: Tags,
    /// In the order in which they were made.
    pub rules: Vec<Rule>,
}

/// One rule: what may come from one source, or go to one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// As `sgr-0123456789abcdef0`.
    pub id: String,
    /// For what goes out.
    pub egress: bool,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub protocol: String,
    /// First and last port, or kind and code of ICMP; none where the protocol has no ports.
    pub ports: Option<(i32, i32)>,
    /// From where, or to where.
    pub source: Source,
    /// Not a part of what makes a rule unique.
    pub description: Option<String>,
    /// By key.
    pub tags: Tags,
}

/// Where something comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Addresses, in canonical form.
    V4(Ipv4Net),
    /// Likewise.
    V6(Ipv6Net),
    /// All addresses of a managed list, by its id.
    List(String),
    /// All interfaces that have this group, by its id.
    Group(String),
}

impl Rule {
    /// Whether it is the same rule, whatever is said about it.
    pub fn is_same(&self, other: &Self) -> bool {
        self.egress == other.egress
            && self.protocol == other.protocol
            && self.ports == other.ports
            && self.source == other.source
    }
}

/// The group of an id.
pub(super) fn find<'a>(cloud: &'a Cloud, id: &str) -> Result<&'a Group, Problem> {
    let hex = id.strip_prefix("sg-").unwrap_or_default();
    if ![8, 17].contains(&hex.len()) || !hex.chars().all(|it| it.is_ascii_hexdigit()) {
        let message = format!("Invalid id: \"{id}\" (expecting \"sg-...\")");
        return Err(Problem::new("InvalidGroupId.Malformed", message));
    }
    cloud.groups.get(id).ok_or_else(|| {
        let message = format!("The security group '{id}' does not exist");
        Problem::new("InvalidGroup.NotFound", message)
    })
}

/// CreateSecurityGroup.
pub(super) fn create(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let given = &call.parameters;
    let (name, description) = (given.need("GroupName")?, given.need("GroupDescription")?);
    for (what, text) in [("GroupName", name), ("GroupDescription", description)] {
        if text.is_empty() || text.chars().count() > 255 || !text.chars().all(is_allowed) {
            let message = format!(
                "Value ({text}) for parameter {what} is invalid. Character sets beyond ASCII are not \
                 supported."
            );
            return Err(Problem::new("InvalidParameterValue", message));
        }
    }
    if name.starts_with("sg-") {
        let message = format!(
            "Value ({name}) for parameter GroupName is invalid. It may not start with sg-."
        );
        return Err(Problem::new("InvalidParameterValue", message));
    }
    let vpc = match given.text("VpcId") {
        Some(id) => world.cloud.vpcs.get(id).ok_or_else(|| {
            Problem::new("InvalidVpcID.NotFound", format_args!("The vpc ID '{id}' does not exist"))
        })?,
        None => world
            .cloud
            .vpcs
            .values()
            .find(|vpc| vpc.default)
            .ok_or_else(|| Problem::new("VPCIdNotSpecified", "No default VPC for this user"))?,
    };
    let vpc = vpc.id.clone();
    if name == "default" {
        let message = "Cannot use reserved security group name: default";
        return Err(Problem::new("InvalidParameterValue", message));
    }
    if world.cloud.groups.values().any(|group| group.vpc == vpc && group.name == name) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
        return Err(Problem::new("InvalidGroup.Duplicate", message));
    }
    if world.cloud.groups.len() >= GROUPS_MAX {
        let message = "The maximum number of security groups has been reached.";
        return Err(Problem::new("SecurityGroupLimitExceeded", message));
    }
    let given = tags::specified(given, "security-group")?;
    let id = world.cloud.add_group(&mut world.chance, &vpc, name, description);
    let shown = tags::set(&given);
    if let Some(group) = world.cloud.groups.get_mut(&id) {
        group.tags = given;
    }
    let arn = world.group_arn(&id);
    Ok(vec![Element::of("groupId", id), shown, Element::of("securityGroupArn", arn)])
}

/// Of a region.
const GROUPS_MAX: usize = 2500;

/// DeleteSecurityGroup; not while an interface has it or a rule names it.
pub(super) fn delete(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let group = find(&world.cloud, call.parameters.need("GroupId")?)?;
    let id = group.id.clone();
    if group.name == "default" {
        let message =
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(Problem::new("CannotDelete", message));
    }
    let others = world.cloud.groups.values().filter(|group| group.id != id);
    let named =
        others.flat_map(|group| &group.rules).any(|rule| rule.source == Source::Group(id.clone()));
    if named || world.cloud.interfaces.values().any(|interface| interface.groups.contains(&id)) {
        let message = format!("resource {id} has a dependent object");
        return Err(Problem::new("DependencyViolation", message));
    }
    world.cloud.groups.remove(&id);
    Ok(vec![Element::of("return", true), Element::of("groupId", id)])
}
