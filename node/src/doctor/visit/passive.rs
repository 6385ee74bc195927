//! Where a reply to PASV or EPSV leads.

use std::net::SocketAddr;

/// The address for data in a reply; EPSV tells the port alone, and the rest is that of the control connection.
pub(super) fn address(verb: &str, text: &str, peer: SocketAddr) -> Option<SocketAddr> {
    match verb {
        "PASV" => passive(text),
        _ => Some(SocketAddr::new(peer.ip(), text.rsplit('|').nth(1)?.parse().ok()?)),
    }
}

/// RFC 959, 4.2: `227 =h1,h2,h3,h4,p1,p2`, wherever it stands in the text.
fn passive(text: &str) -> Option<SocketAddr> {
    let digits = |c: char| c.is_ascii_digit() || c == ',';
    let numbers = text.split(|c| !digits(c)).find(|part| part.matches(',').count() == 5)?;
    let numbers: Vec<u8> = numbers.split(',').filter_map(|number| number.parse().ok()).collect();
    let [a, b, c, d, high, low] = numbers.try_into().ok()?;
    Some(SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low]))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(verb: &str, text: &str) -> Option<String> {
        let peer = SocketAddr::from(([127, 0, 0, 1], 21));
        address(verb, text, peer).map(|address| address.to_string())
    }

    #[test]
    fn passive_replies_are_read() {
        let usual = "Entering Passive Mode (192,0,2,7,238,1).";
        assert_eq!(read("PASV", usual).as_deref(), Some("192.0.2.7:60929"));
        assert_eq!(read("PASV", "=192,0,2,7,238,1").as_deref(), Some("192.0.2.7:60929"));
        assert_eq!(read("PASV", "Entering Passive Mode (192,0,2,700,238,1)."), None);
        assert_eq!(read("PASV", "no"), None);
    }

    #[test]
    fn extended_passive_replies_are_read() {
        let usual = "Entering Extended Passive Mode (|||60929|)";
        assert_eq!(read("EPSV", usual).as_deref(), Some("127.0.0.1:60929"));
        assert_eq!(read("EPSV", "Entering Extended Passive Mode (|||70000|)"), None);
        assert_eq!(read("EPSV", "no"), None);
    }
}
