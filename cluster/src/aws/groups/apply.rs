//! One change, done.

use aws_sdk_ec2::types::{
    IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroupRuleRequest,
    SecurityGroupRuleUpdate, Tag, TagSpecification, UserIdGroupPair,
};

use super::{Groups, filter};
use crate::aws::Trouble;
use crate::aws::failure::Judged;
use crate::group::{
    Add, Attach, Change, Create, KIND_TAG, Modify, POOL_TAG, Place, Reach, Remove, Source,
};

impl Groups {
    /// Does one change, or asks whether it would be permitted. What is there already, or gone already, is success.
    ///
    /// # Errors
    /// It failed, or may have. A change in a group that the same plan makes is [`Trouble::Missing`] as long as AWS
    /// does not show the group, in a dry run always.
    pub async fn apply(&self, change: &Change, dry_run: bool) -> Result<(), Trouble> {
        let done = match change {
            Change::Create(create) => self.create(create, dry_run).await,
            Change::CloseOutbound { place } => self.close_outbound(place, dry_run).await,
            Change::Add(add) => self.add(add, dry_run).await,
            Change::Modify(modify) => self.modify(modify, dry_run).await,
            Change::Attach(attach) => self.attach(attach, dry_run).await,
            Change::Remove(remove) => self.remove(remove, dry_run).await,
        };
        match done {
            Err(Trouble::DryRun) if dry_run => Ok(()),
            done => done,
        }
    }

    async fn create(&self, create: &Create, dry_run: bool) -> Result<(), Trouble> {
        let tags = [(POOL_TAG, create.pool.as_str()), (KIND_TAG, create.kind.as_str())];
        let call = self.client.create_security_group();
        let call = call.group_name(&create.name).vpc_id(&create.vpc);
        let call = call.description(create.description());
        let call = call.tag_specifications(tagged(ResourceType::SecurityGroup, &tags));
        let answer = call.dry_run(dry_run).send().await;
        unless_duplicate(answer.judged("ec2:CreateSecurityGroup"))
    }

    /// By what the rules are, as their ids are not known: AWS has put one for IPv4 into the new group, and one for
    /// IPv6 where the VPC has that. One call each, as one that finds nothing fails as a whole; in the default VPC it
    /// says nothing instead.
    async fn close_outbound(&self, place: &Place, dry_run: bool) -> Result<(), Trouble> {
        let id = self.id(place).await?;
        let v4 = IpRange::builder().cidr_ip("0.0.0.0/0").build();
        let v6 = Ipv6Range::builder().cidr_ipv6("::/0").build();
        let every = || IpPermission::builder().ip_protocol("-1");
        for permission in [every().ip_ranges(v4), every().ipv6_ranges(v6)] {
            let call = self.client.revoke_security_group_egress().group_id(&id);
            let answer = call.ip_permissions(permission.build()).dry_run(dry_run).send().await;
            let action = "ec2:RevokeSecurityGroupEgress";
            unless_missing(answer.judged(action))?;
        }
        Ok(())
    }

    async fn add(&self, add: &Add, dry_run: bool) -> Result<(), Trouble> {
        let id = self.id(&add.place).await?;
        let permission = self.permission(&add.reach, &add.description).await?;
        let tags = tagged(ResourceType::SecurityGroupRule, &[(POOL_TAG, &add.pool)]);
        let call = self.client.authorize_security_group_ingress().group_id(id);
        let call = call.ip_permissions(permission).tag_specifications(tags);
        let answer = call.dry_run(dry_run).send().await;
        let action = "ec2:AuthorizeSecurityGroupIngress";
        unless_duplicate(answer.judged(action))
    }

    /// A rule that is gone is an error: what it was to become is not there.
    async fn modify(&self, modify: &Modify, dry_run: bool) -> Result<(), Trouble> {
        let request = self.request(&modify.to, &modify.description).await?;
        let update = SecurityGroupRuleUpdate::builder().security_group_rule_id(&modify.rule);
        let call = self.client.modify_security_group_rules().group_id(&modify.group);
        let call = call.security_group_rules(update.security_group_rule(request).build());
        let answer = call.dry_run(dry_run).send().await;
        let action = "ec2:ModifySecurityGroupRules";
        unless_duplicate(answer.judged(action))
    }

