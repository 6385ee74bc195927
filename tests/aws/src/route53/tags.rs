//! Tags of zones and of health checks.

use super::change::reply;
use super::input::{Input, document};
use super::names::Names;
use super::{status, zones};
use crate::api::Call;
use crate::http::Answer;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// ChangeTagsForResource: at least one to add or to remove.
pub(super) fn change(
    world: &mut World,
    call: &Call,
    kind: &str,
    id: &str,
) -> Result<Answer, Problem> {
    let document = document(&call.request.body)?;
    let root = Input::root(&document, "ChangeTagsForResourceRequest")?;
    let root = root.only(&["AddTags", "RemoveTagKeys"])?;
    exists(&world.names, kind, id)?;
    let tags = world.names.tags.entry((kind.to_owned(), id.to_owned())).or_default();
    let mut wanted = tags.clone();
    let removed = root.child("RemoveTagKeys").map(|list| list.items("Key")).transpose()?;
    let added = root.child("AddTags").map(|list| list.items("Tag")).transpose()?;
    for key in removed.iter().flatten() {
        wanted.remove(&key.own_text());
    }
    for tag in added.iter().flatten() {
        let tag = tag.only(&["Key", "Value"])?;
        let value = tag.text("Value").unwrap_or_default();
        if value.chars().count() > 256 {
            return Err(Problem::new("InvalidInput", "A tag value is too long."));
        }
        wanted.insert(tag.bounded("Key", 128)?, value);
    }
    if removed.is_none_or(|list| list.is_empty()) && added.is_none_or(|list| list.is_empty()) {
        let message = "At least one of [AddTags, RemoveTagKeys] must be given.";
        return Err(Problem::new("InvalidInput", message));
    }
    if wanted.len() > TAGS_MAX {
        let message = format!("More than {TAGS_MAX} tags for one resource.");
        return Err(Problem::new("InvalidInput", message));
    }
    *tags = wanted;
    Ok(reply(Element::new("ChangeTagsForResourceResponse")))
}

/// ListTagsForResource.
pub(super) fn list(world: &World, kind: &str, id: &str) -> Result<Answer, Problem> {
    exists(&world.names, kind, id)?;
    let set = set(&world.names, kind, id);
    Ok(reply(Element::new("ListTagsForResourceResponse").child(set)))
}

/// ListTagsForResources, of at most ten.
pub(super) fn list_many(world: &World, call: &Call, kind: &str) -> Result<Answer, Problem> {
    let document = document(&call.request.body)?;
    let root = Input::root(&document, "ListTagsForResourcesRequest")?;
    let ids = root.only(&["ResourceIds"])?.need("ResourceIds")?.items("ResourceId")?;
    if ids.is_empty() || ids.len() > 10 {
        let message = "ResourceIds must have between 1 and 10 elements.";
        return Err(Problem::new("InvalidInput", message));
    }
    let ids: Vec<_> = ids.into_iter().map(Input::own_text).collect();
    for id in &ids {
        exists(&world.names, kind, id)?;
    }
    let sets = ids.iter().map(|id| set(&world.names, kind, id));
    Ok(reply(Element::new("ListTagsForResourcesResponse").list("ResourceTagSets", sets)))
}

/// Of one resource.
const TAGS_MAX: usize = 50;

fn exists(names: &Names, kind: &str, id: &str) -> Result<(), Problem> {
    match kind {
        "healthcheck" => status::find(names, id).map(drop),
        "hostedzone" => zones::find(names, id).map(drop),
        _ => Err(Problem::new("InvalidInput", format_args!("Invalid resource type {kind}"))),
    }
}

fn set(names: &Names, kind: &str, id: &str) -> Element {
    let tags = names.tags.get(&(kind.to_owned(), id.to_owned()));
    let tags = tags.into_iter().flatten();
    let tags = tags.map(|(key, value)| Element::new("Tag").text("Key", key).text("Value", value));
    Element::new("ResourceTagSet")
        .text("ResourceType", kind)
        .text("ResourceId", id)
        .list("Tags", tags)
}
