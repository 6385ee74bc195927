//! `[aws]`: what the node looks after in AWS.

use std::time::Duration;

use flotilla_cluster::lifecycle::Rebalance;
use toml::Value;

use super::value::{Expected, Reading, duration, optional_line};

/// `[aws]`.
#[derive(Clone, Debug)]
pub struct Aws {
    /// Whether anything is looked after at all.
    pub enabled: bool,
    /// `None`: the instance's.
    pub region: Option<String>,
    /// One URL for all services, instead of the region's.
    pub endpoint: Option<String>,
    /// Where the instance is told who it is.
    pub metadata: MetadataSource,
    /// Its id, if it is not told.
    pub instance: Option<String>,
    /// The zone of Route 53, by id or name; `None`: by `dns_name`.
    pub dns_zone: Option<String>,
    /// The name of the pool; `None`: DNS is not looked after.
    pub dns_name: Option<String>,
    /// Another name for SFTP.
    pub dns_sftp_name: Option<String>,
    /// How answers are chosen.
    pub dns_policy: DnsPolicy,
    /// Where clients of this node are, for `geolocation`.
    pub dns_location: DnsLocation,
    /// How long resolvers keep an answer.
    pub dns_ttl: Duration,
    /// Which address of a node is in the records.
    pub dns_address: DnsAddress,
    /// Its share of clients when it has nothing to do, 1 to 255; `None`: by its processors.
    pub dns_weight: Option<u8>,
    /// What health checks connect to.
    pub dns_check: DnsCheck,
    /// Between two health checks: 10 or 30 s.
    pub dns_check_interval: Duration,
    /// Whether security groups are looked after.
    pub security_groups: bool,
    /// The group for FTP, by id; `None`: found by its tag, or made.
    pub group_ftp: Option<String>,
    /// The group for SSH.
    pub group_ssh: Option<String>,
    /// The group for relays and health checks.
    pub group_pool: Option<String>,
    /// The load balancer in front.
    pub balancer: BalancerSource,
    /// Whether its settings are mended, not only checked.
    pub balancer_changes: bool,
    /// Whether notices of AWS drain the node.
    pub lifecycle: bool,
    /// What a recommendation to rebalance does.
    pub rebalance: Rebalance,
    /// Whether long transfers protect the instance from scale-in.
    pub protect: bool,
}

/// Where an instance is told who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataSource {
    /// Where every instance and task finds it.
    Auto,
    /// Nobody is asked.
    Off,
    /// The service at this URL.
    At(String),
}

/// Which load balancer stands in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BalancerSource {
    /// The one that has this instance among its targets.
    Auto,
    /// None is asked about.
    Off,
    /// The one with this name or ARN.
    Named(String),
}

/// How Route 53 chooses among the records of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsPolicy {
    /// By weight.
    Weighted,
    /// Up to eight healthy ones.
    Multivalue,
    /// By the region that is nearest in time, and there by weight.
    Latency,
    /// By where the client is.
    Geolocation,
}

/// A location of Route 53.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsLocation {
    /// Who is nowhere else: `*`.
    Default,
    /// A continent: `c:EU`.
    Continent(String),
    /// A country: `DE`.
    Country(String),
    /// A part of one: `US-CA`.
    Subdivision(String, String),
}

/// Which address of a node is in the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsAddress {
    /// The one that it is reached at from everywhere.
    Public,
    /// The one in its VPC, where all clients are inside.
    Private,
}

/// What a health check connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsCheck {
    /// `health.tcp`, which is open only while the node is ready.
    Health,
    /// The first FTP listener.
    Ftp,
    /// The first SSH listener.
    Ssh,
    /// There are none.
    Off,
}

/// The policies by name.
pub(super) const DNS_POLICIES: &[(&str, DnsPolicy)] = &[
    ("weighted", DnsPolicy::Weighted),
    ("multivalue", DnsPolicy::Multivalue),
    ("latency", DnsPolicy::Latency),
    ("geolocation", DnsPolicy::Geolocation),
];

/// The addresses by name.
pub(super) const DNS_ADDRESSES: &[(&str, DnsAddress)] =
    &[("public", DnsAddress::Public), ("private", DnsAddress::Private)];

/// The targets of health checks by name.
pub(super) const DNS_CHECKS: &[(&str, DnsCheck)] = &[
    ("health", DnsCheck::Health),
    ("ftp", DnsCheck::Ftp),
    ("ssh", DnsCheck::Ssh),
    ("off", DnsCheck::Off),
];

/// What a recommendation to rebalance does, by name.
pub(super) const REBALANCES: &[(&str, Rebalance)] =
    &[("lighten", Rebalance::Lighten), ("drain", Rebalance::Drain), ("ignore", Rebalance::Ignore)];

/// The intervals that Route 53 has (`RequestInterval` of `CreateHealthCheck`).
pub(super) const DNS_CHECK_INTERVALS: &[(&str, Duration)] =
    &[("10s", Duration::from_secs(10)), ("30s", Duration::from_secs(30))];

/// A word, or `auto`.
pub(super) fn word_or_auto(value: &Value) -> Reading<Option<String>> {
    Ok(optional_line(value)?.filter(|text| text != "auto"))
}

