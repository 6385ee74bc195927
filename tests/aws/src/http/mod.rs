//! As much of HTTP/1.1 as the clients of AWS speak: requests with a length or in chunks, answers with a length,
//! connections that stay.

mod request;
mod server;

pub use self::request::Request;
pub(crate) use self::server::Server;

/// What a request is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// As 200.
    pub status: u16,
    /// Beside the length.
    pub headers: Vec<(&'static str, String)>,
    /// As it goes out.
    pub body: Vec<u8>,
}

impl Answer {
    /// Some text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::typed(status, "text/plain", body.into())
    }

    /// XML, complete with its first line.
    pub fn xml(status: u16, body: impl Into<String>) -> Self {
        Self::typed(status, "text/xml", body.into())
    }

    /// JSON.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::typed(status, "application/json", body.to_string())
    }

    fn typed(status: u16, kind: &str, body: String) -> Self {
        Self { status, headers: vec![("content-type", kind.to_owned())], body: body.into_bytes() }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What comes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Answer(Answer),
    /// None: the connection is closed, as when a network or a server fails.
    Close,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}
