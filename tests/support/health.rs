//! Plain HTTP requests to the health listener.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use crate::data::dial;

/// Status and body of `GET path`.
///
/// # Errors
/// The socket's, or an answer that is no HTTP.
pub fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    ask(address, "GET", path, None)
}

/// Status and body of a request without a body, with a bearer token.
///
/// # Errors
/// As [`get`].
pub fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
) -> io::Result<(u16, String)> {
    let mut tcp = dial(None, address)?;
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let bearer = bearer.unwrap_or_default();
    write!(tcp, "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{bearer}")?;
    write!(tcp, "Content-Length: 0\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    tcp.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    status.zip(body).ok_or_else(|| io::Error::other(format!("no HTTP: {answer:?}")))
}
