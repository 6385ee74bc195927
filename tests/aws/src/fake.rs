//! A running fake.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::MutexGuard;
use std::time::Instant;

use crate::api;
use crate::control;
use crate::http::Server;
use crate::route53::{Prober, Resolver};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::world::World;

/// A fake with its listeners; all end when it is dropped.
#[derive(Debug)]
pub struct Fake {
    shared: Shared,
    api: Server,
    resolver: Resolver,
    _prober: Prober,
}

impl Fake {
    /// Starts one.
    ///
    /// # Errors
    /// An address is not free, or there are no threads.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::new(settings.bind, settings.api_port))?;
        let socket = UdpSocket::bind(SocketAddr::new(settings.bind, settings.dns_port))?;
        let shared = Shared::new(World::new(settings, Instant::now()));
        let handler = shared.clone();
        let api = Server::start(listener, move |request| {
            if request.path.starts_with("/fake/") {
                control::answer(&handler, request).into()
            } else {
                api::answer(&handler, request)
            }
        })?;
        let resolver = Resolver::start(socket, shared.clone())?;
        let prober = Prober::start(shared.clone())?;
        Ok(Self { shared, api, resolver, _prober: prober })
    }

    /// The world as it is now, to look at and to change. Nothing happens in it while this is held.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.shared.lock()
    }

    /// Of all services: `http://127.0.0.1:1234`.
    pub fn url(&self) -> String {
        format!("http://{}", self.api.address())
    }

    /// Where the name server is.
    pub fn dns(&self) -> SocketAddr {
        self.resolver.address()
    }
}
