//! From a TOML value to what a field holds. Each reader says what it expected if it can not.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use flotilla_cluster::ports::PortRange;
use ipnet::IpNet;
use toml::Value;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::algorithm::Algorithms;
use super::ingress::{MODES, Mode, ZoneAddress};
use super::key::closest;
use super::{DataPeer, Methods, Networks, Store, bytes};

/// What would have been right, to stand after "expected".
pub(super) struct Expected(pub(super) String);

/// What a reader returns.
pub(super) type Reading<T> = Result<T, Expected>;

fn expected<T>(text: &str) -> Reading<T> {
    Err(Expected(text.to_owned()))
}

/// A switch.
pub(super) fn flag(value: &Value) -> Reading<bool> {
    value.as_bool().map_or_else(|| expected("true or false"), Ok)
}

/// A number from 0.
pub(super) fn count(value: &Value) -> Reading<u32> {
    match value.as_integer().map(u32::try_from) {
        Some(Ok(count)) => Ok(count),
        _ => expected("a number from 0 to 4294967295"),
    }
}

/// A number from 1.
pub(super) fn count_from_one(value: &Value) -> Reading<u32> {
    match count(value) {
        Ok(count) if count > 0 => Ok(count),
        _ => expected("a number from 1 to 4294967295"),
    }
}

/// A number of threads.
pub(super) fn workers(value: &Value) -> Reading<usize> {
    match value.as_integer().map(usize::try_from) {
        Some(Ok(count)) if count <= WORKERS_MAX => Ok(count),
        _ => expected("a number from 0 to 1024"),
    }
}

/// Users that metrics show.
pub(super) fn top_users(value: &Value) -> Reading<usize> {
    match value.as_integer().map(usize::try_from) {
        Some(Ok(users)) if users <= TOP_USERS_MAX => Ok(users),
        _ => Err(Expected(format!("a number from 0 to {TOP_USERS_MAX}"))),
    }
}

/// Whoever looks at them looks at the first few, and each has series of its own.
const TOP_USERS_MAX: usize = 100;

/// One line of text.
pub(super) fn line(value: &Value) -> Reading<String> {
    match value.as_str() {
        Some(text) if !text.contains(char::is_control) => Ok(text.to_owned()),
        _ => expected("a text of one line"),
    }
}

/// One line of text, or nothing.
pub(super) fn optional_line(value: &Value) -> Reading<Option<String>> {
    line(value).map(|text| Some(text).filter(|text| !text.is_empty()))
}

/// The name of a node.
pub(super) fn node_id(value: &Value) -> Reading<String> {
    name(value).ok_or_else(|| Expected(format!("\"auto\" or {NAME}")))
}

/// The name of a pool.
pub(super) fn pool_name(value: &Value) -> Reading<String> {
    name(value).ok_or_else(|| Expected(NAME.to_owned()))
}

fn name(value: &Value) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_name =
        |text: &&str| (1..=NAME_CHARS_MAX).contains(&text.len()) && text.chars().all(fits);
    value.as_str().filter(is_name).map(str::to_owned)
}

/// Where the state of the pool lives.
pub(super) fn store(value: &Value) -> Reading<Store> {
    Store::parse(value.as_str().unwrap_or_default()).map_err(Expected)
}

/// The name of a host, in lower case.
pub(super) fn host_name(value: &Value) -> Reading<String> {
    let name = value.as_str().unwrap_or_default().to_ascii_lowercase();
    let labels = name.strip_prefix("*.").unwrap_or(&name);
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    if labels.split('.').all(fits) && name.len() <= 253 {
        Ok(name)
    } else {
        expected("a DNS name such as \"ftp.example.org\" or \"*.example.org\"")
    }
}

/// A path.
pub(super) fn path(value: &Value) -> Reading<PathBuf> {
    match value.as_str() {
        Some(text) if !text.is_empty() && !text.contains('\0') => Ok(text.into()),
        _ => expected("a path"),
    }
}

