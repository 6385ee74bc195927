//! A computer in a network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Inside, Namespace};
use crate::Program;

/// A computer: a namespace with an address of each family.
#[derive(Clone, Debug)]
pub struct Host {
    namespace: Namespace,
    v4: Ipv4Addr,
    v6: Ipv6Addr,
}

impl Host {
    pub(super) fn new(namespace: Namespace, v4: Ipv4Addr, v6: Ipv6Addr) -> Self {
        Self { namespace, v4, v6 }
    }

    /// Its IPv4 address.
    pub fn v4(&self) -> Ipv4Addr {
        self.v4
    }

    /// Its IPv6 address.
    pub fn v6(&self) -> Ipv6Addr {
        self.v6
    }

    /// Its address of the same family as another.
    pub fn like(&self, other: IpAddr) -> IpAddr {
        match other {
            IpAddr::V4(_) => self.v4.into(),
            IpAddr::V6(_) => self.v6.into(),
        }
    }

    /// Its namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// As [`Namespace::enter`].
    #[track_caller]
    pub fn enter(&self) -> Inside {
        self.namespace.enter()
    }

    /// As [`Namespace::run`].
    #[track_caller]
    pub fn run<T>(&self, what: impl FnOnce() -> T) -> T {
        self.namespace.run(what)
    }

    /// Runs these lines of `ip` in it.
    #[track_caller]
    pub(super) fn ip(&self, lines: &[String]) {
        let text = lines.join("\n") + "\n";
        Program::new("ip").args(["-batch", "-"]).stdin(text).on(self).succeed();
    }

    /// Sets a value below `/proc/sys/net`.
    #[track_caller]
    pub(super) fn sysctl(&self, name: &str, value: impl ToString) {
        let path = format!("/proc/sys/net/{}", name.replace('.', "/"));
        let set = self.run(|| std::fs::write(&path, value.to_string()));
        assert!(set.is_ok(), "{path}: {set:?}");
    }
}
