//! Listeners.

use super::attributes::{LISTENER, defaults};
use crate::api::Call;
use crate::ec2::Tags;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// One listener of a network balancer: a port, no range.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its long name.
    pub arn: String,
    /// Long name of its balancer.
    pub balancer: String,
    /// Where clients connect.
    pub port: u16,
    /// `TCP`, `TLS`, `UDP`, `TCP_UDP`.
    pub protocol: String,
    /// Long name of where it sends them.
    pub target_group: String,
    /// By key; none but those of TCP.
    pub attributes: Tags,
    /// By key.
    pub tags: Tags,
}

impl Listener {
    pub(super) fn element(&self) -> Element {
        let group =
            Element::new("member").text("TargetGroupArn", &self.target_group).text("Weight", 1);
        let action = Element::new("member")
            .text("Type", "forward")
            .text("TargetGroupArn", &self.target_group)
            .text("Order", 1)
            .child(Element::new("ForwardConfig").list("TargetGroups", [group]));
        Element::new("member")
            .text("ListenerArn", &self.arn)
            .text("LoadBalancerArn", &self.balancer)
            .text("Port", self.port)
            .text("Protocol", &self.protocol)
            .list("DefaultActions", [action])
    }
}

/// CreateListener: at most fifty, each port once.
pub(super) fn create(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let given = &call.parameters;
    let balancer = world.balancers.balancer(given.need("LoadBalancerArn")?)?.arn.clone();
    let protocol = given.need("Protocol")?.to_owned();
    let port = given.value::<u16>("Port")?.filter(|port| *port > 0);
    let port = port.ok_or_else(|| Problem::new("ValidationError", "A port is 1 to 65535"))?;
    if ["HTTP", "HTTPS"].contains(&protocol.as_str()) {
        let message =
            format!("Listener protocol '{protocol}' is not supported by network balancers");
        return Err(Problem::new("InvalidConfigurationRequest", message));
    }
    if !["TCP", "TLS", "UDP", "TCP_UDP"].contains(&protocol.as_str()) {
        return Err(Problem::new("ValidationError", format_args!("Protocol '{protocol}'")));
    }
    if protocol == "TLS" && given.structures("Certificates").is_empty() {
        let message = "A certificate must be specified for TLS listeners";
        return Err(Problem::new("CertificateNotFound", message));
    }
    for certificate in given.structures("Certificates") {
        certificate.need("CertificateArn")?;
    }
    let [action] = &*given.structures("DefaultActions") else {
        return Err(Problem::new("ValidationError", "There must be one default action"));
    };
    if action.need("Type")? != "forward" {
        let message = "Network balancers can only forward";
        return Err(Problem::new("InvalidLoadBalancerAction", message));
    }
    let target_group = action.need("TargetGroupArn")?;
    let group = world.balancers.target_group(target_group)?;
    let fitting = group.protocol == protocol || (protocol == "TLS" && group.protocol == "TCP");
    if !fitting {
        let message = format!(
            "The protocol '{}' of the target group does not fit the listener protocol '{protocol}'",
            group.protocol
        );
        return Err(Problem::new("IncompatibleProtocols", message));
    }
    let target_group = group.arn.clone();
    let listener = world.new_listener(&balancer, port, &protocol, &target_group)?;
    let shown = world.balancers.listener(&listener)?.element();
    Ok(vec![Element::new("Listeners").child(shown)])
}

/// DeleteListener; one that is not there is gone as well.
pub(super) fn delete(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let arn = call.parameters.need("ListenerArn")?;
    world.balancers.listener(arn)?;
    world.balancers.listeners.remove(arn);
    Ok(Vec::new())
}

/// Of one balancer; it can not be raised.
const LISTENERS_MAX: usize = 50;

impl World {
    /// One more listener; its long name.
    ///
    /// # Errors
    /// The port is taken, or there are fifty.
    pub fn new_listener(
        &mut self,
        balancer: &str,
        port: u16,
        protocol: &str,
        target_group: &str,
    ) -> Result<String, Problem> {
        let own = self.balancers.listeners.values().filter(|it| it.balancer == balancer);
        if own.clone().any(|listener| listener.port == port) {
            let message = format!(
                "A listener already exists on this port for this load balancer '{balancer}'"
            );
            return Err(Problem::new("DuplicateListener", message));
        }
        if own.count() >= LISTENERS_MAX {
            let message = format!(
                "The maximum number of listeners for load balancer '{balancer}' has been reached"
            );
            return Err(Problem::new("TooManyListeners", message));
        }
        let id = self.chance.hex(16);
        let listener = Listener {
            arn: format!("{}/{id}", balancer.replacen(":loadbalancer/", ":listener/", 1)),
            balancer: balancer.to_owned(),
            port,
            protocol: protocol.to_owned(),
            target_group: target_group.to_owned(),
            attributes: if protocol == "TCP" { defaults(&LISTENER) } else { Tags::new() },
            tags: Tags::new(),
        };
        let arn = listener.arn.clone();
        self.balancers.listeners.insert(arn.clone(), listener);
        Ok(arn)
    }
}
