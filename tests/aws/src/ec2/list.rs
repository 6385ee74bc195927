//! Managed lists of addresses.

use super::select::{Shown, select};
use super::{Tags, tags};
use crate::api::Call;
use crate::chance::Chance;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// A list that AWS keeps up to date.
#[derive(Clone, Debug)]
pub struct List {
    /// As `pl-0123456789abcdef0`.
    pub id: String,
    /// As `com.amazonaws.eu-central-1.route53-healthchecks`.
    pub name: String,
    /// Of which family its addresses are.
    pub ipv6: bool,
    /// A rule that names it counts as so many.
    pub weight: u32,
    /// AWS gives them none.
    pub tags: Tags,
}

impl List {
    /// Those that matter here, with their weights ("Work with AWS-managed prefix lists" in the guide of VPC).
    pub(super) fn managed(chance: &mut Chance, region: &str) -> Vec<Self> {
        let lists = [
            ("route53-healthchecks", false, 25),
            ("ipv6.route53-healthchecks", true, 25),
            ("s3", false, 1),
        ];
        let list = |(name, ipv6, weight): (&str, bool, u32)| Self {
            id: format!("pl-{}", chance.hex(17)),
            name: format!("com.amazonaws.{region}.{name}"),
            ipv6,
            weight,
            tags: Tags::new(),
        };
        lists.into_iter().map(list).collect()
    }
}

impl Shown for &List {
    const ID: (&'static str, &'static str) = ("PrefixListId", "InvalidPrefixListID.NotFound");

    fn id(&self) -> &str {
        &self.id
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn field(&self, name: &str) -> Option<Vec<String>> {
        Some(match name {
            "prefix-list-id" => vec![self.id.clone()],
            "prefix-list-name" => vec![self.name.clone()],
            "owner-id" => vec!["AWS".to_owned()],
            _ => return None,
        })
    }
}

/// DescribeManagedPrefixLists.
pub(super) fn describe(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let (lists, next) = select(call, world.cloud.lists.values(), (1, 100))?;
    let region = &world.settings.region;
    let items = lists.into_iter().map(|list| {
        let name = &list.id;
        Element::new("item")
            .text("prefixListId", name)
            .text("prefixListName", &list.name)
            .text("addressFamily", if list.ipv6 { "IPv6" } else { "IPv4" })
            .text("state", "create-complete")
            .text("prefixListArn", format_args!("arn:aws:ec2:{region}:aws:prefix-list/{name}"))
            .text("ownerId", "AWS")
            .child(tags::set(&list.tags))
    });
    let mut answer = vec![Element::new("prefixListSet").children(items)];
    answer.extend(next.map(|next| Element::of("nextToken", next)));
    Ok(answer)
}
