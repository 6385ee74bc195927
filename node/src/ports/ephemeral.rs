//! Whether the kernel may give passive ports away: those in its ephemeral range that nobody reserved.
//!
//! An outgoing connection of any program takes a port of `net.ipv4.ip_local_port_range`, and as long as
//! it lasts the port can not be listened on: of 3,000 connections 109 took one of 60000-60999 when that
//! was measured. Ports of `net.ipv4.ip_local_reserved_ports` are taken only by who names them, as we do.
//! Both are settings of the network namespace.

use std::fmt;
use std::fs;
use std::ops::RangeInclusive;

use flotilla_cluster::ports::PortRange;
use tracing::warn;

/// What an operator should do about the range: its Display is for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    /// The passive ports.
    range: PortRange,
    /// Those of them that the kernel may give away, from the first to the last.
    exposed: RangeInclusive<u16>,
    /// How many they are.
    count: usize,
    /// The kernel's range.
    ephemeral: RangeInclusive<u16>,
    /// The value that reserves the passive ports too, and all that is reserved already.
    reserve: String,
}

impl Advice {
    /// The command that reserves the ports until the machine starts again.
    pub(crate) fn command(&self) -> String {
        format!("sysctl -w {RESERVED_KEY}={}", self.reserve)
    }

    /// The line for [`FILE`] that does so at every start of the machine.
    pub(crate) fn line(&self) -> String {
        format!("{RESERVED_KEY} = {}", self.reserve)
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { range, exposed, count, ephemeral, .. } = self;
        write!(
            f,
            "{count} of the passive ports {range} (ftp.passive.ports), from {} to {}, may be taken by \
             outgoing connections of this machine, whose ports come from {}-{} \
             (net.ipv4.ip_local_port_range); to reserve them: {} and, for the next start of the machine, \
             the line \"{}\" in {FILE}",
            exposed.start(),
            exposed.end(),
            ephemeral.start(),
            ephemeral.end(),
            self.command(),
            self.line()
        )
    }
}

/// Says at the start what an operator should do, if anything.
pub(crate) fn warn(range: PortRange) {
    if let Some(advice) = look(range) {
        warn!(
            ports = %range,
            exposed = advice.count,
            command = advice.command(),
            file = FILE,
            line = advice.line(),
            "outgoing connections of this machine may take passive ports (ftp.passive.ports), \
             which are not reserved"
        );
    }
}

/// Looks at the kernel's settings; `None` where all is well or they can not be read.
pub(crate) fn look(range: PortRange) -> Option<Advice> {
    let ephemeral = fs::read_to_string(EPHEMERAL_FILE).ok()?;
    // A kernel without the file reserves nothing; one with it and nothing in it says an empty line.
    let reserved = fs::read_to_string(RESERVED_FILE).unwrap_or_default();
    advice(range, &ephemeral, &reserved)
}

/// What to say of a range, by the texts of both settings; `None` where no port of it is both ephemeral and
/// not reserved, or where the texts are not what they should be.
pub(crate) fn advice(range: PortRange, ephemeral: &str, reserved: &str) -> Option<Advice> {
    let ephemeral = limits(ephemeral)?;
    let reserved = list(reserved)?;
    let taken = |port: &u16| {
        ephemeral.contains(port) && !reserved.iter().any(|reserved| reserved.contains(port))
    };
    let mut exposed = (range.first()..=range.last()).filter(taken);
    let first = exposed.next()?;
    let (count, last) = exposed.fold((1, first), |(count, _), port| (count + 1, port));
    let reserve = united(reserved, range.first()..=range.last());
    Some(Advice { range, exposed: first..=last, count, ephemeral, reserve })
}

/// Two numbers, as `32768 60999`.
fn limits(text: &str) -> Option<RangeInclusive<u16>> {
    let mut words = text.split_whitespace().map(str::parse);
    match (words.next(), words.next(), words.next()) {
        (Some(Ok(first)), Some(Ok(last)), None) => Some(first..=last),
        _ => None,
    }
}

