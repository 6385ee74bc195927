//! A balancer that says whose a connection is only when the client has said something.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Header, Host, Network, VIP};
use crate::data::dial;

/// A balancer on the router that puts the header of version 2 in front of the client's first bytes,
/// and passes on what the server says before.
#[derive(Debug)]
pub struct LateProxy {
    router: Host,
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl LateProxy {
    /// One on this port, in front of a node.
    #[track_caller]
    pub fn start(network: &Network, port: u16, node: usize) -> Self {
        let (router, address) = (network.router().clone(), SocketAddr::from((VIP, port)));
        let target = SocketAddr::from((network.nodes()[node].v4(), port));
        let ended = Arc::new(AtomicBool::new(false));
        // Its threads are where it was made.
        let _inside = router.enter();
        let listener = TcpListener::bind(address).expect("the port is free");
        let end = Arc::clone(&ended);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::spawn(move || client.and_then(|client| serve(client, target)));
            }
        });
        Self { router: router.clone(), address, ended }
    }
}

impl Drop for LateProxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = self.router.run(|| TcpStream::connect(self.address));
    }
}

fn serve(mut client: TcpStream, target: SocketAddr) -> io::Result<()> {
    let header = Header::new(client.peer_addr()?, client.local_addr()?).v2();
    let mut server = dial(None, target)?;
    // It waits as long as the test does.
    server.set_read_timeout(None)?;
    client.set_nodelay(true)?;
    let (mut to_client, mut from_server) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
    let mut first = [0; 4096];
    let count = client.read(&mut first)?;
    if count > 0 {
        server.write_all(&[&header, &first[..count]].concat())?;
        io::copy(&mut client, &mut server)?;
    }
    server.shutdown(Shutdown::Write)
}
