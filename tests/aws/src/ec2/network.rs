//! Networks and their parts.

use ipnet::{Ipv4Net, Ipv6Net};

use super::Tags;

/// A network (VPC).
#[derive(Clone, Debug)]
pub struct Vpc {
    /// As `vpc-0123456789abcdef0`.
    pub id: String,
    /// The first one is the oldest.
    pub cidrs: Vec<Ipv4Net>,
    /// Often none.
    pub ipv6_cidrs: Vec<Ipv6Net>,
    /// The one that an account has from the start; revoking a rule that is not there succeeds in it.
    pub default: bool,
    /// Whether instances have public names.
    pub host_names: bool,
    /// By key.
    pub tags: Tags,
}

/// A part of a network, in one zone.
#[derive(Clone, Debug)]
pub struct Subnet {
    /// As `subnet-0123456789abcdef0`.
    pub id: String,
    /// Id of its network.
    pub vpc: String,
    /// Where.
    pub cidr: Ipv4Net,
    /// Often none.
    pub ipv6_cidr: Option<Ipv6Net>,
    /// As `eu-central-1a`.
    pub zone: String,
    /// By key.
    pub tags: Tags,
}

/// The id of a zone, which is the same in all accounts: `euc1-az2` of `eu-central-1a`.
pub(crate) fn zone_id(zone: &str) -> String {
    let letter = zone.chars().last().unwrap_or('a');
    let region: Vec<_> = zone.trim_end_matches(letter).split('-').collect();
    let short = match region.as_slice() {
        [part, side, number] => {
            format!("{part}{}{number}", side.get(..1).unwrap_or_default())
        }
        _ => zone.to_owned(),
    };
    // In this account, a is 2, b is 3 and c is 1.
    let number = match letter {
        'a' => 2,
        'b' => 3,
        'c' => 1,
        _ => 4,
    };
    format!("{short}-az{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_ids() {
        assert_eq!(zone_id("eu-central-1a"), "euc1-az2");
        assert_eq!(zone_id("us-east-1c"), "use1-az1");
    }
}
