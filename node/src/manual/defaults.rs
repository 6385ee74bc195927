//! Why the defaults are what they are.
//!
//! - **Ports 2121, 61000-61999, 8081**: above 1024, so that the program runs without privileges;
//!   the passive range lies above the ports that Linux gives to outgoing connections by itself
//!   (32768-60999), so that none of them is taken by accident.
//! - **`health.listen` on loopback**: metrics name users' traffic, and tokens of the admin API travel in
//!   clear; opening them is a decision.
//! - **Tokens of the admin API are made at every start**: whoever can read the node's files is its operator,
//!   and what nobody chose nobody has to change or can leak. A reader's token is no use for a change.
//! - **The admin API takes 32 requests at once, 5 seconds each**: operators are few, and a node that is
//!   asked by a script gone wild answers probes all the same.
//! - **`ftp.tls = "optional"`**: old clients must be able to come in at first start; whoever serves
//!   the internet sets `"required"`.
//! - **`ftp.active_mode = true`**: safe, as it leads to the client's own address and to no port
//!   below 1024, and some clients have nothing else.
//! - **`ftp.passive.data_peer = "same"`**: a data connection from another address is a thief far
//!   more often than a client behind many addresses; the latter is what `"prefix"`, a list and
//!   `"tls"` are for.
//! - **`ftp.passive.data_reuse = "match"`**: refuses a session that belongs to somebody else, and
//!   lets in clients that do not resume at all. `"require"` is stronger and locks those out.
//! - **`ftp.anonymous = false`**, and read-only when on: what strangers may write, strangers find.
//! - **`tls.min_version = "1.2"`**: 1.0 and 1.1 are withdrawn (RFC 8996).
//! - **`storage.atomic_uploads = true`**, `on_abort = "keep"`: a reader never sees half a file, and
//!   a client on a bad line loses nothing. A week is enough to come back and resume.
//! - **`storage.umask = "022"`**: what other servers and login shells have.
//! - **`storage.reserve = "64MiB"`**: the users file, logs and temporary files beside the storage
//!   go on when users have filled it.
//! - **`storage.timeout = "30s"`**: longer than a disk that spins up or a file server that fails
//!   over in the usual way, shorter than the patience of clients.
//! - **`limits.login_attempts = 5`, `ban_after = 10` in `10m` for `30m`**: a person with a wrong
//!   password has enough tries, a machine has one in three minutes on average.
//! - **`limits.*` of sessions 0**: a limit that nobody chose is an outage that nobody expects. What
//!   protects the node itself, the descriptor limit, always holds.
//! - **`limits.unauthenticated_per_address = 256`**: a place without a login is held for milliseconds by
//!   those who mean it, and for `timeouts.login` by those who do not. 256 at once are many clients
//!   behind one address, and far too few to fill a node. `limits.unauthenticated` bounds what many
//!   addresses do together; three quarters of the node stay for those who are logged in.
//! - **`pool.store = "embedded"`**: one node needs no Redis. It is the same agent on the same requests, answered in
//!   the process.
//! - **`pool.secret_file = ""`**: a secret that nobody chose would have to lie where it protects nothing. Without one
//!   nodes share what is no secret, and clients see different host keys.
//! - **`pool.shared_storage = true`**: a client that meets another node expects its files. Where they are not there,
//!   by a mount that failed or a root that was mistyped, the node should not be ready; who has apart what is
//!   apart on purpose says so. A node alone has nobody to differ from.
//! - **`timeouts.idle = "10m"`**: with the NOOPs that many clients send, long enough for a person;
//!   short enough that forgotten sessions do not add up.
//! - **`timeouts.drain = "10m"`**: transfers end on their own; what takes longer can resume.
//! - **`timeouts.drain_notice = "0s"`**: a node alone has nobody to warn, and a restart should not wait. With a name in Route 53 (`aws.dns_name`)
//!   it is the time in which resolvers forget the node.
//!   Behind a balancer, a little more than the time in which that notices an unready node.
//! - **`data_reuse = "match"`**: a data connection may resume only its own control connection's
//!   session. A ticket of another session is not honoured, rather than the connection refused: some
//!   clients keep one store of tickets for all of their sessions, and the full handshake that is
//!   left gives nobody more than a connection without a ticket has.
//! - **An upload writes up to 1 MiB on the session's own thread, in memory file systems only**: there it
//!   is a copy of some 300 us, as long as one `sendfile` of a download, and saves a hop to the pool and
//!   back. On a disk any write may wait for the journal or for dirty pages to be written back; not
//!   every file system can tell beforehand, and one write that waits stalls every session of the
//!   arbiter.
//! - **`tls.client_crl` needs a list that is in force for every certificate of the chain**: a list that
//!   was not renewed in time lets nobody in by certificate, for the alternative lets the revoked in.
//!   The node starts all the same, since passwords go on working; `flotilla check` refuses.
//! - **A storage that hangs is left behind at the end**: threads in a call that never returns can not be
//!   ended, so the node waits three seconds for them and exits; the kernel takes back the rest.
//! - **Exhausted passive ports leave readiness alone**: a port serves many addresses, so what is used
//!   up is used up for one client; were the node to turn unready, one client could take it out of
//!   the pool. The reply is 425, and `passive_refused` counts.
//! - **`ssh.listen` on 2222**: above 1024, as the others.
//! - **`ssh.kex`**: ML-KEM with X25519 first, which clients from OpenSSH 9.9 on have, and X25519 alone
//!   for all others. ssh-audit up to 3.3 has nothing to say against the defaults; later ones warn of
//!   X25519 alone, since recorded traffic may be read with a quantum computer one day. Who has new
//!   clients only sets `["mlkem768x25519-sha256"]`, and is warned of nothing.
//! - **`ssh.ciphers`**: AES-GCM costs less than chacha20-poly1305 where the processor has
//!   instructions for it. Of the two lists the client's order counts (RFC 4253, 7.1), and OpenSSH's
//!   clients name chacha20 first, so they use it wherever it is offered: the order reaches clients
//!   that have none of their own. **`ssh.prefer_hw_aes = false`** all the same: a client that has
//!   nothing but chacha20 should come in, until somebody decides otherwise.
//! - **`ssh.macs`**: only those that authenticate what was encrypted; ssh-audit warns of the others.
//!   AES-GCM and chacha20 need none; a client with neither and without these is too old, and
//!   `hmac-sha2-256` can be listed for it.
//! - **`ssh.host_key_algorithms`**: Ed25519, and RSA with 3072 bits for clients without it. ECDSA is
//!   offered where its key is named or its algorithm listed: ssh-audit calls the curves a failure, as
//!   nobody can say where their constants come from. Keys of *users* on these curves are taken: a
//!   hardware token may have nothing else, and the risk is the user's own.
//! - **`ssh.authentication`**: each method alone, as everywhere else.
//! - **`ssh.rekey_bytes = "1GiB"`, `ssh.rekey_interval = "1h"`**: what RFC 4253, section 9
//!   recommends.
//! - **`ssh.keepalive = "60s"`**: below what NATs and balancers forget connections after.
//! - **`ssh.startups = 100`**: a key exchange costs far more than a connection; who only begins them can
//!   not take more than this.
//! - **`ssh.channels = 10`**: clients use one or two; OpenSSH has the same limit.
