//! A client of raw RESP (version 2): it sends what a test says and reads answers.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use crate::TlsClient;
use crate::data::dial;
use crate::tls::Stream;

/// A connection to Redis.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    /// Received and not yet taken.
    pending: Vec<u8>,
}

/// How a client gets in.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The user; none: the default one.
    pub user: Option<String>,
    /// The password, if one is asked for.
    pub password: Option<String>,
    /// Under TLS.
    pub tls: Option<TlsClient>,
}

/// What Redis answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A status or a string; what is no UTF-8 in it is replaced.
    Text(String),
    /// What went wrong: the word in capitals, and more.
    Error(String),
    /// A number.
    Number(i64),
    /// Several answers.
    List(Vec<Self>),
    /// There is no such thing.
    Nothing,
}

impl Client {
    /// Connects and shows who it is.
    ///
    /// # Errors
    /// The socket's; the wrong password.
    pub fn connect(address: SocketAddr, access: &Access) -> io::Result<Self> {
        let tcp = dial(None, address)?;
        let stream = match &access.tls {
            Some(tls) => tls.connect(tcp)?,
            None => Stream::Clear(tcp),
        };
        let mut client = Self { stream, pending: Vec::new() };
        if let Some(password) = &access.password {
            let user = access.user.as_deref().unwrap_or("default");
            if let Answer::Error(error) = client.ask(&["AUTH", user, password])? {
                return Err(io::Error::other(error));
            }
        }
        Ok(client)
    }

    /// Sends a command and reads its answer.
    ///
    /// # Errors
    /// The socket's; an answer that is none. An error that Redis tells is an [`Answer::Error`].
    pub fn ask(&mut self, command: &[impl AsRef<[u8]>]) -> io::Result<Answer> {
        let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
        for word in command {
            let word = word.as_ref();
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        self.stream.write_all(&bytes)?;
        self.stream.flush()?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let line = self.line()?;
        let strange = || io::Error::other(format!("no answer of Redis: {line:?}"));
        let (kind, rest) = line.split_at_checked(1).ok_or_else(strange)?;
        let number = || rest.parse::<i64>().map_err(|_| strange());
        Ok(match kind {
            "+" => Answer::Text(rest.to_owned()),
            "-" => Answer::Error(rest.to_owned()),
            ":" => Answer::Number(number()?),
            "$" => match usize::try_from(number()?) {
                Ok(length) => Answer::Text(self.bulk(length)?),
                Err(_) => Answer::Nothing,
            },
            "*" => match usize::try_from(number()?) {
                Ok(count) => {
                    Answer::List((0..count).map(|_| self.answer()).collect::<Result<_, _>>()?)
                }
                Err(_) => Answer::Nothing,
            },
            _ => return Err(strange()),
        })
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.pending.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.pending.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).map_err(io::Error::other);
            }
            self.receive()?;
        }
    }

    fn bulk(&mut self, length: usize) -> io::Result<String> {
        while self.pending.len() < length + 2 {
            self.receive()?;
        }
        let bytes: Vec<u8> = self.pending.drain(..length + 2).take(length).collect();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        let count = self.stream.read(&mut chunk)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.pending.extend_from_slice(&chunk[..count]);
        Ok(())
    }
}

impl Answer {
    /// The text, or the number as text.
    ///
    /// # Panics
    /// If it is neither.
    #[track_caller]
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// The number.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn number(&self) -> i64 {
        match self {
            Self::Number(number) => *number,
            other => panic!("no number: {other:?}"),
        }
    }

    /// What it is a list of; nothing, if it is none.
    pub fn list(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            _ => &[],
        }
    }

    /// A value of a list of names and values, or of a text with a `name:value` per line.
    pub fn field(&self, name: &str) -> Option<String> {
        match self {
            Self::Text(text) => {
                let prefix = format!("{name}:");
                text.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
            }
            _ => {
                let mut pairs = self.list().chunks_exact(2);
                pairs.find(|pair| pair[0] == Self::Text(name.to_owned())).map(|pair| pair[1].text())
            }
        }
    }
}