/// A URL, or nothing.
pub(super) fn optional_url(value: &Value) -> Reading<Option<String>> {
    match optional_line(value)? {
        Some(url) if !is_url(&url) => {
            Err(Expected("a URL such as \"http://127.0.0.1:4566\", or nothing".to_owned()))
        }
        url => Ok(url.map(|url| url.trim_end_matches('/').to_owned())),
    }
}

/// Where the metadata service is.
pub(super) fn metadata(value: &Value) -> Reading<MetadataSource> {
    match value.as_str() {
        Some("auto") => Ok(MetadataSource::Auto),
        Some("off") => Ok(MetadataSource::Off),
        Some(url) if is_url(url) => Ok(MetadataSource::At(url.trim_end_matches('/').to_owned())),
        _ => Err(Expected(
            "\"auto\", \"off\" or a URL such as \"http://169.254.169.254\"".to_owned(),
        )),
    }
}

/// Which balancer.
pub(super) fn balancer(value: &Value) -> Reading<BalancerSource> {
    match optional_line(value)?.as_deref() {
        Some("auto") => Ok(BalancerSource::Auto),
        Some("off") => Ok(BalancerSource::Off),
        Some(name) => Ok(BalancerSource::Named(name.to_owned())),
        None => Err(Expected("\"auto\", \"off\", or a name or ARN of a balancer".to_owned())),
    }
}

/// A name in DNS, without the final dot, or nothing.
pub(super) fn optional_domain(value: &Value) -> Reading<Option<String>> {
    let Some(name) = optional_line(value)? else { return Ok(None) };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let fits = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        (1..=63).contains(&label.len()) && label.chars().all(inner)
    };
    match name.len() <= DOMAIN_MAX && name.contains('.') && name.split('.').all(fits) {
        true => Ok(Some(name)),
        false => Err(Expected("a name such as \"ftp.example.org\", or nothing".to_owned())),
    }
}

/// How long an answer of DNS is kept.
pub(super) fn dns_ttl(value: &Value) -> Reading<Duration> {
    match duration(value) {
        Ok(ttl) if ttl.subsec_nanos() == 0 && ttl <= TTL_MAX => Ok(ttl),
        _ => Err(Expected("whole seconds from \"1s\" to \"1d\"".to_owned())),
    }
}

/// A weight of Route 53, or 0.
pub(super) fn dns_weight(value: &Value) -> Reading<Option<u8>> {
    match value.as_integer().map(u8::try_from) {
        Some(Ok(0)) => Ok(None),
        Some(Ok(weight)) => Ok(Some(weight)),
        _ => Err(Expected("a number from 1 to 255, or 0 for one by the processors".to_owned())),
    }
}

/// A location of Route 53.
pub(super) fn location(value: &Value) -> Reading<DnsLocation> {
    let code =
        |text: &str, length| text.len() == length && text.chars().all(|c| c.is_ascii_uppercase());
    match optional_line(value)?.as_deref() {
        None | Some("*") => Ok(DnsLocation::Default),
        Some(text) => match (text.strip_prefix("c:"), text.split_once('-')) {
            (Some(continent), _) if code(continent, 2) => {
                Ok(DnsLocation::Continent(continent.to_owned()))
            }
            (None, None) if code(text, 2) => Ok(DnsLocation::Country(text.to_owned())),
            (None, Some((country, part))) if code(country, 2) && (1..=3).contains(&part.len()) => {
                Ok(DnsLocation::Subdivision(country.to_owned(), part.to_owned()))
            }
            _ => Err(Expected(
                "\"*\", a continent such as \"c:EU\", a country such as \"DE\" or a part of one \
                 such as \"US-CA\""
                    .to_owned(),
            )),
        },
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}

/// RFC 1035, 2.3.4, as text.
const DOMAIN_MAX: usize = 253;
/// A record that is kept for longer is no help in a fleet that changes.
const TTL_MAX: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    #[test]
    fn locations_are_read() {
        let read = |word: &str| location(&text(word)).ok();
        assert_eq!(read("*"), Some(DnsLocation::Default));
        assert_eq!(read("c:EU"), Some(DnsLocation::Continent("EU".to_owned())));
        assert_eq!(read("DE"), Some(DnsLocation::Country("DE".to_owned())));
        let california = DnsLocation::Subdivision("US".to_owned(), "CA".to_owned());
        assert_eq!(read("US-CA"), Some(california));
        for odd in ["de", "EUR", "c:E", "US-", "US-CALI"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[test]
    fn names_and_urls_are_read() {
        let name = |word: &str| optional_domain(&text(word)).ok().flatten();
        assert_eq!(name("FTP.example.org.").as_deref(), Some("ftp.example.org"));
        assert_eq!(name("localhost"), None);
        assert_eq!(name("a..b"), None);
        assert_eq!(metadata(&text("off")).ok(), Some(MetadataSource::Off));
        let at = MetadataSource::At("http://10.0.0.1:1338".to_owned());
        assert_eq!(metadata(&text("http://10.0.0.1:1338/")).ok(), Some(at));
        assert!(metadata(&text("10.0.0.1")).is_err());
        assert!(optional_url(&text("ftp://x")).is_err());
    }
}