    async fn attach(&self, attach: &Attach, dry_run: bool) -> Result<(), Trouble> {
        let mut ids = Vec::new();
        for place in &attach.groups {
            ids.push(self.id(place).await?);
        }
        let call = self.client.modify_network_interface_attribute();
        let call = call.network_interface_id(&attach.interface).set_groups(Some(ids));
        let answer = call.dry_run(dry_run).send().await;
        let action = "ec2:ModifyNetworkInterfaceAttribute";
        answer.map(|_| ()).judged(action)
    }

    async fn remove(&self, remove: &Remove, dry_run: bool) -> Result<(), Trouble> {
        let call = self.client.revoke_security_group_ingress().group_id(&remove.group);
        let call = call.security_group_rule_ids(&remove.rule);
        let answer = call.dry_run(dry_run).send().await;
        let action = "ec2:RevokeSecurityGroupIngress";
        unless_missing(answer.judged(action))
    }

    /// The id of a group; that of a new one is looked up by its name.
    async fn id(&self, place: &Place) -> Result<String, Trouble> {
        let (name, vpc) = match place {
            Place::Id(id) => return Ok(id.clone()),
            Place::New { name, vpc } => (name, vpc),
        };
        let call = self.client.describe_security_groups();
        let call = call.filters(filter("group-name", std::slice::from_ref(name)));
        let call = call.filters(filter("vpc-id", std::slice::from_ref(vpc)));
        let answer = call.send().await;
        let answer = answer.judged("ec2:DescribeSecurityGroups")?;
        let found = answer.security_groups().first().and_then(|group| group.group_id());
        found
            .map(ToOwned::to_owned)
            .ok_or_else(|| Trouble::Missing(format!("{name} is not shown in {vpc} yet")))
    }

    async fn permission(&self, reach: &Reach, description: &str) -> Result<IpPermission, Trouble> {
        let permission = IpPermission::builder()
            .ip_protocol(reach.protocol.as_str())
            .from_port(i32::from(reach.ports.first()))
            .to_port(i32::from(reach.ports.last()));
        Ok(match &reach.source {
            Source::Network(network) if network.addr().is_ipv4() => {
                let range = IpRange::builder().cidr_ip(network.to_string());
                permission.ip_ranges(range.description(description).build())
            }
            Source::Network(network) => {
                let range = Ipv6Range::builder().cidr_ipv6(network.to_string());
                permission.ipv6_ranges(range.description(description).build())
            }
            Source::List(id) => {
                let list = PrefixListId::builder().prefix_list_id(id);
                permission.prefix_list_ids(list.description(description).build())
            }
            Source::Group(place) => {
                let group = UserIdGroupPair::builder().group_id(self.id(place).await?);
                permission.user_id_group_pairs(group.description(description).build())
            }
        }
        .build())
    }

    async fn request(
        &self,
        reach: &Reach,
        description: &str,
    ) -> Result<SecurityGroupRuleRequest, Trouble> {
        let request = SecurityGroupRuleRequest::builder()
            .ip_protocol(reach.protocol.as_str())
            .from_port(i32::from(reach.ports.first()))
            .to_port(i32::from(reach.ports.last()))
            .description(description);
        Ok(match &reach.source {
            Source::Network(network) if network.addr().is_ipv4() => {
                request.cidr_ipv4(network.to_string())
            }
            Source::Network(network) => request.cidr_ipv6(network.to_string()),
            Source::List(id) => request.prefix_list_id(id),
            Source::Group(place) => request.referenced_group_id(self.id(place).await?),
        }
        .build())
    }
}

fn tagged(kind: ResourceType, tags: &[(&str, &str)]) -> TagSpecification {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build());
    TagSpecification::builder().resource_type(kind).set_tags(Some(tags.collect())).build()
}

fn unless_duplicate<T>(answer: Result<T, Trouble>) -> Result<(), Trouble> {
    match answer {
        Ok(_) | Err(Trouble::Duplicate(_)) => Ok(()),
        Err(trouble) => Err(trouble),
    }
}

/// In a dry run permission is all that was asked for.
fn unless_missing<T>(answer: Result<T, Trouble>) -> Result<(), Trouble> {
    match answer {
        Ok(_) | Err(Trouble::Missing(_) | Trouble::DryRun) => Ok(()),
        Err(trouble) => Err(trouble),
    }
}
