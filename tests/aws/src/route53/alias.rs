//! The targets of aliases.

use std::collections::BTreeMap;

use super::name;
use super::record::{Alias, Record, Records};
use super::zone::Zone;
use crate::problem::Problem;

/// Whether the target of an alias is there; `records` are those of the zone of the alias as the batch leaves them.
pub(super) fn check(
    record: &Record,
    alias: &Alias,
    own: &str,
    records: &Records,
    zones: &BTreeMap<String, Zone>,
    balancers: &[(String, String)],
) -> Result<(), Problem> {
    let target = format!(
        "[Tried to create an alias that targets {}, type {} in zone {}, ",
        alias.name, record.kind, alias.zone
    );
    let refuse = |why: &str| Err(Problem::new("InvalidChangeBatch", format!("{target}{why}]")));
    if balancers.iter().any(|(zone, _)| *zone == alias.zone) {
        let known = balancers.iter().any(|(zone, name)| *zone == alias.zone && *name == alias.name);
        return if known { Ok(()) } else { refuse("but that target was not found") };
    }
    let Some(zone) = zones.get(&alias.zone) else {
        let why = "but the alias target zone is not a known zone";
        return refuse(why);
    };
    if !name::lies_in(&alias.name, &zone.name) {
        return refuse("but the alias target name does not lie within the target zone");
    }
    if alias.zone != own {
        return refuse("but the alias target zone is not the zone of the record");
    }
    if alias.name == record.name {
        return refuse("but the alias targets itself");
    }
    let found = records.values().any(|known| known.name == alias.name && known.kind == record.kind);
    if found { Ok(()) } else { refuse("but that target was not found") }
}