/// `8080,9148,61000-61999`, or nothing.
fn list(text: &str) -> Option<Vec<RangeInclusive<u16>>> {
    let parts = text.trim().split(',').map(str::trim).filter(|part| !part.is_empty());
    let parts = parts.map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse().ok()?)
    });
    parts.collect()
}

/// The list with one range more, in order, what touches made one.
fn united(mut list: Vec<RangeInclusive<u16>>, more: RangeInclusive<u16>) -> String {
    list.push(more);
    list.sort_by_key(|range| *range.start());
    let mut merged = Vec::<RangeInclusive<u16>>::new();
    for range in list {
        match merged.last_mut() {
            Some(last) if *range.start() <= last.end().saturating_add(1) => {
                *last = *last.start()..=*last.end().max(range.end());
            }
            _ => merged.push(range),
        }
    }
    let text = merged.iter().map(|range| match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    });
    text.collect::<Vec<_>>().join(",")
}

/// From which ports outgoing connections come.
const EPHEMERAL_FILE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// Which of them do not.
const RESERVED_FILE: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";
/// As sysctl(8) calls it. It holds for IPv6 too.
const RESERVED_KEY: &str = "net.ipv4.ip_local_reserved_ports";
/// Where sysctl(8) finds it at the start of the machine. A later file there with the same key wins.
const FILE: &str = "/etc/sysctl.d/90-flotilla.conf";

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = "32768\t60999\n";

    #[test]
    fn only_ports_that_the_kernel_may_give_away_are_spoken_of() {
        for (range, ephemeral, reserved, expected) in [
            ("61000-61999", USUAL, "\n", None),
            ("61000-61999", USUAL, "", None),
            ("60000-60999", USUAL, "\n", Some(("60000-60999", 1000))),
            ("60000-65535", USUAL, "\n", Some(("60000-65535", 1000))),
            ("30000-33000", USUAL, "\n", Some(("30000-33000", 233))),
            ("40000", USUAL, "\n", Some(("40000", 1))),
            // Reserved as a whole, in two parts, and but for one port.
            ("60000-65535", USUAL, "60000-65535\n", None),
            ("60000-65535", USUAL, "8080,60000-60499,60500-60999\n", None),
            ("60000-60999", USUAL, "60000-60998\n", Some(("60000-60999", 1))),
            // What was reserved stays, in order, and what touches is one.
            ("50000-50099", USUAL, "9148,8080\n", Some(("8080,9148,50000-50099", 100))),
            ("50000-50099", USUAL, "49990-49999,50100\n", Some(("49990-50100", 100))),
            ("50000-50099", USUAL, "50050-50200\n", Some(("50000-50200", 50))),
            ("50000-50099", USUAL, "65535\n", Some(("50000-50099,65535", 100))),
            ("65000-65535", "1024 65535", "65535\n", Some(("65000-65535", 535))),
            // Not what the kernel writes.
            ("50000", "", "\n", None),
            ("50000", "32768", "\n", None),
            ("50000", "1 2 3", "\n", None),
            ("50000", USUAL, "many\n", None),
        ] {
            let told = advice(range.parse().unwrap(), ephemeral, reserved);
            let told = told.as_ref().map(|advice| (advice.reserve.as_str(), advice.count));
            assert_eq!(told, expected, "{range} {ephemeral:?} {reserved:?}");
        }
    }

    #[test]
    fn the_advice_is_all_that_an_operator_needs() {
        let advice = advice("60500-61499".parse().unwrap(), USUAL, "8080\n").unwrap();
        assert_eq!(advice.command(), "sysctl -w net.ipv4.ip_local_reserved_ports=8080,60500-61499");
        let text = advice.to_string();
        assert!(text.starts_with(
            "500 of the passive ports 60500-61499 (ftp.passive.ports), from 60500 to 60999"
        ));
        assert!(text.contains(&advice.command()), "{text}");
        let line = "\"net.ipv4.ip_local_reserved_ports = 8080,60500-61499\" in /etc/sysctl.d/90-flotilla.conf";
        assert!(text.ends_with(line), "{text}");
    }
}
