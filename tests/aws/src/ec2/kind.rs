//! Instance types.

use super::Tags;
use super::select::{Shown, select};
use crate::api::Call;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// What is told of a type.
struct Kind {
    name: &'static str,
    processors: u16,
    memory_mib: u32,
    /// Of the network.
    performance: &'static str,
    interfaces: u16,
    addresses: u16,
    /// Seconds after which an idle flow is forgotten: 350 on Nitro v6.
    established: u32,
    tags: Tags,
}

/// Some of all generations.
fn all() -> Vec<Kind> {
    let kind =
        |name, processors, memory_gib: u32, performance, interfaces, addresses, established| Kind {
            name,
            processors,
            memory_mib: memory_gib * 1024,
            performance,
            interfaces,
            addresses,
            established,
            tags: Tags::new(),
        };
    vec![
        kind("t3.micro", 2, 1, "Up to 5 Gigabit", 2, 2, DAYS),
        kind("c7i.large", 2, 4, "Up to 12.5 Gigabit", 3, 10, DAYS),
        kind("c7i.xlarge", 4, 8, "Up to 12.5 Gigabit", 4, 15, DAYS),
        kind("m7i.4xlarge", 16, 64, "Up to 12.5 Gigabit", 8, 30, DAYS),
        kind("c8i.large", 2, 4, "Up to 12.5 Gigabit", 3, 10, NITRO_V6),
        kind("c8i.xlarge", 4, 8, "Up to 12.5 Gigabit", 4, 15, NITRO_V6),
        kind("m8i.4xlarge", 16, 64, "Up to 15 Gigabit", 8, 30, NITRO_V6),
    ]
}

const DAYS: u32 = 432_000;
const NITRO_V6: u32 = 350;

/// The time-out of a type that nobody has set.
pub(super) fn established(name: &str) -> u32 {
    all().iter().find(|kind| kind.name == name).map_or(DAYS, |kind| kind.established)
}

impl Shown for Kind {
    const ID: (&'static str, &'static str) = ("InstanceType", "InvalidInstanceType");

    fn id(&self) -> &str {
        self.name
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn field(&self, name: &str) -> Option<Vec<String>> {
        (name == "instance-type").then(|| vec![self.name.to_owned()])
    }
}

/// DescribeInstanceTypes.
pub(super) fn describe(_: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let (kinds, next) = select(call, all(), (5, 100))?;
    let items = kinds.into_iter().map(|kind| {
        let tracking = Element::new("connectionTrackingConfiguration")
            .text("defaultTcpEstablishedTimeout", kind.established);
        let network = Element::new("networkInfo")
            .text("networkPerformance", kind.performance)
            .text("maximumNetworkInterfaces", kind.interfaces)
            .text("ipv4AddressesPerInterface", kind.addresses)
            .text("ipv6AddressesPerInterface", kind.addresses)
            .text("ipv6Supported", true)
            .text("enaSupport", "required")
            .child(tracking);
        Element::new("item")
            .text("instanceType", kind.name)
            .text("currentGeneration", true)
            .text("bareMetal", false)
            .text("hypervisor", "nitro")
            .child(Element::new("vCpuInfo").text("defaultVCpus", kind.processors))
            .child(Element::new("memoryInfo").text("sizeInMiB", kind.memory_mib))
            .child(network)
    });
    let mut answer = vec![Element::new("instanceTypeSet").children(items)];
    answer.extend(next.map(|next| Element::of("nextToken", next)));
    Ok(answer)
}