/// A path, or nothing.
pub(super) fn optional_path(value: &Value) -> Reading<Option<PathBuf>> {
    match value.as_str() {
        Some("") => Ok(None),
        _ => path(value).map(Some).or_else(|_| expected("a path, or \"\" for none")),
    }
}

/// Paths.
pub(super) fn paths(value: &Value) -> Reading<Vec<PathBuf>> {
    let paths = value.as_array().map(|items| items.iter().map(path).collect());
    match paths {
        Some(Ok(paths)) => Ok(paths),
        _ => expected("a list of paths"),
    }
}

/// Addresses with ports.
pub(super) fn addresses(value: &Value) -> Reading<Vec<SocketAddr>> {
    list(value, |text| text.parse().ok()).map_or_else(
        || expected("a list of addresses such as [\"0.0.0.0:2121\", \"[::1]:2121\"]"),
        Ok,
    )
}

/// An address with a port, or nothing.
pub(super) fn optional_address(value: &Value) -> Reading<Option<SocketAddr>> {
    match value.as_str().map(|text| (text, text.parse())) {
        Some(("", _)) => Ok(None),
        Some((_, Ok(address))) => Ok(Some(address)),
        _ => expected("an address such as \"127.0.0.1:8081\", or \"\" for none"),
    }
}

/// An address with a port that can be dialled, or `auto`.
pub(super) fn address_or_auto(value: &Value) -> Reading<Option<SocketAddr>> {
    match value.as_str().map(|text| (text, text.parse::<SocketAddr>())) {
        Some(("auto", _)) => Ok(None),
        Some((_, Ok(address))) if !address.ip().is_unspecified() && address.port() != 0 => {
            Ok(Some(address))
        }
        _ => expected("\"auto\" or an address that others can dial, such as \"10.0.0.5:2120\""),
    }
}

/// Networks.
pub(super) fn networks(value: &Value) -> Reading<Networks> {
    list(value, |text| text.parse().ok()).map(Networks::from_iter).map_or_else(
        || expected("a list of networks such as [\"10.0.0.0/24\", \"2001:db8::/32\"]"),
        Ok,
    )
}

/// Listeners with their modes.
pub(super) fn listener_modes(value: &Value) -> Reading<Vec<(SocketAddr, Mode)>> {
    let item = |text: &str| {
        let (address, word) = text.split_once('=')?;
        let (_, mode) = MODES.iter().find(|(of, _)| *of == word.trim())?;
        Some((address.trim().parse().ok()?, *mode))
    };
    list(value, item).map_or_else(
        || {
            expected(
                "a list of listeners with auto, direct, balanced or shared, such as \
                 [\"0.0.0.0:2121=balanced\"]",
            )
        },
        Ok,
    )
}

/// Addresses of balancers, for all nodes or those of a zone.
pub(super) fn zone_addresses(value: &Value) -> Reading<Vec<ZoneAddress>> {
    let item = |text: &str| {
        let (zone, address) = match text.split_once('=') {
            Some((zone, address)) if !zone.trim().is_empty() => (Some(zone.trim()), address),
            Some(_) => return None,
            None => (None, text),
        };
        let address = address.trim().parse().ok().filter(|of: &Ipv4Addr| !of.is_unspecified())?;
        Some(ZoneAddress { zone: zone.map(str::to_owned), address })
    };
    list(value, item).map_or_else(
        || {
            expected(
                "a list of IPv4 addresses, also of zones, such as [\"203.0.113.7\", \
                 \"eu-west-1a=203.0.113.8\"]",
            )
        },
        Ok,
    )
}

/// Ports of a block, or 0.
pub(super) fn block(value: &Value) -> Reading<u16> {
    match value.as_integer().map(u16::try_from) {
        Some(Ok(ports)) => Ok(ports),
        _ => expected("a number from 0 to 65535"),
    }
}

