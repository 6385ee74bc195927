//! Several servers that are one pool.

use std::ops::{Index, IndexMut};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::network::{Host, names};
use crate::server::{Builder, both};
use crate::{Authority, Folder, Network, Redis, Server, TlsClient, User, Value, wait};

/// Nodes `n1`, `n2` and so on, of which each has an address and a data folder of its own; files,
/// users, certificate and pool secret are common. `fleet[0]` is `n1`.
#[derive(Debug)]
pub struct Fleet {
    nodes: Vec<Server>,
    common: Common,
}

/// A fleet to be started.
#[derive(Debug)]
pub struct Plan {
    common: Common,
}

/// What all nodes have.
#[derive(Debug)]
struct Common {
    folder: Folder,
    authority: Arc<Authority>,
    settings: Vec<(String, Value)>,
    /// Of the first node, the second and so on.
    apart: Vec<(String, Vec<Value>)>,
    users: Vec<User>,
    /// The computers of a network, of which each runs one node.
    hosts: Vec<Host>,
    /// How many nodes were made.
    made: AtomicUsize,
}

impl Fleet {
    /// So many nodes on this Redis, once they all know of each other.
    #[track_caller]
    pub fn start(redis: &Redis, count: usize) -> Self {
        Self::plan(redis.url()).start(count)
    }

    /// As [`Fleet::start`] with any `pool.store`, to be changed first.
    pub fn plan(store: impl Into<String>) -> Plan {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let (folder, authority) = (Folder::new(), Arc::new(Authority::new("Authority of a fleet")));
        authority.issue(&["localhost"]).write(&folder, "server");
        let secret = folder.write(SECRET, "the secret of all nodes of this test");
        close(&secret);
        std::fs::create_dir(folder.join("files")).expect("the root of all files can be made");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let pool = format!("test-{}-{number}", std::process::id());
        let users = vec![User::new("alice")];
        Plan {
            common: Common {
                folder,
                authority,
                settings: Vec::new(),
                apart: Vec::new(),
                users,
                hosts: Vec::new(),
                made: AtomicUsize::new(0),
            },
        }
        .set("pool.name", pool)
        .set("pool.store", store.into())
        .set("pool.secret_file", secret.as_path())
        .set("pool.shared_storage", true)
        // What is made is made for these, and these cost nothing to make.
        .set("ssh.host_key_algorithms", ["ssh-ed25519"])
    }

    /// The nodes that were started, whether they still run or not.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// How many that is.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether it has no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A path under the common root of all files.
    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.common.folder.join("files").join(name)
    }

    /// The file with the pool secret.
    pub fn secret_file(&self) -> PathBuf {
        self.common.folder.join(SECRET)
    }

    /// A client that trusts every node, with nothing to resume.
    pub fn tls(&self) -> TlsClient {
        TlsClient::new(&self.common.authority, std::net::Ipv4Addr::LOCALHOST.into())
            .named("localhost")
    }

    /// One more node of any name, not started.
    pub fn another(&self, id: &str) -> Builder {
        self.common.builder(id)
    }

    /// Starts one more node, or one that was changed by [`Fleet::another`]'s caller.
    #[track_caller]
    pub fn join(&mut self, node: Builder) -> &Server {
        self.nodes.push(node.start());
        &self.nodes[self.nodes.len() - 1]
    }

    /// Waits until every running node knows that all running ones are ready, and who leads.
    ///
    /// # Panics
    /// If it takes longer than [`GATHERING`].
    #[track_caller]
    pub fn wait_until_ready(&mut self) {
        let running: Vec<String> = (1..)
            .zip(&mut self.nodes)
            .filter_map(|(number, node)| node.is_running().then(|| name(number)))
            .collect();
        for node in self.nodes.iter_mut().filter_map(|node| node.is_running().then_some(&*node)) {
            wait::told(GATHERING, "the nodes to know each other", || {
                let told = node.try_tell(&["nodes"])?;
                let rows = told["nodes"].as_array()?;
                let ready = |id: &String| {
                    rows.iter().any(|row| row["id"] == **id && row["state"] == "ready")
                };
                (told["leader"].is_string() && running.iter().all(ready)).then_some(())
            });
        }
    }

    /// Waits until a node tells this state of another; empty: it does not know it.
    #[track_caller]
    pub fn wait_for_state(&self, deadline: Duration, seer: usize, id: &str, state: &str) {
        wait::told(deadline, &format!("{id} to be {state:?}"), || {
            (self.nodes[seer].state_of(id) == state).then_some(())
        });
    }

    /// Waits until all nodes tell this state of their store.
    #[track_caller]
    pub fn wait_for_store(&self, deadline: Duration, state: &str) {
        for node in &self.nodes {
            wait::told(deadline, &format!("the store to be {state}"), || {
                (node.store_state() == state).then_some(())
            });
        }
    }
}

