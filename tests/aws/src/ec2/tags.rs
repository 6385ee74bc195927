//! Tags of resources.

use std::collections::BTreeMap;

/// By key.
pub type Tags = BTreeMap<String, String>;
