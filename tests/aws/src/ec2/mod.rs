//! EC2: networks, interfaces, instances, security groups.

mod cloud;
mod group;
mod instance;
mod interface;
mod network;
mod tags;

pub use self::cloud::Cloud;
pub use self::group::{Group, Rule, Source};
pub use self::instance::{Instance, NewInstance, Spot, State};
pub use self::interface::Interface;
pub(crate) use self::interface::{private_name, public_name};
pub(crate) use self::network::zone_id;
pub use self::network::{Subnet, Vpc};
pub use self::tags::Tags;
