//! EC2: networks, interfaces, instances, security groups.

mod acl;
mod action;
mod attribute;
mod authorize;
mod cloud;
mod describe;
mod group;
mod instance;
mod interface;
mod kind;
mod list;
mod modify;
mod network;
mod permission;
mod quota;
mod revoke;
mod select;
mod show;
mod tags;

pub use self::acl::{Acl, AclEntry};
pub(crate) use self::action::action;
pub use self::cloud::Cloud;
pub use self::group::{Group, Rule, Source};
pub use self::instance::{Instance, NewInstance, Spot, State};
pub use self::interface::Interface;
pub(crate) use self::interface::{private_name, public_name};
pub use self::list::List;
pub(crate) use self::network::zone_id;
pub use self::network::{Subnet, Vpc};
pub use self::tags::Tags;