/// An idle limit of something on the path, or `auto`.
pub(super) fn idle_timeout(value: &Value) -> Reading<Option<Duration>> {
    if value.as_str() == Some("auto") {
        return Ok(None);
    }
    match duration(value) {
        Ok(timeout) if timeout >= IDLE_TIMEOUT_MIN => Ok(Some(timeout)),
        _ => expected("\"auto\" or a time from \"3s\" on, such as \"350s\""),
    }
}

/// An IPv4 address, or `auto`.
pub(super) fn passive_address(value: &Value) -> Reading<Option<Ipv4Addr>> {
    match value.as_str().map(|text| (text, text.parse::<Ipv4Addr>())) {
        Some(("auto", _)) => Ok(None),
        Some((_, Ok(address))) if !address.is_unspecified() => Ok(Some(address)),
        _ => expected("\"auto\" or an IPv4 address such as \"203.0.113.7\""),
    }
}

/// A range of ports; a bare number is one port.
pub(super) fn ports(value: &Value) -> Reading<PortRange> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.parse()
        .or_else(|_| expected("\"first-last\" or one port, 1 to 65535, first not above last"))
}

/// Who may connect to a passive port.
pub(super) fn data_peer(value: &Value) -> Reading<DataPeer> {
    match value.as_str() {
        Some("same") => return Ok(DataPeer::Same),
        Some("prefix") => return Ok(DataPeer::Prefix),
        Some("tls") => return Ok(DataPeer::Tls),
        _ => {}
    }
    match list(value, |text| text.parse::<IpNet>().ok()) {
        Some(networks) if !networks.is_empty() => {
            Ok(DataPeer::Networks(networks.into_iter().collect()))
        }
        _ => {
            expected("\"same\", \"prefix\", \"tls\" or a list of networks such as [\"10.0.0.0/8\"]")
        }
    }
}

/// One of some words.
pub(super) fn choice<T: Copy>(choices: &[(&str, T)]) -> impl Fn(&Value) -> Reading<T> {
    move |value| {
        let chosen = choices.iter().find(|(word, _)| value.as_str() == Some(word));
        chosen.map(|(_, choice)| *choice).ok_or_else(|| {
            let words = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>();
            Expected(format!("one of {}", words.join(", ")))
        })
    }
}

/// A time above zero.
pub(super) fn duration(value: &Value) -> Reading<Duration> {
    match duration_or_zero(value) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => expected(
            "a time above zero and up to ten years, such as \"90s\", \"10m\" or \"1h 30m\"",
        ),
    }
}

/// A time.
pub(super) fn duration_or_zero(value: &Value) -> Reading<Duration> {
    match value.as_str().map(humantime::parse_duration) {
        Some(Ok(duration)) if duration <= DURATION_MAX => Ok(duration),
        _ => expected("a time of up to ten years, such as \"0s\", \"90s\", \"10m\" or \"1h 30m\""),
    }
}

/// A number of bytes: a number, or one with a unit.
pub(super) fn size(value: &Value) -> Reading<u64> {
    let size = match value {
        Value::Integer(bytes) => u64::try_from(*bytes).ok(),
        Value::String(text) => bytes::parse(text),
        _ => None,
    };
    size.map_or_else(|| expected("a size such as \"64MiB\", \"10GB\" or a number of bytes"), Ok)
}

/// Bytes between two key exchanges of SSH.
pub(super) fn rekey_bytes(value: &Value) -> Reading<u64> {
    match size(value) {
        Ok(bytes) if (REKEY_BYTES_MIN..=REKEY_BYTES_MAX).contains(&bytes) => Ok(bytes),
        _ => expected("a size from \"64KiB\" to \"1GiB\""),
    }
}

/// Time between two key exchanges of SSH.
pub(super) fn rekey_interval(value: &Value) -> Reading<Duration> {
    match duration(value) {
        Ok(interval) if interval >= REKEY_INTERVAL_MIN => Ok(interval),
        _ => expected("a time from \"1s\" on, such as \"1h\""),
    }
}

