//! Arguments that name hosts, addresses and ports: HOST, PORT, EPRT, EPSV.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::{Parsed, digits};
use crate::ftp::command::{Command, ParseError};
use crate::ftp::verb::Refusal;

/// `HOST name`, `HOST 192.0.2.1` or `HOST [2001:db8::1]` (RFC 7151, 3.1).
pub(in crate::ftp) fn host(argument: &[u8]) -> Parsed<'_> {
    let name = argument.trim_ascii();
    if let Some(address) = name.strip_prefix(b"[") {
        let address = address.strip_suffix(b"]").ok_or(Refusal::Syntax)?;
        parse::<Ipv6Addr>(address)?;
        return Ok(Command::Host(address));
    }
    let fits = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') || *byte >= 128
    };
    if name.is_empty() || name.len() > HOST_BYTES_MAX || !name.iter().all(fits) {
        return Err(Refusal::Syntax);
    }
    Ok(Command::Host(name))
}

/// `PORT h1,h2,h3,h4,p1,p2` (RFC 959, 4.1.2).
pub(in crate::ftp) fn port(argument: &[u8]) -> Parsed<'_> {
    let mut numbers = [0_u8; 6];
    let mut parts = argument.trim_ascii().split(|&byte| byte == b',');
    for (number, part) in numbers.iter_mut().zip(&mut parts) {
        *number =
            digits(part, 10).and_then(|part| u8::try_from(part).ok()).ok_or(Refusal::Syntax)?;
    }
    let [h1, h2, h3, h4, p1, p2] = numbers;
    let port = u16::from_be_bytes([p1, p2]);
    // Fewer than six parts leave zeros at the end and so no port.
    if parts.next().is_some()
        || argument.iter().filter(|&&byte| byte == b',').count() != 5
        || port == 0
    {
        return Err(Refusal::Syntax);
    }
    Ok(Command::Port(SocketAddr::from((Ipv4Addr::new(h1, h2, h3, h4), port))))
}

/// `EPRT |family|address|port|`, with any delimiter from 33 to 126 (RFC 2428, 2).
pub(in crate::ftp) fn eprt(argument: &[u8]) -> Parsed<'_> {
    let (&delimiter, rest) = argument.trim_ascii().split_first().ok_or(Refusal::Syntax)?;
    if !delimiter.is_ascii_graphic() {
        return Err(Refusal::Syntax);
    }
    let mut parts = rest.split(|&byte| byte == delimiter);
    let (Some(family), Some(address), Some(port), Some(b""), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Syntax);
    };
    let address: IpAddr = match digits(family, 10).ok_or(Refusal::Syntax)? {
        1 => parse::<Ipv4Addr>(address)?.into(),
        2 => parse::<Ipv6Addr>(address)?.into(),
        _ => return Err(Refusal::Because(ParseError::NetworkProtocol)),
    };
    let port = digits(port, 10)
        .and_then(|port| u16::try_from(port).ok())
        .filter(|&port| port > 0)
        .ok_or(Refusal::Syntax)?;
    Ok(Command::Eprt(SocketAddr::new(address, port)))
}

/// `EPSV`, `EPSV family`, `EPSV ALL` (RFC 2428, 3).
pub(in crate::ftp) fn epsv(argument: &[u8]) -> Parsed<'_> {
    let argument = argument.trim_ascii();
    if argument.is_empty() {
        return Ok(Command::Epsv(None));
    }
    if argument.eq_ignore_ascii_case(b"ALL") {
        return Ok(Command::EpsvAll);
    }
    let family = digits(argument, 10).ok_or(Refusal::Syntax)?;
    match u8::try_from(family) {
        Ok(family) => Ok(Command::Epsv(Some(family))),
        Err(_) => Err(Refusal::Because(ParseError::NetworkProtocol)),
    }
}

fn parse<T: FromStr>(bytes: &[u8]) -> Result<T, Refusal> {
    std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or(Refusal::Syntax)
}

/// The longest name of the domain name system in bytes, dots counted.
const HOST_BYTES_MAX: usize = 253;
