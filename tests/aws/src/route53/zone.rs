//! A hosted zone.

use std::time::Instant;

use super::record::{Key, Record, Records, Routing};
use crate::xml::Element;

/// One zone: what the API shows, and what the name servers answer with.
#[derive(Clone, Debug)]
pub struct Zone {
    /// As `Z0123456789ABCDEFGHIJ`.
    pub id: String,
    /// With the final dot.
    pub name: String,
    /// In the order of lists.
    pub records: Records,
    /// As of the last change that has spread.
    pub published: Records,
    /// An earlier change has not spread before then.
    pub busy_until: Option<Instant>,
}

impl Zone {
    /// One with nothing but the records that each has.
    pub(super) fn new(id: String, name: String) -> Self {
        let own = |kind: &str, ttl, values: &[&str]| Record {
            name: name.clone(),
            kind: kind.to_owned(),
            identifier: None,
            routing: Routing::Simple,
            ttl: Some(ttl),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            alias: None,
            check: None,
        };
        let servers = ["ns-1.awsdns-00.com.", "ns-2.awsdns-01.net."];
        let start = "ns-1.awsdns-00.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400";
        let records = [own("NS", 172_800, &servers), own("SOA", 900, &[start])];
        let records: Records = records.into_iter().map(|record| (record.key(), record)).collect();
        Self { id, name, published: records.clone(), records, busy_until: None }
    }

    /// Puts a record there as if it had always been there; none of the rules are looked at.
    pub fn put(&mut self, record: Record) {
        self.records.insert(record.key(), record.clone());
        self.published.insert(record.key(), record);
    }

    /// All records of a name, or of a name and a kind, in the order of lists.
    pub fn of(&self, name: &str, kind: &str) -> Vec<&Record> {
        let wanted = |key: &Key| key.name == name && key.kind == kind;
        self.records.iter().filter(|(key, _)| wanted(key)).map(|(_, record)| record).collect()
    }

    pub(super) fn element(&self) -> Element {
        Element::new("HostedZone")
            .text("Id", format_args!("/hostedzone/{}", self.id))
            .text("Name", &self.name)
            .text("CallerReference", format_args!("fake-{}", self.id))
            .child(Element::new("Config").text("PrivateZone", false))
            .text("ResourceRecordSetCount", self.records.len())
    }
}
