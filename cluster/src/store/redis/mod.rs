//! The store of a pool: Redis 6 or later, alone, under Sentinels or as a cluster.
//!
//! Every request is one script with the server's clock, so it is carried out as a whole or not at all.
//! The scripts do what [`State`](super::State) does; where that looks at everything at once, they look
//! at parts, in such a way that no answer differs.
//!
//! # What Redis must let the user do
//! Keys and channels `flotilla:{POOL}:*`, and the commands of
//! `+@read +@write +@connection +eval +evalsha +publish +subscribe +time`, under Sentinels `+role` too.
//! Keys must not be evicted: `maxmemory-policy noeviction`.
//!
//! # TLS
//! The name in the address must stand in the certificate of the server. Sentinels and members of a
//! cluster name others, by IP addresses unless they are told to announce host names: then those must.

mod address;
mod decode;
mod dial;
mod encode;
mod fault;
mod flaw;
mod hint;
mod line;
mod link;
mod script;

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use zeroize::Zeroizing;

pub use address::{Address, AddressError};

use self::dial::Dialer;
use self::encode::Keys;
use self::flaw::Told;
use self::link::Link;
use super::{Call, Hint, Request, Store, StoreError};

/// A pool's state in Redis.
pub struct Redis {
    name: String,
    keys: Keys,
    link: Link,
    hints: RefCell<hint::Receiver>,
    /// Microseconds since 1970; `None`: the clock of the server.
    clock: Option<Box<dyn Fn() -> u64>>,
    limit: Duration,
    told: Rc<RefCell<Told>>,
}

/// How Redis is reached.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it is, and which user asks.
    pub address: Address,
    /// The user's password.
    pub password: Option<Password>,
    /// PEM authorities of the certificate; `None`: those of the system.
    pub ca: Option<Vec<u8>>,
    /// The name of the pool.
    pub pool: String,
    /// How long a request may take.
    pub response_limit: Duration,
    /// How long it may take to reach one server.
    pub connect_limit: Duration,
}

/// A password, which is not shown and is wiped when it is dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Redis {
    /// Begins to connect, in a task of the tokio runtime that this must be called on. Does not wait for
    /// it: requests are refused until there is a connection.
    pub fn open(options: Options) -> Self {
        let keys = Keys::new(&options.pool);
        let (name, limit) = (options.address.describe(), options.response_limit);
        let (sender, receiver) = hint::channel();
        let dialer = Dialer::new(options, keys.clone(), sender.clone());
        let link = Link::open(dialer, sender, name.clone());
        let (hints, told) = (RefCell::new(receiver), Rc::default());
        Self { name, keys, link, hints, clock: None, limit, told }
    }

    /// As [`open`](Self::open), for tests: what expires is judged by this clock, microseconds since
    /// 1970, and not by that of the server.
    pub fn with_clock(options: Options, clock: impl Fn() -> u64 + 'static) -> Self {
        Self { clock: Some(Box::new(clock)), ..Self::open(options) }
    }

    /// Waits until there is a connection.
    ///
    /// # Errors
    /// There is none after this time, or there can be none: the store denies it.
    pub async fn connected(&self, within: Duration) -> Result<(), StoreError> {
        self.link.connected(within).await
    }
}

impl Store for Redis {
    fn call(&self, request: Request) -> Call {
        let line = match self.link.line() {
            Ok(line) => line,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let clock = self.clock.as_ref().map(|clock| clock().to_string().into_bytes());
        let plan = self.keys.plan(request, clock.unwrap_or_default());
        Box::pin(line.run(self.keys.clone(), plan, self.limit, Rc::clone(&self.told)))
    }

    fn hint(&self) -> Pin<Box<dyn Future<Output = Hint> + '_>> {
        Box::pin(std::future::poll_fn(|context| self.hints.borrow_mut().poll(context)))
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Options {
    /// Without a password or authorities, with the usual limits.
    pub fn new(address: Address, pool: &str) -> Self {
        Self {
            address,
            password: None,
            ca: None,
            pool: pool.to_owned(),
            response_limit: RESPONSE_LIMIT,
            connect_limit: CONNECT_LIMIT,
        }
    }
}

impl Password {
    /// Takes a password.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A login waits for no longer; a script takes a thousandth of it.
const RESPONSE_LIMIT: Duration = Duration::from_millis(500);
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
