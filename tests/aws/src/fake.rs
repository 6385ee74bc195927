//! A running fake.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::MutexGuard;
use std::time::Instant;

use crate::api;
use crate::control;
use crate::ec2::NewInstance;
use crate::http::Server;
use crate::metadata::Listeners;
use crate::route53::{Prober, Resolver};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::world::World;

/// A fake with its listeners; all end when it is dropped.
#[derive(Debug)]
pub struct Fake {
    bind: IpAddr,
    shared: Shared,
    listeners: Listeners,
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
        Self::start_on(settings, listener, socket)
    }

    /// Starts one on sockets of the caller, which may lie in another network; its checkers connect from the network
    /// of this thread.
    ///
    /// # Errors
    /// There are no threads.
    pub fn start_on(
        settings: Settings,
        listener: TcpListener,
        socket: UdpSocket,
    ) -> io::Result<Self> {
        let bind = settings.bind;
        let listeners = Listeners::default();
        let shared = Shared::new(World::new(settings, Instant::now()));
        let (handler, more) = (shared.clone(), listeners.clone());
        let api = Server::start(listener, move |request| {
            if request.path.starts_with("/fake/") {
                control::answer(&handler, &more, request).into()
            } else {
                api::answer(&handler, request)
            }
        })?;
        let resolver = Resolver::start(socket, shared.clone())?;
        let prober = Prober::start(shared.clone())?;
        Ok(Self { bind, shared, listeners, api, resolver, _prober: prober })
    }

    /// The world as it is now, to look at and to change. Nothing happens in it while this is held.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.shared.lock()
    }

    /// One more instance, and the address of its metadata: `http://127.0.0.1:1234`.
    ///
    /// # Errors
    /// No address is free, or there are no threads.
    pub fn add_instance(&self, wanted: NewInstance) -> io::Result<(String, String)> {
        let id = self.world().add_instance(wanted);
        let url = self.serve_metadata(&id, TcpListener::bind(SocketAddr::new(self.bind, 0))?)?;
        Ok((id, url))
    }

    /// Serves the metadata of an instance on a listener of the caller, which may be 169.254.169.254 in a network of
    /// its own, in place of the one that it had.
    ///
    /// # Errors
    /// There are no threads.
    pub fn serve_metadata(&self, instance: &str, listener: TcpListener) -> io::Result<String> {
        self.listeners.add(&self.shared, instance, listener)
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
