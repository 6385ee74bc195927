//! Replies (RFC 959, 4.2): a code and text, one line or many.

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
        let _ = (out, code, text);
        todo!()
    }

    /// `code-first CRLF`, ` line CRLF` each, `code SP last CRLF`. Every middle line gets a leading space, as FEAT and MLST want.
    pub fn lines<'a>(
        out: &mut Vec<u8>,
        code: Code,
        first: &[u8],
        middle: impl IntoIterator<Item = &'a [u8]>,
        last: &[u8],
    ) {
        let _ = (out, code, first, middle.into_iter().count(), last);
        todo!()
    }

    /// `code SP "path" rest CRLF`, quotes inside the path doubled (RFC 959, appendix II; 257).
    pub fn quoted(out: &mut Vec<u8>, code: Code, path: &[u8], rest: &[u8]) {
        let _ = (out, code, path, rest);
        todo!()
    }

    /// `227 Entering Passive Mode (h1,h2,h3,h4,p1,p2).`
    pub fn passive(out: &mut Vec<u8>, address: std::net::Ipv4Addr, port: u16) {
        let _ = (out, address, port);
        todo!()
    }

    /// `229 Entering Extended Passive Mode (|||port|)`.
    pub fn extended_passive(out: &mut Vec<u8>, port: u16) {
        let _ = (out, port);
        todo!()
    }
}
