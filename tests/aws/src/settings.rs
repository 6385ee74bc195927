//! How a fake begins.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// What can be chosen before it starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where all listeners are, unless said otherwise.
    pub bind: IpAddr,
    /// Of the API and of `/fake/`; 0 for any.
    pub api_port: u16,
    /// Of the DNS server; 0 for any.
    pub dns_port: u16,
    /// Twelve digits.
    pub account: String,
    /// Where all instances are.
    pub region: String,
    /// A change of a zone is PENDING so long: no other is taken by this zone, and its names are answered as
    /// before.
    pub pending_ms: u64,
    /// So much faster than in the world do health checkers work, in hundredths: 1000 makes an interval of 10 s
    /// one of 1 s.
    pub check_speed_percent: u32,
    /// So many checkers connect to each endpoint.
    pub checkers: u32,
    /// Of the network that is there at the start.
    pub vpc_cidr: Ipv4Net,
    /// Whether that is the default network of the account.
    pub default_vpc: bool,
    /// Checkers reach a public address by the private one behind it, as on one machine no router does that.
    pub reach_by_private: bool,
    /// Loopback and private addresses are taken for public ones, so that a pool on one machine has health checks.
    pub private_is_public: bool,
    /// Calls are limited by token buckets.
    pub throttle: bool,
    /// Of all that is left to chance.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            api_port: 0,
            dns_port: 0,
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            pending_ms: 1000,
            check_speed_percent: 100,
            checkers: 3,
            vpc_cidr: Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 16),
            default_vpc: false,
            reach_by_private: false,
            private_is_public: false,
            throttle: true,
            seed: 1,
        }
    }
}
