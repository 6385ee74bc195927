//! One line of OpenSSH's `authorized_keys`: options, kind, key, comment (sshd(8), "AUTHORIZED_KEYS
//! FILE FORMAT").
//!
//! | option | |
//! | --- | --- |
//! | `from="..."` | networks and addresses, `!` before one that is left out; no names, no `*` |
//! | `expiry-time="YYYYMMDD[HHMM[SS]][Z]"` | in UTC with and without `Z` |
//! | `cert-authority` | the key certifies this user |
//! | `principals="..."` | with `cert-authority`: those of the user, in place of `principals` |
//! | `restrict`, `no-*`, `no-touch-required` | taken: nothing of it is granted or asked for anyway |
//!
//! All others ask for something that would not be done (`command`, `verify-required`) or granted
//! (`pty`, `permitopen`), and are refused.

use std::fmt;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

use super::wire::{KINDS, check};
use super::{PublicKey, network};

/// A key of a user, and under which conditions it lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedKey {
    /// Never one with a certificate.
    pub key: PublicKey,
    /// What stands behind it.
    pub comment: String,
    /// What stands before it.
    pub options: Options,
}

/// Conditions. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// From where; empty: from anywhere.
    pub from: Vec<Pattern>,
    /// From this moment on it lets nobody in.
    pub expires: Option<OffsetDateTime>,
    /// The key signs certificates, and lets in by none but these.
    pub cert_authority: bool,
    /// For which principals these may be; empty: those of the user.
    pub principals: Vec<String>,
}

/// A network that is meant, or one that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// `!` stands before it.
    pub excluded: bool,
    /// The network.
    pub network: IpNet,
}

impl AuthorizedKey {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it, without the line.
    pub fn parse(line: &str) -> Result<Self, String> {
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err("control characters do not belong there".to_owned());
        }
        let line = line.trim();
        let (first, _) = word(line);
        let (options, rest) = match refused(first) {
            Some(why) => return Err(why.to_owned()),
            None if KINDS.contains(&first) => (Options::default(), line),
            None => Options::parse(line)?,
        };
        let (kind, rest) = word(rest);
        if let Some(why) = refused(kind) {
            return Err(why.to_owned());
        }
        if !KINDS.contains(&kind) {
            return Err(format!(
                "no public key of the form \"ssh-ed25519 AAAA... comment\"; known kinds are {}",
                KINDS.join(", ")
            ));
        }
        let (text, comment) = word(rest);
        let blob = STANDARD.decode(text).map_err(|_| "the key is no base64 text".to_owned())?;
        check(kind, &blob)?;
        Ok(Self { key: PublicKey::new(blob), comment: comment.to_owned(), options })
    }

    /// Whether the conditions are met.
    pub fn holds(&self, client: IpAddr, now: OffsetDateTime) -> bool {
        let client = client.to_canonical();
        let within = |pattern: &&Pattern| pattern.network.contains(&client);
        let mut matching = self.options.from.iter().filter(within).peekable();
        let from = self.options.from.is_empty()
            || (matching.peek().is_some() && matching.all(|pattern| !pattern.excluded));
        from && self.options.expires.is_none_or(|expires| now < expires)
    }
}

/// As it would be written, with the options that matter.
impl fmt::Display for AuthorizedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = self.options.names();
        if !options.is_empty() {
            write!(f, "{} ", options.join(","))?;
        }
        write!(f, "{} {}", self.key.algorithm(), STANDARD.encode(self.key.blob()))?;
        if !self.comment.is_empty() {
            write!(f, " {}", self.comment)?;
        }
        Ok(())
    }
}

