//! A request and its way from the bytes of a connection.

use std::io;
use std::net::SocketAddr;

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// In capitals.
    pub method: String,
    /// Before the question mark, not decoded.
    pub path: String,
    /// After the question mark, not decoded.
    pub query: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    /// Without chunks.
    pub body: Vec<u8>,
    /// Who asks.
    pub peer: SocketAddr,
}

impl Request {
    /// The first header of that name, which is in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The decoded pairs of the query.
    pub fn queries(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.query.as_bytes()).into_owned().collect()
    }

    /// The request at the start of `bytes` and its length; nothing while it is not complete.
    ///
    /// # Errors
    /// It is no request of HTTP/1.1, or one beyond [`HEAD_MAX`] and [`BODY_MAX`].
    pub(super) fn parse(bytes: &[u8], peer: SocketAddr) -> io::Result<Option<(Self, usize)>> {
        let mut table = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Request::new(&mut table);
        let start = match head.parse(bytes).map_err(io::Error::other)? {
            httparse::Status::Complete(start) => start,
            httparse::Status::Partial if bytes.len() > HEAD_MAX => {
                return Err(io::Error::other("the head of a request is too long"));
            }
            httparse::Status::Partial => return Ok(None),
        };
        let target = head.path.unwrap_or("/");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = head.headers.iter().map(|header| {
            let value = String::from_utf8_lossy(header.value).trim().to_owned();
            (header.name.to_ascii_lowercase(), value)
        });
        let mut request = Self {
            method: head.method.unwrap_or("GET").to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.collect(),
            body: Vec::new(),
            peer,
        };
        let rest = bytes.get(start..).unwrap_or_default();
        let chunked = request.header("transfer-encoding").is_some_and(|kind| kind == "chunked");
        let body = if chunked { chunks(rest)? } else { counted(&request, rest)? };
        Ok(body.map(|(body, length)| {
            request.body = body;
            (request, start + length)
        }))
    }
}

/// Of all header lines together, in bytes.
const HEAD_MAX: usize = 64 * 1024;
/// In bytes; a full batch of Route 53 is a tenth of it.
const BODY_MAX: usize = 4 * 1024 * 1024;
/// Of one request.
const HEADERS_MAX: usize = 64;

fn counted(request: &Request, rest: &[u8]) -> io::Result<Option<(Vec<u8>, usize)>> {
    let length = request.header("content-length").unwrap_or("0");
    let length: usize = length.parse().map_err(io::Error::other)?;
    within(length)?;
    Ok(rest.get(..length).map(|body| (body.to_vec(), length)))
}

fn chunks(rest: &[u8]) -> io::Result<Option<(Vec<u8>, usize)>> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let here = rest.get(at..).unwrap_or_default();
        let size = httparse::parse_chunk_size(here);
        let size = size.map_err(|_| io::Error::other("the length of a chunk can not be read"))?;
        let httparse::Status::Complete((start, length)) = size else { return Ok(None) };
        let length = usize::try_from(length).map_err(io::Error::other)?;
        within(body.len().saturating_add(length))?;
        // The line end after the data.
        let Some(data) = here.get(start..start + length + 2) else { return Ok(None) };
        body.extend_from_slice(data.get(..length).unwrap_or_default());
        at += start + length + 2;
        if length == 0 {
            return Ok(Some((body, at)));
        }
    }
}

fn within(length: usize) -> io::Result<()> {
    if length > BODY_MAX {
        return Err(io::Error::other("the body of a request is too long"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> io::Result<Option<(Request, usize)>> {
        Request::parse(text.as_bytes(), SocketAddr::from(([127, 0, 0, 1], 1)))
    }

    #[test]
    fn a_request_is_read_when_it_is_complete() {
        let text = "POST /a?b=c%20d HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET";
        assert!(parse(&text[..40]).unwrap().is_none());
        assert!(parse(&text[..text.len() - 4]).unwrap().is_none());
        let (request, length) = parse(text).unwrap().unwrap();
        assert_eq!((request.path.as_str(), request.body.as_slice()), ("/a", b"abc".as_slice()));
        assert_eq!(request.queries(), [("b".to_owned(), "c d".to_owned())]);
        assert_eq!(&text[length..], "GET");
    }

    #[test]
    fn chunks_are_put_together() {
        let text =
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        for end in 0..text.len() {
            assert!(parse(&text[..end]).unwrap().is_none(), "{end}");
        }
        let (request, length) = parse(text).unwrap().unwrap();
        assert_eq!(request.body, b"abcd");
        assert_eq!(length, text.len());
    }

    #[test]
    fn too_much_is_refused() {
        assert!(parse("PUT / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n").is_err());
        assert!(parse(&format!("GET /{} HTTP/1.1\r\n", "a".repeat(HEAD_MAX))).is_err());
    }
}
