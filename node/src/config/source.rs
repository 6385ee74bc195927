//! One layer of configuration: a file, the environment or the flags, read into values by key.

use std::path::Path;

use toml::Value;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, Origin, Problem};
use super::key::{self, Key, Shape};
use super::origins::{Origins, Setting, Settings};

/// Lays a file's text over what is there. All that is wrong is found, not just the first.
pub(super) fn file(origins: &mut Origins, problems: &mut Vec<Problem>, path: &Path, text: &str) {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        let message = error.message().trim().to_owned();
        let origin = Origin::File(path.to_owned(), line);
        problems.push(Problem { origin, key: String::new(), fault: Fault::Syntax(message) });
    }
    let mut layer = File { origins, problems, path, text };
    layer.section("", table.get_ref());
}

/// Lays `FLOTILLA_SECTION__KEY` variables over what is there. Other variables are none of ours.
pub(super) fn environment(
    origins: &mut Origins,
    problems: &mut Vec<Problem>,
    variables: &[(String, String)],
) {
    for (variable, text) in variables {
        let Some(name) = variable.strip_prefix(PREFIX) else { continue };
        if !name.contains(SEPARATOR) {
            continue;
        }
        let name = name.to_ascii_lowercase().replace(SEPARATOR, ".");
        assign(origins, problems, &name, text, Origin::Environment(variable.clone()));
    }
}

/// Lays `--set key=value` flags over what is there.
pub(super) fn flags(
    origins: &mut Origins,
    problems: &mut Vec<Problem>,
    flags: &[(String, String)],
) {
    for (name, text) in flags {
        assign(origins, problems, name, text, Origin::Flag(format!("{name}={}", masked(text))));
    }
}

/// One value from outside a file. Keys of `[[host]]` have no name there to belong to.
fn assign(
    origins: &mut Origins,
    problems: &mut Vec<Problem>,
    name: &str,
    text: &str,
    origin: Origin,
) {
    let fault = match key::find(name) {
        Some(key) if key.section() == HOST => {
            Fault::Contradiction("hosts are set in files only, one [[host]] each".to_owned())
        }
        Some(key) => {
            let value = outside_value(key, text);
            origins.settings.insert(key.name, Setting { value, origin });
            return;
        }
        None => Fault::Unknown { nearest: key::nearest(name) },
    };
    problems.push(Problem { origin, key: name.to_owned(), fault });
}

/// Text from outside a file: TOML where it is, otherwise plain text, or words between commas where
/// the key takes a list.
fn outside_value(key: &Key, text: &str) -> Value {
    let parsed = DeValue::parse(text).ok().and_then(|value| owned(value.get_ref()));
    let plain = || Value::String(text.to_owned());
    match (key.shape(), parsed) {
        (Shape::Text, Some(value @ (Value::String(_) | Value::Array(_)))) => value,
        (Shape::Text, _) => plain(),
        (Shape::List, Some(value @ Value::Array(_))) => value,
        (Shape::List, _) => Value::Array(
            text.split(',')
                .map(|word| word.trim().trim_matches('"'))
                .filter(|word| !word.is_empty())
                .map(|word| Value::String(word.to_owned()))
                .collect(),
        ),
        (Shape::Other, Some(value)) => value,
        (Shape::Other, None) => plain(),
    }
}

/// A file while it is walked.
struct File<'a> {
    origins: &'a mut Origins,
    problems: &'a mut Vec<Problem>,
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    /// Takes a table whose keys lie under `prefix` (empty, or with its final dot).
    fn section(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let path = format!("{prefix}{}", name.get_ref());
            let line = line_of(self.text, name.span().start);
            match value.get_ref() {
                DeValue::Array(hosts) if path == HOST => {
                    for host in hosts {
                        let line = line_of(self.text, host.span().start);
                        self.host(host.get_ref(), line);
                    }
                }
                DeValue::Table(table) if key::is_section(&path) && path != HOST => {
                    self.section(&format!("{path}."), table);
                }
                value => self.leaf(None, &path, value, line),
            }
        }
    }

    /// Takes one `[[host]]`.
    fn host(&mut self, value: &DeValue<'_>, line: usize) {
        let DeValue::Table(table) = value else {
            return self.mismatch(HOST, "a table [[host]]", value, line);
        };
        let mut settings = Settings::new();
        for (name, value) in table {
            let path = format!("{HOST}.{}", name.get_ref());
            let line = line_of(self.text, name.span().start);
            self.leaf(Some(&mut settings), &path, value.get_ref(), line);
        }
        self.origins.hosts.push((Origin::File(self.path.to_owned(), line), settings));
    }

    /// Takes one value, into a host's settings or the server's.
    fn leaf(&mut self, host: Option<&mut Settings>, path: &str, value: &DeValue<'_>, line: usize) {
        let origin = Origin::File(self.path.to_owned(), line);
        let Some(key) = key::find(path) else {
            return match () {
                () if path == HOST => self.mismatch(path, "tables [[host]]", value, line),
                () if key::is_section(path) => {
                    self.mismatch(path, &format!("a section [{path}]"), value, line);
                }
                () => self.problems.push(Problem {
                    origin,
                    key: path.to_owned(),
                    fault: Fault::Unknown { nearest: key::nearest(path) },
                }),
            };
        };
        match owned(value) {
            Some(value) => {
                let settings = host.unwrap_or(&mut self.origins.settings);
                settings.insert(key.name, Setting { value, origin });
            }
            None => self.mismatch(path, "a number of 64 bits at most", value, line),
        }
    }

    fn mismatch(&mut self, path: &str, expected: &str, got: &DeValue<'_>, line: usize) {
        let got = owned(got).map_or_else(|| "a larger number".to_owned(), |got| describe(&got));
        self.problems.push(Problem {
            origin: Origin::File(self.path.to_owned(), line),
            key: path.to_owned(),
            fault: Fault::Mismatch { expected: expected.to_owned(), got },
        });
    }
}

/// A value without its places; `None` if a number in it does not fit.
pub(super) fn owned(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()?)
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().ok()?),
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(time) => Value::Datetime(*time),
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| owned(item.get_ref())).collect::<Option<_>>()?)
        }
        DeValue::Table(table) => Value::Table(
            table
                .iter()
                .map(|(name, value)| Some((name.get_ref().to_string(), owned(value.get_ref())?)))
                .collect::<Option<_>>()?,
        ),
    })
}

/// What was written, for an error: its type unless it is a text.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::String(text) => Value::String(masked(text)).to_string(),
        Value::Array(_) => format!("the list {value}"),
        Value::Table(_) => "a section".to_owned(),
        Value::Integer(_) | Value::Float(_) => format!("the number {value}"),
        Value::Boolean(_) | Value::Datetime(_) => format!("the {} {value}", value.type_str()),
    }
}

/// The text without a password in it, if it is an address with one: errors are logged and passed on.
fn masked(text: &str) -> String {
    match text.split_once("://").and_then(|(head, rest)| Some((head, rest.rsplit_once('@')?))) {
        Some((scheme, (user, place))) if user.contains(':') => format!("{scheme}://***@{place}"),
        _ => text.to_owned(),
    }
}

/// The line, from 1, of a byte offset.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

/// The section that may stand many times.
const HOST: &str = "host";
/// How our variables begin.
const PREFIX: &str = "FLOTILLA_";
/// What stands for the dot of a key's path in a variable.
const SEPARATOR: &str = "__";