impl Options {
    /// The options in the form that they are written in.
    pub fn names(&self) -> Vec<String> {
        let from: Vec<_> = self.from.iter().map(ToString::to_string).collect();
        let expires = self.expires.and_then(|moment| {
            moment
                .format(time::macros::format_description!(
                    "[year][month][day][hour][minute][second]Z"
                ))
                .ok()
        });
        [
            self.cert_authority.then(|| "cert-authority".to_owned()),
            (!from.is_empty()).then(|| format!("from=\"{}\"", from.join(","))),
            expires.map(|moment| format!("expiry-time=\"{moment}\"")),
            (!self.principals.is_empty()).then(|| {
                format!("principals=\"{}\"", self.principals.join(",").replace('"', "\\\""))
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Reads what stands before the first blank outside quotes, and returns the rest.
    fn parse(line: &str) -> Result<(Self, &str), String> {
        let mut options = Self::default();
        let mut next = line;
        let rest = loop {
            let end = next.find(['=', ',', ' ', '\t']).unwrap_or(next.len());
            let (name, after) = next.split_at(end);
            let (value, after) = match after.strip_prefix("=\"") {
                Some(quoted) => {
                    let (value, after) = quotation(quoted).ok_or_else(|| {
                        format!("the quotation of option \"{name}\" does not end")
                    })?;
                    (Some(value), after)
                }
                None => (None, after),
            };
            options.set(name, value.as_deref())?;
            next = match after.strip_prefix(',') {
                Some(more) => more,
                None if after.is_empty() || after.starts_with([' ', '\t']) => break after,
                None => {
                    return Err(format!(
                        "option \"{name}\" is followed by neither \",\" nor \" \""
                    ));
                }
            };
        };
        if !options.principals.is_empty() && !options.cert_authority {
            return Err("option \"principals\" belongs to \"cert-authority\"".to_owned());
        }
        Ok((options, rest))
    }

    fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        let lower = name.to_ascii_lowercase();
        match (lower.as_str(), value) {
            ("cert-authority", None) => self.cert_authority = true,
            ("from", Some(value)) => {
                self.from = value.split(',').map(Pattern::parse).collect::<Result<_, _>>()?;
            }
            ("expiry-time", Some(value)) => {
                let moment = parse_time(value).ok_or_else(|| {
                    format!("option \"expiry-time\": \"{value}\" is not YYYYMMDD[HHMM[SS]][Z]")
                })?;
                // The earlier counts, as with OpenSSH.
                self.expires = Some(self.expires.map_or(moment, |other| other.min(moment)));
            }
            ("principals", Some(value)) if !value.is_empty() => {
                self.principals = value.split(',').map(str::to_owned).collect();
            }
            (name, None) if IDLE.contains(&name) => {}
            (name, _) if OTHERS.contains(&name) => {
                return Err(format!(
                    "option \"{name}\" is not honoured here, so the key is refused"
                ));
            }
            _ => {
                return Err(format!(
                    "unknown option or kind of key \"{name}\"; a key is one line of the form \
                     \"ssh-ed25519 AAAA... comment\""
                ));
            }
        }
        Ok(())
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let bare = text.strip_prefix('!').unwrap_or(text);
        let network = network(bare).ok_or_else(|| {
            format!(
                "option \"from\": \"{text}\" is no address or network such as 192.0.2.0/24; names \
                 and wildcards are not understood"
            )
        })?;
        Ok(Self { excluded: bare.len() < text.len(), network })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.excluded { "!" } else { "" }, self.network)
    }
}

/// The lines of a file with their numbers from 1; empty ones and comments are left out.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Why something is refused that is known, and no public key.
fn refused(kind: &str) -> Option<&'static str> {
    if kind.starts_with("-----BEGIN") {
        return Some("that is a private key; the public one lies beside it in a file .pub");
    }
    if kind.contains("-cert-v01@") {
        return Some(
            "a certificate is no key; `ssh.user_ca_keys` and \"cert-authority\" trust its authority",
        );
    }
    (kind == "ssh-dss").then_some("DSA keys are not safe")
}

/// The first word, and what stands behind it without the blanks between.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (word, rest) = text.split_at(text.find([' ', '\t']).unwrap_or(text.len()));
    (word, rest.trim_start())
}

/// What stands before the quote that ends, and what behind; `\"` is a quote inside.
fn quotation(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        match before.strip_suffix('\\') {
            Some(before) => value.extend([before, "\""]),
            None => {
                value.push_str(before);
                return Some((value, after));
            }
        }
        rest = after;
    }
}

fn parse_time(text: &str) -> Option<OffsetDateTime> {
    let digits = text.strip_suffix('Z').unwrap_or(text);
    let day = time::macros::format_description!("[year][month][day]");
    let minute = time::macros::format_description!("[year][month][day][hour][minute]");
    let second = time::macros::format_description!("[year][month][day][hour][minute][second]");
    let moment = match digits.len() {
        8 => Date::parse(digits, day).ok()?.midnight(),
        12 => PrimitiveDateTime::parse(digits, minute).ok()?,
        14 => PrimitiveDateTime::parse(digits, second).ok()?,
        _ => return None,
    };
    Some(moment.assume_utc())
}

/// Options that forbid what nobody is given, or ask for less than would be asked for.
const IDLE: [&str; 7] = [
    "restrict",
    "no-agent-forwarding",
    "no-port-forwarding",
    "no-pty",
    "no-touch-required",
    "no-user-rc",
    "no-x11-forwarding",
];

/// Options that OpenSSH has besides.
const OTHERS: [&str; 12] = [
    "agent-forwarding",
    "command",
    "environment",
    "permitlisten",
    "permitopen",
    "port-forwarding",
    "pty",
    "tunnel",
    "user-rc",
    "verify-required",
    "x11-forwarding",
    "zos-key-ring-label",
];

#[cfg(test)]
mod tests;