/// How users prove over SSH who they are.
pub(super) fn methods(value: &Value) -> Reading<Methods> {
    let Some(chains) = list(value, |text| Some(text.to_owned())) else {
        return expected("a list of methods such as [\"publickey\", \"publickey+password\"]");
    };
    Methods::parse(chains.iter().map(String::as_str))
        .map_err(|why| Expected(format!("methods to log in by ({why})")))
}

/// Names of algorithms.
pub(super) fn algorithms(known: Algorithms) -> impl Fn(&Value) -> Reading<Vec<String>> {
    move |value| {
        let Some(names) = list(value, |text| Some(text.to_owned())) else {
            return Err(Expected(format!("a list of {}, [] for the defaults", known.what)));
        };
        let all = || known.all().collect::<Vec<_>>();
        match names.iter().find(|name| !all().contains(&name.as_str())) {
            None => Ok(names),
            Some(name) => Err(Expected(match closest(name, all()) {
                Some(near) => {
                    format!("{}; \"{name}\" is none, did you mean \"{near}\"?", known.what)
                }
                None => format!("{}; \"{name}\" is none of {}", known.what, all().join(", ")),
            })),
        }
    }
}

/// Permission bits in octal.
pub(super) fn umask(value: &Value) -> Reading<u32> {
    match value.as_str().map(|text| (text, u32::from_str_radix(text, 8))) {
        Some((text, Ok(mask))) if mask <= 0o777 && !text.starts_with('+') => Ok(mask),
        _ => expected("a text of three octal digits such as \"022\""),
    }
}

/// A filter of log events.
pub(super) fn filter(value: &Value) -> Reading<String> {
    let text = value.as_str().unwrap_or_default();
    if is_filter(text) { Ok(text.to_owned()) } else { expected(FILTER) }
}

/// Whether a text is a filter of log events. A lone word must be a level: as the name of a module, which it
/// would be otherwise, a slip of the pen would silence the log.
pub(crate) fn is_filter(text: &str) -> bool {
    let sound = |part: &str| part.contains('=') || part.trim().parse::<LevelFilter>().is_ok();
    !text.is_empty()
        && !text.contains(char::is_control)
        && text.split(',').all(sound)
        && text.parse::<Targets>().is_ok()
}

/// Lines that are kept of a session.
pub(super) fn ring(value: &Value) -> Reading<usize> {
    match value.as_integer().map(usize::try_from) {
        Some(Ok(lines)) if lines <= RING_LINES_MAX => Ok(lines),
        _ => expected("a number of lines from 0 to 1024"),
    }
}

/// All items of a list of texts, if each can be read.
fn list<T>(value: &Value, item: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(|value| item(value.as_str()?)).collect()
}

/// What a filter may be, to stand after "expected".
pub(crate) const FILTER: &str = "a level (off, error, warn, info, debug, trace) or a filter such as \"info,flotilla::session=debug\"";
/// What a thousand sessions keep then is half a gigabyte.
const RING_LINES_MAX: usize = 1024;
/// Below, there is no time for probes; no balancer in use has less than 10 s.
const IDLE_TIMEOUT_MIN: Duration = Duration::from_secs(3);
/// More threads than any machine has cores are a slip of the pen.
const WORKERS_MAX: usize = 1024;
/// Characters of a node's name: a DNS label has 63, a host name of Linux 64.
const NAME_CHARS_MAX: usize = 64;
/// What a name may be, to stand after "expected".
const NAME: &str = "1 to 64 letters, digits, dots, dashes and underscores";
/// Below, a connection would do little else than exchange keys.
const REKEY_BYTES_MIN: u64 = 64 << 10;
/// What RFC 4253, section 9 asks for, and the most that the transport takes.
const REKEY_BYTES_MAX: u64 = 1 << 30;
/// As for the bytes.
const REKEY_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Ten years: far above any use, far below where a deadline overflows.
const DURATION_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);
