//! Tags of resources.

use std::collections::BTreeMap;

use super::Cloud;
use crate::api::Call;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// By key.
pub type Tags = BTreeMap<String, String>;

/// As descriptions show them.
pub(super) fn set(tags: &Tags) -> Element {
    let tag = |(key, value)| Element::new("item").text("key", key).text("value", value);
    Element::new("tagSet").children(tags.iter().map(tag))
}

/// Those of a `TagSpecification` for a new resource of that kind.
pub(super) fn specified(parameters: &Parameters, kind: &str) -> Result<Tags, Problem> {
    let mut tags = Tags::new();
    for specification in parameters.structures("TagSpecification") {
        let given = specification.need("ResourceType")?;
        if given != kind {
            let message =
                format!("'{given}' is not a valid taggable resource type for this operation.");
            return Err(Problem::new("InvalidParameterValue", message));
        }
        for (key, value) in pairs(&specification)? {
            if tags.insert(key.clone(), value).is_some() {
                let message = format!("Duplicate tag key '{key}' specified.");
                return Err(Problem::new("InvalidParameterValue", message));
            }
        }
    }
    check(&tags)?;
    Ok(tags)
}

fn pairs(parameters: &Parameters) -> Result<Vec<(String, String)>, Problem> {
    let tags = parameters.structures("Tag");
    let pair = |tag: Parameters| {
        let value = tag.text("Value").unwrap_or_default().to_owned();
        Ok((tag.need("Key")?.to_owned(), value))
    };
    tags.into_iter().map(pair).collect()
}

fn check(tags: &Tags) -> Result<(), Problem> {
    if tags.len() > TAGS_MAX {
        let message = format!("The maximum number of tags for a resource is {TAGS_MAX}.");
        return Err(Problem::new("TagLimitExceeded", message));
    }
    for (key, value) in tags {
        if key.to_ascii_lowercase().starts_with("aws:") {
            let message = "Tag keys starting with 'aws:' are reserved for internal use";
            return Err(Problem::new("InvalidParameterValue", message));
        }
        if key.is_empty() || key.chars().count() > 127 || value.chars().count() > 255 {
            let message = format!("Tag key or value exceeds the maximum length: '{key}'");
            return Err(Problem::new("InvalidParameterValue", message));
        }
    }
    Ok(())
}

const TAGS_MAX: usize = 50;

/// CreateTags: sets tags of resources, all or none.
pub(super) fn create(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let pairs = pairs(&call.parameters)?;
    if pairs.is_empty() {
        return Err(Problem::missing(call.service, "Tag"));
    }
    change(&mut world.cloud, call, |tags| tags.extend(pairs.clone()))
}

/// DeleteTags: those keys, where the value is also given only with that value.
pub(super) fn delete(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let mut wanted = Vec::new();
    for tag in call.parameters.structures("Tag") {
        wanted.push((tag.need("Key")?.to_owned(), tag.text("Value").map(str::to_owned)));
    }
    change(&mut world.cloud, call, |tags| {
        tags.retain(|key, value| {
            !wanted
                .iter()
                .any(|(name, only)| name == key && only.as_ref().is_none_or(|it| it == value))
        });
    })
}

fn change(
    cloud: &mut Cloud,
    call: &Call,
    how: impl Fn(&mut Tags),
) -> Result<Vec<Element>, Problem> {
    let ids = call.parameters.list("ResourceId");
    if ids.is_empty() {
        return Err(Problem::missing(call.service, "ResourceId"));
    }
    for id in &ids {
        let mut tags = of(cloud, id)
            .ok_or_else(|| Problem::new("InvalidID", format_args!("The ID '{id}' is not valid")))?
            .clone();
        how(&mut tags);
        check(&tags)?;
    }
    for id in &ids {
        if let Some(tags) = of(cloud, id) {
            how(tags);
        }
    }
    Ok(vec![Element::of("return", true)])
}

/// The tags of a resource of any kind.
fn of<'a>(cloud: &'a mut Cloud, id: &str) -> Option<&'a mut Tags> {
    match id.split('-').next()? {
        "vpc" => cloud.vpcs.get_mut(id).map(|it| &mut it.tags),
        "subnet" => cloud.subnets.get_mut(id).map(|it| &mut it.tags),
        "eni" => cloud.interfaces.get_mut(id).map(|it| &mut it.tags),
        "i" => cloud.instances.get_mut(id).map(|it| &mut it.tags),
        "sg" => cloud.groups.get_mut(id).map(|it| &mut it.tags),
        "sgr" => {
            let mut rules = cloud.groups.values_mut().flat_map(|group| &mut group.rules);
            rules.find(|rule| rule.id == id).map(|rule| &mut rule.tags)
        }
        _ => None,
    }
}
