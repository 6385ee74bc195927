//! The values of records.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::name;
use super::record::Record;
use crate::problem::Problem;

/// Whether the values are of the kind of the record.
pub(super) fn check(record: &Record) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    for value in &record.values {
        let wrong = match record.kind.as_str() {
            "A" if value.parse::<Ipv4Addr>().is_err() => {
                Some("ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)")
            }
            "AAAA" if value.parse::<Ipv6Addr>().is_err() => {
                Some("AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)")
            }
            "CNAME" | "NS" | "PTR" if name::normal(value).is_err() => {
                Some("DomainNameInvalid (Value is not a valid domain name)")
            }
            "TXT" | "SPF" if !is_quoted(value) => {
                Some("InvalidCharacterString (Value should be enclosed in quotation marks)")
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            let message = format!(
                "[Invalid Resource Record: 'FATAL problem: {wrong} encountered with '{value}'']"
            );
            return Err(Problem::new("InvalidChangeBatch", message));
        }
        if !seen.insert(value) {
            let message = format!("[Duplicate Resource Record: '{value}']");
            return Err(Problem::new("InvalidChangeBatch", message));
        }
    }
    if record.kind == "CNAME" && record.values.len() > 1 {
        let message = format!("[CNAME {} must have exactly one value]", record.title());
        return Err(Problem::new("InvalidChangeBatch", message));
    }
    Ok(())
}

/// One or more strings of at most 255 characters.
fn is_quoted(value: &str) -> bool {
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inner.is_some_and(|inner| inner.split("\" \"").all(|part| part.len() <= 255))
}
