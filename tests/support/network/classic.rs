//! A balancer of connections, as AWS's Classic Load Balancer is one: it ends the clients'
//! connections itself, says in a header whose they are, and counts only payload against idleness.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use super::{Host, Network, VIP, VIP6};
use crate::{Folder, Program, wait};

/// haproxy on the router; dropped, it is killed.
#[derive(Debug)]
pub struct Classic {
    child: Child,
    folder: Folder,
}

/// One to be started.
#[derive(Debug)]
pub struct Plan {
    router: Host,
    nodes: Vec<Host>,
    idle: Duration,
    services: Vec<Service>,
}

/// Ports that are treated alike.
#[derive(Debug)]
struct Service {
    ports: (u16, u16),
    header: Option<Version>,
    nodes: Vec<usize>,
}

/// The version of the PROXY protocol that it speaks to nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A line.
    V1,
    /// Binary.
    V2,
}

impl Classic {
    /// One that serves nothing yet and is as patient as a test.
    pub fn plan(network: &Network) -> Plan {
        Plan {
            router: network.router().clone(),
            nodes: network.nodes().to_vec(),
            idle: Duration::from_secs(600),
            services: Vec::new(),
        }
    }
}

impl Plan {
    /// Serves a port by the nodes with these numbers, with a header or without.
    pub fn port(self, port: u16, header: impl Into<Option<Version>>, nodes: &[usize]) -> Self {
        self.ports((port, port), header, nodes)
    }

    /// Serves the ports from the first to the last.
    pub fn ports(
        mut self,
        ports: (u16, u16),
        header: impl Into<Option<Version>>,
        nodes: &[usize],
    ) -> Self {
        self.services.push(Service { ports, header: header.into(), nodes: nodes.to_vec() });
        self
    }

    /// Closes connections on which nobody sends a byte, either way, for so long.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Starts it and waits until it listens.
    #[track_caller]
    pub fn start(self) -> Classic {
        // As little as possible waits in the kernels on the way: what they still have to deliver when
        // a client has said all looks idle to the balancer.
        for host in self.nodes.iter().chain([&self.router]) {
            host.sysctl("ipv4.tcp_rmem", "4096 65536 65536");
            host.sysctl("ipv4.tcp_wmem", "4096 65536 65536");
        }
        let folder = Folder::new();
        let config = folder.write("haproxy.cfg", self.config());
        let log = folder.join("haproxy.log");
        // In the foreground, without a master.
        let program = Program::new("haproxy").args(["-db", "-f"]).arg(config).on(&self.router);
        let child = program.start(&log).unwrap_or_else(|error| {
            panic!("can not run haproxy: {error} (tests/run installs what the tests need)")
        });
        let mut classic = Classic { child, folder };
        let last = self.services.iter().map(|service| service.ports.1).max().unwrap_or_default();
        wait::until("haproxy to listen", || {
            let ended = classic.child.try_wait().ok().flatten();
            assert!(ended.is_none(), "haproxy ended: {}", classic.log());
            listens(classic.child.id(), last).then_some(())
        });
        classic
    }

    fn config(&self) -> String {
        let idle = self.idle.as_millis();
        // That of a tunnel is what counts: silence of both sides.
        let mut text = format!(
            "global\n    maxconn 4000\ndefaults\n    mode tcp\n    balance random\n    \
             timeout connect 5s\n    timeout client {idle}ms\n    timeout server {idle}ms\n    \
             timeout tunnel {idle}ms\n"
        );
        for (number, Service { ports: (first, last), header, nodes }) in
            self.services.iter().enumerate()
        {
            let _ = writeln!(text, "listen service{number}");
            let _ = writeln!(text, "    bind {VIP}:{first}-{last}");
            let _ = writeln!(text, "    bind [{VIP6}]:{first}-{last}");
            let says = match header {
                None => "",
                Some(Version::V1) => " send-proxy",
                Some(Version::V2) => " send-proxy-v2",
            };
            for node in nodes {
                // No port: that to which the client has connected.
                let _ = writeln!(text, "    server n{node} {}{says}", self.nodes[*node].v4());
            }
        }
        text
    }
}

impl Classic {
    /// What it said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("haproxy.log")
    }
}

impl Drop for Classic {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of haproxy\n{}--- end of the log", self.log());
        }
    }
}

/// Whether there is a listener on this port in the network of a process; asked of the kernel, since
/// a connection would go through to a node.
fn listens(pid: u32, port: u16) -> bool {
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap_or_default();
    let (port, listening) = (format!(":{port:04X}"), "0A");
    table.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let local = words.next().is_some_and(|address| address.ends_with(&port));
        local && words.nth(1) == Some(listening)
    })
}
