//! XML that comes: strict, as the schema of Route 53 is.

use std::str::FromStr;

use roxmltree::{Document, Node};

use crate::api::Service;
use crate::problem::Problem;

/// An element of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a, 'b>(Node<'a, 'b>);

/// The document of a request.
///
/// # Errors
/// It is no XML.
pub(super) fn document(body: &[u8]) -> Result<Document<'_>, Problem> {
    let text = std::str::from_utf8(body).map_err(invalid)?;
    Document::parse(text).map_err(invalid)
}

/// What the schema refuses.
pub(super) fn invalid(why: impl std::fmt::Display) -> Problem {
    Problem::new("InvalidInput", format_args!("Invalid XML ; {why}"))
}

impl<'a, 'b> Input<'a, 'b> {
    /// The root, which has that name and the namespace of Route 53.
    pub(super) fn root(document: &'a Document<'b>, name: &str) -> Result<Self, Problem> {
        let root = document.root_element();
        let namespace = root.tag_name().namespace();
        if root.tag_name().name() != name || namespace != Some(Service::Route53.namespace()) {
            let found = root.tag_name().name();
            return Err(invalid(format_args!(
                "cvc-elt.1: Cannot find the declaration of element '{found}'."
            )));
        }
        Ok(Self(root))
    }

    /// Its child elements, which must be of these names, each once.
    pub(super) fn only(self, names: &[&str]) -> Result<Self, Problem> {
        let mut seen = Vec::new();
        for child in self.children() {
            let name = child.0.tag_name().name();
            if !names.contains(&name) || seen.contains(&name) {
                return Err(invalid(format_args!(
                    "cvc-complex-type.2.4.a: Invalid content was found starting with element \
                     '{name}'. One of '{{{}}}' is expected.",
                    names.join(", ")
                )));
            }
            seen.push(name);
        }
        Ok(self)
    }

    pub(super) fn children(self) -> impl Iterator<Item = Self> {
        self.0.children().filter(Node::is_element).map(Self)
    }

    /// The elements of a list, all of that name.
    pub(super) fn items(self, name: &str) -> Result<Vec<Self>, Problem> {
        let items: Vec<_> = self.children().collect();
        match items.iter().find(|item| item.0.tag_name().name() != name) {
            Some(other) => Err(invalid(format_args!(
                "cvc-complex-type.2.4.a: Invalid content was found starting with element '{}'.",
                other.0.tag_name().name()
            ))),
            None => Ok(items),
        }
    }

    pub(super) fn child(self, name: &str) -> Option<Self> {
        self.children().find(|child| child.0.tag_name().name() == name)
    }

    pub(super) fn need(self, name: &str) -> Result<Self, Problem> {
        self.child(name).ok_or_else(|| Problem::missing(Service::Route53, name))
    }

    pub(super) fn own_text(self) -> String {
        self.0.text().unwrap_or_default().to_owned()
    }

    pub(super) fn text(self, name: &str) -> Option<String> {
        self.child(name).map(Self::own_text)
    }

    /// A text that must be there and that long.
    pub(super) fn bounded(self, name: &str, most: usize) -> Result<String, Problem> {
        let text = self.need(name)?.own_text();
        if text.is_empty() || text.chars().count() > most {
            return Err(facet(&text, "length", &format!("1..{most}"), name));
        }
        Ok(text)
    }

    /// A number or truth.
    pub(super) fn value<T: FromStr>(self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            invalid(format_args!(
                "cvc-datatype-valid.1.2.1: '{text}' is not a valid value for '{name}'."
            ))
        })
    }

    /// A number within limits.
    pub(super) fn number(self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Problem> {
        let number: Option<i64> = self.value(name)?;
        match number {
            Some(number) if number < least => {
                Err(facet(&number.to_string(), "minInclusive", &least.to_string(), name))
            }
            Some(number) if number > most => {
                Err(facet(&number.to_string(), "maxInclusive", &most.to_string(), name))
            }
            number => Ok(number),
        }
    }
}

/// A value out of its limits.
pub(super) fn facet(value: &str, facet: &str, limit: &str, kind: &str) -> Problem {
    invalid(format_args!(
        "cvc-{facet}-valid: Value '{value}' is not facet-valid with respect to {facet} '{limit}' for \
         type '{kind}'."
    ))
}