impl Plan {
    /// Sets a key of the configuration of all nodes.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.common.settings.retain(|(present, _)| present != key);
        self.common.settings.push((key.to_owned(), value.into()));
        self
    }

    /// Sets a key of the first node to the first value, and so on.
    pub fn set_apart<V: Into<Value>>(
        mut self,
        key: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.common.apart.push((key.to_owned(), values));
        self
    }

    /// Runs the nodes on the computers of a network, in their order. Their certificate is also one
    /// for the addresses of balancers and for public ones.
    pub fn on(mut self, network: &Network) -> Self {
        self.common.authority.issue(&names()).write(&self.common.folder, "server");
        self.common.hosts = network.nodes().to_vec();
        self
    }

    /// Takes a key of the configuration of all nodes away again.
    pub fn unset(mut self, key: &str) -> Self {
        self.common.settings.retain(|(present, _)| present != key);
        self
    }

    /// Adds a user, in place of one of the same name.
    pub fn user(mut self, user: User) -> Self {
        self.common.users.retain(|present| present.name() != user.name());
        self.common.users.push(user);
        self
    }

    /// Puts a file under the common root.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.common.folder.write(Path::new("files").join(name), content);
        self
    }

    /// Puts a file that only its owner may read beside the common ones (a password, a token).
    pub fn secret(&self, name: &str, content: &str) -> PathBuf {
        let path = self.common.folder.write(name, content);
        close(&path);
        path
    }

    /// No node yet.
    pub fn prepare(self) -> Fleet {
        let users: Vec<String> = self.common.users.iter().map(User::to_toml).collect();
        self.common.folder.write("users.toml", users.join("\n"));
        Fleet { nodes: Vec::new(), common: self.common }
    }

    /// Starts so many nodes at once and waits until they all know of each other.
    #[track_caller]
    pub fn start(self, count: usize) -> Fleet {
        let mut fleet = self.start_apart(count);
        fleet.wait_until_ready();
        fleet
    }

    /// Starts so many nodes at once.
    #[track_caller]
    pub fn start_apart(self, count: usize) -> Fleet {
        let mut fleet = self.prepare();
        let builders: Vec<Builder> =
            (1..=count).map(|number| fleet.common.builder(&name(number))).collect();
        fleet.nodes = std::thread::scope(|scope| {
            let starting: Vec<_> =
                builders.into_iter().map(|builder| scope.spawn(|| builder.start())).collect();
            starting.into_iter().map(|node| node.join().expect("every node starts")).collect()
        });
        fleet
    }
}

impl Common {
    /// A node. Its ports are the same over restarts: the address is its own.
    fn builder(&self, id: &str) -> Builder {
        let builder = Builder::sharing(self.folder.path(), &self.authority).set("node.id", id);
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let builder = match self.hosts.get(number) {
            Some(host) => builder.on(host).set("ssh.listen", both(host, 22)),
            None => {
                assert!(self.hosts.is_empty(), "the network has no computer for {id}");
                let host = builder.address();
                builder
                    .set("ftp.listen", [format!("{host}:2121").as_str()])
                    .set("ftp.implicit_tls", Vec::<String>::new())
                    .set("ftp.passive.ports", "20000-20099")
                    .set("ssh.listen", [format!("{host}:2222").as_str()])
                    .set("health.listen", format!("{host}:8081"))
            }
        };
        let apart = self.apart.iter().filter_map(|(key, values)| Some((key, values.get(number)?)));
        let settings = self.settings.iter().map(|(key, value)| (key, value)).chain(apart);
        settings.fold(builder, |builder, (key, value)| builder.set(key, value.clone()))
    }
}

impl Index<usize> for Fleet {
    type Output = Server;

    fn index(&self, index: usize) -> &Server {
        &self.nodes[index]
    }
}

impl IndexMut<usize> for Fleet {
    fn index_mut(&mut self, index: usize) -> &mut Server {
        &mut self.nodes[index]
    }
}

impl Drop for Fleet {
    /// All are told to end before the end of the first is waited for.
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if node.is_running() {
                node.signal(Signal::TERM);
            }
        }
    }
}

/// What a node is called.
pub fn name(number: usize) -> String {
    format!("n{number}")
}

/// Nobody but the owner may read it.
pub fn close(path: &Path) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).expect("a mode can be set");
}

/// In the common folder.
const SECRET: &str = "pool.secret";

/// Two heartbeats to tell and to hear, and time for a busy machine.
pub const GATHERING: Duration = Duration::from_secs(15);
