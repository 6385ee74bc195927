//! Replies (RFC 959, 4.2): a code and text, one line or many.

use std::net::Ipv4Addr;

/// A three-digit code, 100 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub u16);

/// Writes replies into a buffer. Text may come from anywhere (paths, users): CR, LF and other
/// control bytes inside it are replaced by `?`, IAC (255) is doubled as telnet demands, so that no
/// text can end a line or forge a reply.
#[derive(Debug)]
pub struct Reply;

impl Reply {
    /// `code SP text CRLF`.
    pub fn line(out: &mut Vec<u8>, code: Code, text: &[u8]) {
        begin(out, code, b' ', text.len());
        clean(out, text);
        out.extend_from_slice(b"\r\n");
    }

    /// `code-first CRLF`, ` line CRLF` each, `code SP last CRLF`. Every middle line gets a leading
    /// space, as FEAT and MLST want, and so that none can look like a reply's first or last line.
    pub fn lines<'a>(
        out: &mut Vec<u8>,
        code: Code,
        first: &[u8],
        middle: impl IntoIterator<Item = &'a [u8]>,
        last: &[u8],
    ) {
        Self::part(out, code, first);
        for line in middle {
            out.push(b' ');
            clean(out, line);
            out.extend_from_slice(b"\r\n");
        }
        Self::line(out, code, last);
    }

    /// `code-text CRLF`: a line of a reply whose end comes later, or never. Every such line has the
    /// code, for the sake of clients that look at lines one by one.
    pub fn part(out: &mut Vec<u8>, code: Code, text: &[u8]) {
        begin(out, code, b'-', text.len());
        clean(out, text);
        out.extend_from_slice(b"\r\n");
    }

    /// `code SP "path" rest CRLF`, quotes inside the path doubled (RFC 959, appendix II; 257). With
    /// an empty `rest` nothing follows the quote, otherwise a space parts them.
    pub fn quoted(out: &mut Vec<u8>, code: Code, path: &[u8], rest: &[u8]) {
        begin(out, code, b' ', path.len() + rest.len() + 3);
        out.push(b'"');
        for (place, part) in path.split(|&byte| byte == b'"').enumerate() {
            if place > 0 {
                out.extend_from_slice(b"\"\"");
            }
            clean(out, part);
        }
        out.push(b'"');
        if !rest.is_empty() {
            out.push(b' ');
            clean(out, rest);
        }
        out.extend_from_slice(b"\r\n");
    }

    /// `227 Entering Passive Mode (h1,h2,h3,h4,p1,p2).`
    pub fn passive(out: &mut Vec<u8>, address: Ipv4Addr, port: u16) {
        let [h1, h2, h3, h4] = address.octets();
        let [p1, p2] = port.to_be_bytes();
        let text = format!("Entering Passive Mode ({h1},{h2},{h3},{h4},{p1},{p2}).");
        Self::line(out, Code(227), text.as_bytes());
    }

    /// `229 Entering Extended Passive Mode (|||port|)`.
    pub fn extended_passive(out: &mut Vec<u8>, port: u16) {
        let text = format!("Entering Extended Passive Mode (|||{port}|)");
        Self::line(out, Code(229), text.as_bytes());
    }
}

/// The code, and room for what follows.
fn begin(out: &mut Vec<u8>, code: Code, separator: u8, bytes: usize) {
    out.reserve(bytes + 6);
    let digit = |unit: u16| b'0' + (code.0 / unit % 10) as u8;
    out.extend_from_slice(&[digit(100), digit(10), digit(1), separator]);
}

/// Appends text that came from anywhere.
fn clean(out: &mut Vec<u8>, text: &[u8]) {
    if !text.iter().any(|&byte| byte.is_ascii_control() || byte == IAC) {
        out.extend_from_slice(text);
        return;
    }
    for &byte in text {
        match byte {
            IAC => out.extend_from_slice(&[IAC, IAC]),
            _ if byte.is_ascii_control() => out.push(b'?'),
            _ => out.push(byte),
        }
    }
}

/// Telnet's "interpret as command", which stands twice where it is meant as a byte (RFC 854).
const IAC: u8 = 255;

#[cfg(test)]
mod tests;
