//! Target groups.

use serde::{Deserialize, Serialize};

use super::Target;
use super::attributes::{TARGET_GROUP, defaults};
use crate::api::Call;
use crate::ec2::Tags;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// One target group of network balancers.
#[derive(Clone, Debug)]
pub struct TargetGroup {
    /// Its long name.
    pub arn: String,
    /// Unique in the region.
    pub name: String,
    /// `TCP`, `UDP`, `TCP_UDP`.
    pub protocol: String,
    /// Of targets that say nothing else.
    pub port: u16,
    /// Id of its network.
    pub vpc: String,
    /// `instance` or `ip`.
    pub kind: String,
    /// How targets are checked.
    pub check: Check,
    /// By key.
    pub attributes: Tags,
    /// By key.
    pub tags: Tags,
    /// In the order of their registration.
    pub targets: Vec<Target>,
}

/// How targets are checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Check {
    /// `TCP`, `HTTP`, `HTTPS`.
    pub protocol: String,
    /// `traffic-port` or a number.
    pub port: String,
    /// Of HTTP.
    pub path: Option<String>,
    /// Seconds.
    pub interval: u32,
    /// Seconds.
    pub timeout: u32,
    /// So many good ones.
    pub healthy: u32,
    /// So many bad ones.
    pub unhealthy: u32,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            protocol: "TCP".to_owned(),
            port: "traffic-port".to_owned(),
            path: None,
            interval: 30,
            timeout: 10,
            healthy: 5,
            unhealthy: 2,
        }
    }
}

/// What a target group is made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewTargetGroup {
    /// Unique in the region.
    pub name: String,
    /// Of targets that say nothing else.
    pub port: u16,
    /// `TCP` where nothing is said.
    pub protocol: String,
    /// By addresses, not by instances.
    pub ip: bool,
    /// How targets are checked.
    pub check: Check,
    /// By key.
    pub tags: Tags,
}

impl Default for NewTargetGroup {
    fn default() -> Self {
        Self {
            name: String::new(),
            port: 21,
            protocol: "TCP".to_owned(),
            ip: false,
            check: Check::default(),
            tags: Tags::new(),
        }
    }
}

impl TargetGroup {
    pub(super) fn element(&self, users: &[&str]) -> Element {
        Element::new("member")
            .text("TargetGroupArn", &self.arn)
            .text("TargetGroupName", &self.name)
            .text("Protocol", &self.protocol)
            .text("Port", self.port)
            .text("VpcId", &self.vpc)
            .text("HealthCheckProtocol", &self.check.protocol)
            .text("HealthCheckPort", &self.check.port)
            .text("HealthCheckEnabled", true)
            .text("HealthCheckIntervalSeconds", self.check.interval)
            .text("HealthCheckTimeoutSeconds", self.check.timeout)
            .text("HealthyThresholdCount", self.check.healthy)
            .text("UnhealthyThresholdCount", self.check.unhealthy)
            .maybe("HealthCheckPath", self.check.path.as_ref())
            .texts("LoadBalancerArns", "member", users)
            .text("TargetType", &self.kind)
            .text("IpAddressType", "ipv4")
    }
}

/// The check that a call wants in place of `old`.
fn check(given: &Parameters, old: &Check) -> Result<Check, Problem> {
    let number = |name: &str, old: u32, least: u32, most: u32| {
        let number = given.value::<u32>(name)?.unwrap_or(old);
        if (least..=most).contains(&number) {
            return Ok(number);
        }
        let message = format!("{name} must be between {least} and {most}");
        Err(Problem::new("ValidationError", message))
    };
    let text = |name: &str, old: &str| given.text(name).unwrap_or(old).to_owned();
    let check = Check {
        protocol: text("HealthCheckProtocol", &old.protocol),
        port: text("HealthCheckPort", &old.port),
        path: given.text("HealthCheckPath").map(str::to_owned).or_else(|| old.path.clone()),
        interval: number("HealthCheckIntervalSeconds", old.interval, 5, 300)?,
        timeout: number("HealthCheckTimeoutSeconds", old.timeout, 2, 120)?,
        healthy: number("HealthyThresholdCount", old.healthy, 2, 10)?,
        unhealthy: number("UnhealthyThresholdCount", old.unhealthy, 2, 10)?,
    };
    let good_port =
        check.port == "traffic-port" || check.port.parse::<u16>().is_ok_and(|it| it > 0);
    if !good_port || !["TCP", "HTTP", "HTTPS"].contains(&check.protocol.as_str()) {
        let message = format!("Health check by {} at {}", check.protocol, check.port);
        return Err(Problem::new("ValidationError", message));
    }
    if check.timeout > check.interval {
        let message = "Health check interval must be greater than or equal to the timeout";
        return Err(Problem::new("ValidationError", message));
    }
    Ok(check)
}

