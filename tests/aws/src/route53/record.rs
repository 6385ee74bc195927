//! A record set.

use std::collections::BTreeMap;

use serde::Serialize;

use super::name;
use crate::xml::Element;

/// What a record set is found by, in the order of lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    order: Vec<String>,
    /// As `ftp.example.com.`.
    pub name: String,
    /// As `A`.
    pub kind: String,
    /// Of all kinds of routing except the simple one.
    pub identifier: Option<String>,
}

impl Key {
    /// Of a name that has its normal form.
    pub fn new(name: &str, kind: &str, identifier: Option<&str>) -> Self {
        Self {
            order: name::order(name),
            name: name.to_owned(),
            kind: kind.to_owned(),
            identifier: identifier.map(str::to_owned),
        }
    }
}

/// Records in the order of lists.
pub(crate) type Records = BTreeMap<Key, Record>;

/// A record set as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// With the final dot.
    pub name: String,
    /// As `A`.
    pub kind: String,
    /// Unique among those of one name and kind.
    pub identifier: Option<String>,
    /// How one is chosen.
    pub routing: Routing,
    /// In seconds; an alias has that of its target.
    pub ttl: Option<u32>,
    /// As the API writes them; none for an alias.
    pub values: Vec<String>,
    /// In place of values.
    pub alias: Option<Alias>,
    /// Id of a health check.
    pub check: Option<String>,
}

/// How one of several record sets of the same name and kind is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// There is only one.
    Simple,
    /// By chance.
    Weighted(u8),
    /// Several at once.
    Multivalue,
    /// The nearest region.
    Latency(String),
    /// Where the client is.
    Geolocation(Geo),
}

/// A part of the world, as Route 53 names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Geo {
    /// As `EU`.
    pub continent: Option<String>,
    /// As `DE`; `*` for everywhere else.
    pub country: Option<String>,
    /// Within the United States or the Ukraine.
    pub subdivision: Option<String>,
}

/// A record that answers as another does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alias {
    /// Id of the zone of the target.
    pub zone: String,
    /// Name of the target.
    pub name: String,
    /// Whether it is healthy only while its target is.
    pub evaluate: bool,
}

impl Routing {
    /// One word for those that may stand together.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Weighted(_) => "weighted",
            Self::Multivalue => "multivalue answer",
            Self::Latency(_) => "latency",
            Self::Geolocation(_) => "geolocation",
        }
    }
}

impl Record {
    /// What it is found by.
    pub fn key(&self) -> Key {
        Key::new(&self.name, &self.kind, self.identifier.as_deref())
    }

    /// As messages name it.
    pub(super) fn title(&self) -> String {
        let identifier = self.identifier.as_ref().map(|it| format!(", set-identifier='{it}'"));
        let (name, kind) = (&self.name, &self.kind);
        format!("[name='{name}', type='{kind}'{}]", identifier.unwrap_or_default())
    }

    /// The same where order and case do not matter.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let sorted = |record: &Self| {
            let mut record = record.clone();
            record.values.sort();
            record
        };
        sorted(self) == sorted(other)
    }

    /// As lists show it.
    pub(super) fn element(&self) -> Element {
        let mut element = Element::new("ResourceRecordSet")
            .text("Name", &self.name)
            .text("Type", &self.kind)
            .maybe("SetIdentifier", self.identifier.as_ref());
        element = match &self.routing {
            Routing::Simple => element,
            Routing::Weighted(weight) => element.text("Weight", weight),
            Routing::Multivalue => element.text("MultiValueAnswer", true),
            Routing::Latency(region) => element.text("Region", region),
            Routing::Geolocation(geo) => element.child(
                Element::new("GeoLocation")
                    .maybe("ContinentCode", geo.continent.as_ref())
                    .maybe("CountryCode", geo.country.as_ref())
                    .maybe("SubdivisionCode", geo.subdivision.as_ref()),
            ),
        };
        element = element.maybe("TTL", self.ttl);
        if self.alias.is_none() {
            let values = self.values.iter();
            let values = values.map(|value| Element::new("ResourceRecord").text("Value", value));
            element = element.list("ResourceRecords", values);
        }
        if let Some(alias) = &self.alias {
            element = element.child(
                Element::new("AliasTarget")
                    .text("HostedZoneId", &alias.zone)
                    .text("DNSName", &alias.name)
                    .text("EvaluateTargetHealth", alias.evaluate),
            );
        }
        element.maybe("HealthCheckId", self.check.as_ref())
    }
}
