//! The parameters of a call in the Query protocol.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::str::FromStr;

use crate::api::Service;
use crate::problem::Problem;

/// Flat names with dots and numbers: `IpPermissions.1.IpRanges.2.CidrIp`.
#[derive(Clone, Debug)]
pub struct Parameters {
    service: Service,
    values: Rc<BTreeMap<String, String>>,
    prefix: String,
    /// Which of them somebody has asked for.
    used: Rc<RefCell<BTreeSet<String>>>,
}

impl Parameters {
    /// Those of a call.
    pub fn new(service: Service, values: BTreeMap<String, String>) -> Self {
        Self { service, values: Rc::new(values), prefix: String::new(), used: Rc::default() }
    }

    /// One of them.
    pub fn text(&self, name: &str) -> Option<&str> {
        let name = format!("{}{name}", self.prefix);
        let value = self.values.get(&name)?;
        self.used.borrow_mut().insert(name);
        Some(value)
    }

    /// One that must be there.
    ///
    /// # Errors
    /// It is not.
    pub fn need(&self, name: &str) -> Result<&str, Problem> {
        self.text(name).ok_or_else(|| Problem::missing(self.service, name))
    }

    /// A number, or `true` or `false`.
    ///
    /// # Errors
    /// It is there and no such thing.
    pub fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            let code = match self.service {
                Service::Ec2 => "InvalidParameterValue",
                _ => "MalformedInput",
            };
            Problem::new(code, format_args!("Invalid value '{text}' for {name}"))
        })
    }

    /// The texts of a list: `Name.1`, or `Name.member.1`.
    pub fn list(&self, name: &str) -> Vec<String> {
        let starts = self.numbers(name);
        let texts = starts.into_iter().filter_map(|start| self.text(&start).map(str::to_owned));
        texts.collect()
    }

    /// The structures of a list: `Name.1.Key`, or `Name.member.1.Key`.
    pub fn structures(&self, name: &str) -> Vec<Self> {
        let starts = self.numbers(name);
        starts.into_iter().map(|start| self.structure(&start)).collect()
    }

    /// A structure: `Name.Key`.
    pub fn structure(&self, name: &str) -> Self {
        Self { prefix: format!("{}{name}.", self.prefix), ..self.clone() }
    }

    /// Whether anything begins so.
    pub fn has(&self, name: &str) -> bool {
        let start = format!("{}{name}", self.prefix);
        let mut from_there = self.values.range(start.clone()..).map(|(key, _)| key);
        from_there.next().is_some_and(|key| {
            key.strip_prefix(&start).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// What nobody asked for: a strict service refuses it, as it has no meaning.
    pub fn unknown(&self) -> Option<String> {
        let used = self.used.borrow();
        self.values.keys().find(|name| !used.contains(*name)).cloned()
    }

    /// All of them, for the log.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// The names of the elements of a list, in the order of their numbers.
    fn numbers(&self, name: &str) -> Vec<String> {
        let mut found = BTreeMap::new();
        for kind in [format!("{name}."), format!("{name}.member.")] {
            let start = format!("{}{kind}", self.prefix);
            for key in self.values.keys().filter_map(|key| key.strip_prefix(&start)) {
                let number = key.split('.').next().unwrap_or_default();
                if let Ok(number) = number.parse::<u32>() {
                    found.insert(number, format!("{kind}{number}"));
                }
            }
        }
        found.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        let values = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Parameters::new(Service::Ec2, values.collect())
    }

    #[test]
    fn lists_keep_the_order_of_their_numbers() {
        let given =
            parameters(&[("Id.10", "c"), ("Id.2", "b"), ("Id.1", "a"), ("Arns.member.1", "x")]);
        assert_eq!(given.list("Id"), ["a", "b", "c"]);
        assert_eq!(given.list("Arns"), ["x"]);
        assert_eq!(given.unknown(), None);
    }

    #[test]
    fn structures_lie_in_lists() {
        let given = parameters(&[
            ("Rule.1.From", "1"),
            ("Rule.1.Range.1.Cidr", "a"),
            ("Rule.1.Range.2.Cidr", "b"),
            ("Rule.2.From", "x"),
        ]);
        let [first, second] = given.structures("Rule").try_into().unwrap();
        assert_eq!(first.value::<u16>("From"), Ok(Some(1)));
        assert_eq!(second.value::<u16>("From").unwrap_err().code, "InvalidParameterValue");
        assert_eq!(second.need("To").unwrap_err().code, "MissingParameter");
        let cidrs: Vec<_> = first
            .structures("Range")
            .iter()
            .map(|it| it.need("Cidr").unwrap().to_owned())
            .collect();
        assert_eq!(cidrs, ["a", "b"]);
        assert!(first.has("Range") && !first.has("Ran"));
    }

    #[test]
    fn what_nobody_reads_is_told() {
        let given = parameters(&[("A", "1"), ("B", "2")]);
        given.text("A");
        assert_eq!(given.unknown().as_deref(), Some("B"));
    }
}