/// CreateTargetGroup.
pub(super) fn create(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let given = &call.parameters;
    let name = given.need("Name")?.to_owned();
    let letters = name.chars().all(|it| it.is_ascii_alphanumeric() || it == '-');
    if name.len() > 32 || !letters || name.starts_with('-') || name.ends_with('-') {
        let message = format!("Target group name '{name}' is not valid");
        return Err(Problem::new("ValidationError", message));
    }
    let protocol = given.need("Protocol")?.to_owned();
    if !["TCP", "UDP", "TCP_UDP"].contains(&protocol.as_str()) {
        let message = format!("Target group protocol '{protocol}' is not one of network balancers");
        return Err(Problem::new("ValidationError", message));
    }
    let port = given.value::<u16>("Port")?.filter(|port| *port > 0);
    let port = port.ok_or_else(|| Problem::new("ValidationError", "A port must be specified"))?;
    if !world.cloud.vpcs.contains_key(given.need("VpcId")?) {
        return Err(Problem::new("ValidationError", "The VPC ID is not found"));
    }
    let kind = given.text("TargetType").unwrap_or("instance");
    if !["instance", "ip"].contains(&kind) {
        return Err(Problem::new("ValidationError", format_args!("Target type '{kind}'")));
    }
    if world.balancers.target_groups.values().any(|group| group.name == name) {
        let message = format!("A target group with the same name '{name}' exists");
        return Err(Problem::new("DuplicateTargetGroupName", message));
    }
    let mut tags = Tags::new();
    for tag in given.structures("Tags") {
        tags.insert(tag.need("Key")?.to_owned(), tag.text("Value").unwrap_or_default().to_owned());
    }
    let ip = kind == "ip";
    let check = check(given, &Check::default())?;
    let arn = world.add_target_group(NewTargetGroup { name, port, protocol, ip, check, tags });
    let shown = world.balancers.target_group(&arn)?.element(&[]);
    Ok(vec![Element::new("TargetGroups").child(shown)])
}

/// ModifyTargetGroup: the health check.
pub(super) fn modify(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let arn = call.parameters.need("TargetGroupArn")?;
    let new = check(&call.parameters, &world.balancers.target_group(arn)?.check)?;
    if let Some(group) = world.balancers.target_groups.get_mut(arn) {
        group.check = new;
    }
    let shown = world.balancers.target_group(arn)?.element(&world.balancers.users(arn));
    Ok(vec![Element::new("TargetGroups").child(shown)])
}

/// DeleteTargetGroup; not while a listener uses it.
pub(super) fn delete(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let arn = call.parameters.need("TargetGroupArn")?;
    if !world.balancers.users(arn).is_empty() {
        let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
        return Err(Problem::new("ResourceInUse", message));
    }
    world.balancers.target_groups.remove(arn);
    Ok(Vec::new())
}

impl World {
    /// One more target group; its long name.
    pub fn add_target_group(&mut self, wanted: NewTargetGroup) -> String {
        let (region, account) = (&self.settings.region, &self.settings.account);
        let (name, id) = (&wanted.name, self.chance.hex(16));
        let mut attributes = defaults(&TARGET_GROUP);
        if wanted.ip && wanted.protocol == "TCP" {
            attributes.insert("preserve_client_ip.enabled".to_owned(), "false".to_owned());
        }
        let group = TargetGroup {
            arn: format!("arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{name}/{id}"),
            name: name.clone(),
            protocol: wanted.protocol,
            port: wanted.port,
            vpc: self.cloud.vpcs.keys().next().cloned().unwrap_or_default(),
            kind: if wanted.ip { "ip" } else { "instance" }.to_owned(),
            check: wanted.check,
            attributes,
            tags: wanted.tags,
            targets: Vec::new(),
        };
        let arn = group.arn.clone();
        self.balancers.target_groups.insert(arn.clone(), group);
        arn
    }
}
