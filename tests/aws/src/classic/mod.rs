//! Classic balancers (ELB version 1): what there is of them, their attributes, their instances.

mod actions;
mod attributes;
mod balancer;
mod describe;
mod instances;

use std::collections::BTreeMap;

pub(crate) use self::actions::action;
pub use self::balancer::{Classic, Port};
use crate::problem::Problem;

/// All classic balancers, by name.
pub type Classics = BTreeMap<String, Classic>;

/// The balancer of a name.
fn find<'a>(classics: &'a Classics, name: &str) -> Result<&'a Classic, Problem> {
    let message = format!("There is no ACTIVE Load Balancer named '{name}'");
    classics.get(name).ok_or_else(|| Problem::new("LoadBalancerNotFound", message))
}
