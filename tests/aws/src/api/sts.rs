//! Who am I (STS, GetCallerIdentity).

use super::Call;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// The one action.
pub(super) fn caller(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    Ok(vec![
        Element::of("Arn", &call.identity.arn),
        Element::of("UserId", &call.identity.access_key),
        Element::of("Account", &world.settings.account),
    ])
}
