//! Names of attributes: those of the semantic conventions of OpenTelemetry
//! (<https://opentelemetry.io/docs/specs/semconv/registry/attributes/>) where there is one, ours below `flotilla.`.

/// The client's address, behind a balancer as well.
pub(crate) const CLIENT: &str = "client.address";
/// The client's port.
pub(crate) const CLIENT_PORT: &str = "client.port";
/// Who made the connection, where it is not the client: a balancer.
pub(crate) const PEER: &str = "network.peer.address";
/// `ftp`, `ftps` or `ssh`.
pub(crate) const PROTOCOL: &str = "network.protocol.name";
/// The node's own address of the connection, or what the client dialled.
pub(crate) const SERVER: &str = "server.address";
/// Its port.
pub(crate) const SERVER_PORT: &str = "server.port";
/// Who is logged in, or wants to be.
pub(crate) const USER: &str = "user.name";
/// What the client says that it is.
pub(crate) const SOFTWARE: &str = "user_agent.original";
/// The file, as the client sees it.
pub(crate) const PATH: &str = "file.path";
/// The kind of a failure, in a word.
pub(crate) const ERROR: &str = "error.type";
/// `1.2` or `1.3`.
pub(crate) const TLS_VERSION: &str = "tls.protocol.version";
/// The cipher suite.
pub(crate) const TLS_CIPHER: &str = "tls.cipher";
/// Whether a TLS session was resumed.
pub(crate) const TLS_RESUMED: &str = "tls.resumed";

/// What kind of a store is called.
pub(crate) const DATABASE: &str = "db.system.name";
/// What it is asked to do: the name of a script.
pub(crate) const OPERATION: &str = "db.operation.name";

/// The session's number on its node, as in the log.
pub(crate) const SESSION: &str = "flotilla.session";
/// The command or request.
pub(crate) const COMMAND: &str = "flotilla.command";
/// The code of the reply, or the status.
pub(crate) const REPLY: &str = "flotilla.reply";
/// Bytes of a transfer.
pub(crate) const BYTES: &str = "flotilla.bytes";
/// Bytes per second of a transfer.
pub(crate) const RATE: &str = "flotilla.bytes_per_second";
/// `in` or `out`.
pub(crate) const DIRECTION: &str = "flotilla.direction";
/// Milliseconds until the first byte of a transfer.
pub(crate) const FIRST_BYTE: &str = "flotilla.first_byte_ms";
/// Milliseconds that a transfer waited for the storage.
pub(crate) const STORAGE_WAIT: &str = "flotilla.storage_wait_ms";
/// How somebody proved who he is.
pub(crate) const METHOD: &str = "flotilla.method";
/// Bytes that a relay brought from the client to the owner of the port.
pub(crate) const BYTES_INWARD: &str = "flotilla.bytes_inward";
/// And from there to the client.
pub(crate) const BYTES_OUTWARD: &str = "flotilla.bytes_outward";
/// Another node of the pool.
pub(crate) const NODE: &str = "flotilla.node";
/// What a login came to.
pub(crate) const RESULT: &str = "flotilla.result";
/// Who knew the user.
pub(crate) const BACKEND: &str = "flotilla.backend";
/// `passive` or `active`.
pub(crate) const ROUTE: &str = "flotilla.route";
/// Milliseconds until the TCP connection of a transfer stood.
pub(crate) const CONNECT: &str = "flotilla.connect_ms";
/// Milliseconds in a queue, before the work began.
pub(crate) const WAIT: &str = "flotilla.wait_ms";
/// How many files a session sent.
pub(crate) const UPLOADS: &str = "flotilla.uploads";
/// How many it fetched.
pub(crate) const DOWNLOADS: &str = "flotilla.downloads";
/// Bytes of the uploads.
pub(crate) const BYTES_IN: &str = "flotilla.bytes_in";
/// Bytes of the downloads.
pub(crate) const BYTES_OUT: &str = "flotilla.bytes_out";
/// Why it came so.
pub(crate) const REASON: &str = "flotilla.reason";
