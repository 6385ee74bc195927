//! A cluster of three masters with a replica each.

use std::process::{Command, Stdio};

use super::{Server, wait_until};

/// Its processes.
pub(crate) struct Cluster {
    pub(crate) servers: Vec<Server>,
}

impl Cluster {
    /// Starts them, and waits until every slot has an owner with a replica in step.
    pub(crate) fn start() -> Self {
        let server = |_| {
            let settings = |port: u16, _: &std::path::Path| {
                // By default it is 10000 above the port, where the range may end.
                let bus = if port > 50_000 { port - 15_000 } else { port + 15_000 };
                let settings = [
                    "cluster-enabled yes",
                    "cluster-node-timeout 1000",
                    "repl-diskless-sync-delay 0",
                    "cluster-replica-validity-factor 0",
                ];
                let settings = settings.map(str::to_owned).into_iter();
                settings.chain([format!("cluster-port {bus}")]).collect()
            };
            Server::with(settings, &[])
        };
        let cluster = Self { servers: (0..6).map(server).collect() };
        let hosts = cluster.servers.iter().map(|server| format!("127.0.0.1:{}", server.port));
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(hosts)
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .stdin(Stdio::null())
            .output()
            .expect("redis-cli comes with redis-server");
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        cluster.wait_for("cluster_state:ok", "CLUSTER INFO");
        cluster.wait_for_replicas();
        cluster
    }

    /// What a node is told: one that is not there, and one process.
    pub(crate) fn url(&self, index: usize) -> String {
        format!("redis+cluster://127.0.0.1:1,127.0.0.1:{}", self.servers[index].port)
    }

    /// The index of the process that owns the slot of a key.
    pub(crate) fn owner(&self, key: &str) -> usize {
        let is_owner = |server: &Server| {
            let asked: Result<i64, _> = redis::cmd("EXISTS").arg(key).query(&mut server.operator());
            asked.is_ok()
        };
        self.servers.iter().position(is_owner).unwrap()
    }

    /// The name of a process in the cluster.
    pub(crate) fn id(&self, index: usize) -> String {
        let mut operator = self.servers[index].operator();
        redis::cmd("CLUSTER").arg("MYID").query(&mut operator).unwrap()
    }

    fn wait_for(&self, text: &str, command: &str) {
        let words: Vec<&str> = command.split(' ').collect();
        for server in &self.servers {
            wait_until(|| {
                let mut operator = server.operator();
                let answer: String =
                    redis::cmd(words[0]).arg(&words[1..]).query(&mut operator).unwrap();
                if answer.contains(text) { Ok(()) } else { Err(answer) }
            });
        }
    }

    /// A replica that is not in step never takes over.
    fn wait_for_replicas(&self) {
        wait_until(|| {
            let linked = self.servers.iter().filter(|server| {
                let mut operator = server.operator();
                let info: String =
                    redis::cmd("INFO").arg("replication").query(&mut operator).unwrap();
                info.contains("master_link_status:up")
            });
            match linked.count() {
                3 => Ok(()),
                linked => Err(format!("only {linked} replicas are in step")),
            }
        });
    }
}
