//! Where a server listens.

use std::net::SocketAddr;

/// Where the server listens, as it says itself in `run/addresses.json`.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses {
    pub(super) ftp: Vec<SocketAddr>,
    pub(super) ftps: Vec<SocketAddr>,
    pub(super) ssh: Vec<SocketAddr>,
    pub(super) health: Option<SocketAddr>,
}

impl Addresses {
    pub(super) fn parse(text: &str) -> Self {
        let json: serde_json::Value = serde_json::from_str(text).expect("addresses.json is JSON");
        let parse =
            |value: &serde_json::Value| -> Option<SocketAddr> { value.as_str()?.parse().ok() };
        let list = |name: &str| -> Vec<SocketAddr> {
            let values = json.get(name).and_then(|value| value.as_array());
            values.into_iter().flatten().filter_map(parse).collect()
        };
        Self {
            ftp: list("ftp"),
            ftps: list("ftps"),
            ssh: list("ssh"),
            health: json.get("health").and_then(parse),
        }
    }
}
