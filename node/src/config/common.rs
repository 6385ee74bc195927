//! The settings that should be the same on all nodes of a pool: what a client would notice.

use std::collections::BTreeMap;

use super::origins::Origins;

/// Values by key, as text.
pub type Common = BTreeMap<String, String>;

/// What the nodes of a pool compare. Keys that say where something is on this machine, or how strong it is,
/// are its own.
pub(super) fn common(origins: &Origins) -> Common {
    let is_own = |name: &str| OWN.iter().any(|own| name.starts_with(own));
    let mut common: Common = origins
        .settings()
        .filter(|(key, _)| !is_own(key.name))
        .map(|(key, setting)| (key.name.to_owned(), setting.value.to_string()))
        .collect();
    for (index, host) in origins.hosts().enumerate() {
        for (key, setting) in host.filter(|(key, _)| !is_own(key.name)) {
            common.insert(format!("{}[{index}]", key.name), setting.value.to_string());
        }
    }
    common
}

/// Keys, or beginnings of keys, of a node's own.
const OWN: &[&str] = &[
    "aws.dns_location",
    "aws.dns_weight",
    "aws.endpoint",
    "aws.instance",
    "aws.metadata",
    "aws.region",
    "node.",
    "ftp.listen",
    "ftp.implicit_tls",
    "ftp.passive.address",
    "ingress.listeners",
    "ssh.listen",
    "ssh.host_keys",
    "ssh.startups",
    "ssh.user_ca_keys",
    "ssh.revoked_keys",
    "tls.certificate",
    "tls.key",
    "tls.client_ca",
    "tls.client_crl",
    "host.certificate",
    "host.key",
    "host.root",
    "users.file",
    "storage.root",
    "limits.connections",
    "limits.unauthenticated",
    "pool.",
    "admin.",
    "health.",
    "telemetry.",
    "relay.",
];

#[cfg(test)]
mod tests {
    use super::super::load_flags;

    #[test]
    fn what_clients_notice_is_compared() {
        let flags = [("limits.per_user", "3"), ("node.id", "a"), ("ftp.listen", "127.0.0.1:0")];
        let (config, _) = load_flags(&flags).unwrap();
        assert_eq!(config.common.get("limits.per_user").map(String::as_str), Some("3"));
        assert_eq!(config.common.get("ftp.tls").map(String::as_str), Some("\"optional\""));
        for own in
            ["node.id", "ftp.listen", "tls.certificate", "limits.unauthenticated_per_address"]
        {
            assert!(!config.common.contains_key(own), "{own}");
        }
    }
}
