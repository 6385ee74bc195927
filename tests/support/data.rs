//! The client's end of a data connection.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

use crate::tls::Stream;
use crate::{DEADLINE, TlsClient};

/// A data connection.
#[derive(Debug)]
pub struct Data(Stream);

impl Data {
    /// Connects to a passive port.
    ///
    /// # Errors
    /// As the socket's; the connection is given [`DEADLINE`].
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        dial(None, address).map(|tcp| Self(Stream::Clear(tcp)))
    }

    /// Connects from a chosen address.
    ///
    /// # Errors
    /// As [`Data::connect`].
    pub fn connect_from(source: IpAddr, address: SocketAddr) -> io::Result<Self> {
        dial(Some(source), address).map(|tcp| Self(Stream::Clear(tcp)))
    }

    /// Accepts the server's connection in active mode, within [`DEADLINE`].
    ///
    /// # Panics
    /// If nobody connects.
    pub fn accept(listener: &TcpListener) -> Self {
        listener.set_nonblocking(true).expect("a listener can be set not to block");
        let tcp = crate::wait::until("the server's data connection", || listener.accept().ok()).0;
        tcp.set_nonblocking(false).expect("a socket can be set to block");
        deadlines(&tcp);
        Self(Stream::Clear(tcp))
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// As [`TlsClient::connect`].
    pub fn secure(self, tls: &TlsClient) -> io::Result<Self> {
        match self.0 {
            Stream::Clear(tcp) => tls.connect(tcp).map(Self),
            Stream::Tls(_) => Err(io::Error::other("already under TLS")),
        }
    }

    /// The connection itself.
    pub fn stream(&mut self) -> &mut Stream {
        &mut self.0
    }

    /// Everything up to the end of the stream, which must be a proper one: TCP's end in clear, the
    /// TLS alert under TLS.
    ///
    /// # Errors
    /// A reset, a time-out, or a TLS stream that was cut off.
    pub fn read_all(mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes)?;
        if matches!(self.0, Stream::Tls(_)) {
            let _ = self.0.finish();
        }
        Ok(bytes)
    }

    /// Exactly `length` bytes.
    ///
    /// # Errors
    /// As the socket's.
    pub fn read(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).map(|()| bytes)
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// As the socket's.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    /// Sends the rest, ends the stream properly, and waits for the server to do the same: closing
    /// with something unread (a session ticket) would reset the connection and lose what is still
    /// on its way.
    ///
    /// # Errors
    /// As the socket's, but for how the server ends its side, which is [`Data::read_all`]'s affair.
    pub fn finish(mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes)?;
        self.0.finish()?;
        let _ = self.0.read_to_end(&mut Vec::new());
        Ok(())
    }

    /// Sends the rest, ends the stream and closes without having read a byte, as many clients do.
    ///
    /// # Errors
    /// As the socket's.
    pub fn finish_unread(mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes)?;
        self.0.finish()
    }

    /// Breaks the connection.
    pub fn reset(self) {
        self.0.reset();
    }

    /// Whether the peer has closed the connection without sending a byte, judged within
    /// [`DEADLINE`].
    pub fn is_refused(mut self) -> bool {
        match self.0.read(&mut [0; 1]) {
            Ok(count) => count == 0,
            Err(error) => !matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
            ),
        }
    }
}

/// Connects from an address (or any) within [`DEADLINE`], which is also set for every read and
/// write.
///
/// # Errors
/// As the socket's.
pub fn dial(source: Option<IpAddr>, address: SocketAddr) -> io::Result<TcpStream> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect_timeout(&address.into(), DEADLINE)?;
    let tcp = TcpStream::from(socket);
    tcp.set_nodelay(true)?;
    deadlines(&tcp);
    Ok(tcp)
}

fn deadlines(tcp: &TcpStream) {
    tcp.set_read_timeout(Some(DEADLINE)).expect("a socket has time-outs");
    tcp.set_write_timeout(Some(DEADLINE)).expect("a socket has time-outs");
}
