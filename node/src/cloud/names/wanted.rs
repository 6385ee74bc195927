//! What the configuration wants of the pool's names.

use flotilla_cluster::dns::{CheckInterval, Policy, Settings};

use crate::config::{Config, DnsCheck, DnsPolicy, Mode};
use crate::ingress;

/// What is wanted, in this zone; `None`: nothing is.
pub(crate) fn settings(config: &Config, zone: &str) -> Option<Settings> {
    let aws = &config.aws;
    let name = aws.dns_name.clone()?;
    let interval = match aws.dns_check_interval.as_secs() {
        ..=10 => CheckInterval::Ten,
        _ => CheckInterval::Thirty,
    };
    Some(Settings {
        pool: config.pool.name.clone(),
        zone: zone.to_owned(),
        name,
        sftp_name: aws.dns_sftp_name.clone(),
        policy: match aws.dns_policy {
            DnsPolicy::Weighted => Policy::Weighted,
            DnsPolicy::Multivalue => Policy::Multivalue,
            DnsPolicy::Latency => Policy::Latency,
            DnsPolicy::Geolocation => Policy::Geolocation,
        },
        ttl: u32::try_from(aws.dns_ttl.as_secs()).unwrap_or(u32::MAX),
        check: (aws.dns_check != DnsCheck::Off).then_some(interval),
    })
}

/// Why no names are kept although one is configured.
pub(crate) fn objection(config: &Config) -> Option<String> {
    let mode = match ingress::mode(config) {
        Mode::Balanced => "balanced",
        Mode::Shared => "shared",
        Mode::Direct | Mode::Auto => return None,
    };
    Some(format!(
        "aws.dns_name is not kept in mode {mode}: clients come through what stands in front of the nodes, so make \
         the name an alias of that"
    ))
}
