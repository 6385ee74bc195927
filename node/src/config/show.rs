//! `config show`: the values in force, as a file that would set them, or as JSON.

use std::fmt::Write as _;

use serde_json::json;

use super::key::Key;
use super::origins::{Origins, Setting};

/// As TOML; with `with_origin` each value says where it comes from.
pub fn toml(origins: &Origins, with_origin: bool) -> String {
    let mut text = String::new();
    section_wise(&mut text, origins.settings(), with_origin, "[", "]");
    for host in origins.hosts() {
        section_wise(&mut text, host, with_origin, "[[", "]]");
    }
    text
}

/// As JSON: a list of key, value and origin, the keys of a `[[host]]` with its number.
pub fn json(origins: &Origins) -> serde_json::Value {
    let item = |name: String, setting: Setting| {
        json!({
            "key": name,
            "value": setting.value,
            "origin": setting.origin.to_string(),
        })
    };
    let server = origins.settings().map(|(key, setting)| item(key.name.to_owned(), setting));
    let hosts = origins.hosts().enumerate().flat_map(|(index, host)| {
        host.map(move |(key, setting)| item(format!("host[{index}].{}", key.field()), setting))
    });
    server.chain(hosts).collect()
}

fn section_wise(
    text: &mut String,
    settings: impl Iterator<Item = (&'static Key, Setting)>,
    with_origin: bool,
    open: &str,
    close: &str,
) {
    let mut section = "";
    for (key, setting) in settings {
        if key.section() != section {
            section = key.section();
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}{open}{section}{close}");
        }
        let _ = write!(text, "{} = {}", key.field(), setting.value);
        if with_origin {
            let _ = write!(text, "  # {}", setting.origin);
        }
        text.push('\n');
    }
}
