//! Version 1: `PROXY TCP4 192.0.2.9 192.0.2.1 40000 21` and CR LF (`proxy-protocol.txt`, 2.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::{Field, Header, ProxyError, V1_BYTES_MAX, V1_SIGNATURE};

/// Reads a line of which another byte arrived; `None` while its end is missing.
pub(super) fn parse(line: &[u8]) -> Result<Option<Header>, ProxyError> {
    match line {
        [text @ .., b'\r', b'\n'] => header(text).map(Some),
        // An end of another kind could be taken for one by somebody else on the way.
        [.., b'\n'] | [.., b'\r', _] => Err(ProxyError::BadField(Field::End)),
        _ if line.len() >= V1_BYTES_MAX => Err(ProxyError::LineTooLong),
        _ => Ok(None),
    }
}

fn header(text: &[u8]) -> Result<Header, ProxyError> {
    let fields = text.strip_prefix(V1_SIGNATURE).unwrap_or_default();
    let mut fields = fields.split(|&byte| byte == b' ');
    match fields.next() {
        Some(b"UNKNOWN") => Ok(Header::Local),
        Some(b"TCP4") => addresses(fields, |text| parsed::<Ipv4Addr>(text).map(IpAddr::V4)),
        Some(b"TCP6") => addresses(fields, |text| parsed::<Ipv6Addr>(text).map(IpAddr::V6)),
        _ => Err(ProxyError::BadField(Field::Protocol)),
    }
}

/// Two addresses of one family, two ports, and nothing else.
fn addresses<'a>(
    mut fields: impl Iterator<Item = &'a [u8]>,
    address: impl Fn(&[u8]) -> Option<IpAddr>,
) -> Result<Header, ProxyError> {
    let bad = ProxyError::BadField;
    let source = fields.next().and_then(&address).ok_or(bad(Field::Source))?;
    let destination = fields.next().and_then(&address).ok_or(bad(Field::Destination))?;
    let source_port = fields.next().and_then(port).ok_or(bad(Field::SourcePort))?;
    let destination_port = fields.next().and_then(port).ok_or(bad(Field::DestinationPort))?;
    if fields.next().is_some() {
        return Err(bad(Field::End));
    }
    let source = SocketAddr::new(source, source_port);
    Ok(Header::proxied(source, SocketAddr::new(destination, destination_port)))
}

/// The standard library takes neither leading zeros in IPv4 nor zones in IPv6.
fn parsed<T: FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Decimal digits without a sign or leading zeros.
fn port(text: &[u8]) -> Option<u16> {
    let plain = text.iter().all(u8::is_ascii_digit) && (text == b"0" || !text.starts_with(b"0"));
    if plain { parsed(text) } else { None }
}
