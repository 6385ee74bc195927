//! A master, a replica, and three Sentinels that watch them.

use super::{Server, wait_until};

/// All of them, behind one password.
pub(crate) struct Sentinels {
    /// The first one is the master at the beginning.
    pub(crate) servers: [Server; 2],
    sentinels: Vec<Server>,
}

pub(crate) const PASSWORD: &str = "hush";

impl Sentinels {
    /// Starts them, and waits until a failover is possible.
    pub(crate) fn start() -> Self {
        let secured = [format!("requirepass {PASSWORD}"), format!("masterauth {PASSWORD}")];
        let secured = secured.each_ref().map(String::as_str);
        let master = Server::start(&secured);
        let port = master.port;
        let replica = Server::with(
            |_, _| {
                let of_master = [
                    format!("replicaof 127.0.0.1 {port}"),
                    "repl-diskless-sync-delay 0".to_owned(),
                ];
                secured.iter().map(|&line| line.to_owned()).chain(of_master).collect()
            },
            &[],
        );
        let sentinel = |_| {
            let settings = move |_: u16, _: &std::path::Path| {
                vec![
                    format!("requirepass {PASSWORD}"),
                    format!("sentinel sentinel-pass {PASSWORD}"),
                    format!("sentinel monitor main 127.0.0.1 {port} 2"),
                    format!("sentinel auth-pass main {PASSWORD}"),
                    "sentinel down-after-milliseconds main 500".to_owned(),
                    "sentinel failover-timeout main 3000".to_owned(),
                ]
            };
            Server::with(settings, &["--sentinel"])
        };
        let all = Self { servers: [master, replica], sentinels: (0..3).map(sentinel).collect() };
        all.wait();
        all
    }

    /// What a node is told; one of the Sentinels never was.
    pub(crate) fn url(&self) -> String {
        let ports = self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port));
        let hosts: Vec<String> = ["127.0.0.1:1".to_owned()].into_iter().chain(ports).collect();
        format!("redis+sentinel://{}/main", hosts.join(","))
    }

    /// Until every Sentinel knows the replica, that it is well, and the other Sentinels.
    fn wait(&self) {
        for sentinel in &self.sentinels {
            wait_until(|| {
                let url = format!("redis://:{PASSWORD}@127.0.0.1:{}", sentinel.port);
                let mut operator = redis::Client::open(url).unwrap().get_connection().unwrap();
                let usable: Result<String, _> =
                    redis::cmd("SENTINEL").arg(&["CKQUORUM", "main"]).query(&mut operator);
                let replicas: Vec<std::collections::HashMap<String, String>> =
                    redis::cmd("SENTINEL").arg(&["REPLICAS", "main"]).query(&mut operator).unwrap();
                let linked = replicas.iter().any(|replica| replica["master-link-status"] == "ok");
                match usable {
                    Ok(text) if text.contains("3 usable") && linked => Ok(()),
                    other => Err(format!("{other:?}, a replica is linked: {linked}")),
                }
            });
        }
    }
}
