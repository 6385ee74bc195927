//! The listeners of all instances.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use super::answer::answer;
use crate::http::Server;
use crate::shared::Shared;

/// A service of metadata for each instance that has one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listeners(Arc<Mutex<BTreeMap<String, Server>>>);

impl Listeners {
    /// Serves an instance on a listener, which may lie in another network; its address.
    ///
    /// # Errors
    /// No thread.
    pub(crate) fn add(
        &self,
        shared: &Shared,
        instance: &str,
        listener: TcpListener,
    ) -> io::Result<String> {
        let (shared, id) = (shared.clone(), instance.to_owned());
        let server = Server::start(listener, move |request| answer(&shared, &id, request))?;
        let url = format!("http://{}", server.address());
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.insert(instance.to_owned(), server);
        Ok(url)
    }
}
