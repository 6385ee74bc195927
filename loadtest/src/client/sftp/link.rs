//! The channel: requests out, replies in, at one's own pace.

use std::net::IpAddr;

use bytes::Bytes;
use russh::client::{Handle, Msg};
use russh::{Channel, ChannelMsg, Disconnect};
use tokio::time::timeout;

use super::packet::{Fields, HEAD_BYTES, Head, Requests, VERSION, kind, status};
use super::ssh::{Settings, Verifier};
use crate::client::{Error, TIMEOUT, Target};

/// A channel on which the server speaks SFTP.
pub(super) struct Link {
    handle: Handle<Verifier>,
    channel: Channel<Msg>,
    /// Received, and not yet read.
    chunk: Bytes,
    /// The body of the last reply that was read as a whole.
    body: Vec<u8>,
    /// Requests that were not sent yet.
    pub(super) requests: Requests,
}

impl Link {
    /// Logs in, starts the subsystem and agrees on the version.
    pub(super) async fn open(
        target: &Target,
        settings: &Settings,
        source: Option<IpAddr>,
    ) -> Result<Self, Error> {
        let open = async {
            let handle = settings.login(target, source).await?;
            let failed = |error| Error::Ssh("subsystem", error);
            let channel = handle.channel_open_session().await.map_err(failed)?;
            channel.request_subsystem(true, "sftp").await.map_err(failed)?;
            let (chunk, body, requests) = (Bytes::new(), Vec::new(), Requests::default());
            let mut link = Self { handle, channel, chunk, body, requests };
            link.started().await?;
            link.greet().await?;
            Ok(link)
        };
        timeout(TIMEOUT, open).await.map_err(|_| Error::Late("login"))?
    }

    async fn started(&mut self) -> Result<(), Error> {
        loop {
            match self.channel.wait().await {
                Some(ChannelMsg::Success) => return Ok(()),
                Some(ChannelMsg::Failure) => return Err(Error::Unsupported("subsystem")),
                Some(ChannelMsg::Close) | None => return Err(Error::Closed("subsystem")),
                Some(_) => {}
            }
        }
    }

    async fn greet(&mut self) -> Result<(), Error> {
        self.requests.hello();
        self.flush("INIT").await?;
        let head = self.head("INIT").await?;
        self.skip("INIT", head.left).await?;
        let agreed = head.kind == kind::VERSION && head.id == u32::from(VERSION);
        if agreed { Ok(()) } else { Err(Error::Protocol("INIT")) }
    }

    /// Sends what waits.
    pub(super) async fn flush(&mut self, step: &'static str) -> Result<(), Error> {
        if self.requests.is_empty() {
            return Ok(());
        }
        let sent = self.handle.data(self.channel.id(), self.requests.take());
        let sent = timeout(TIMEOUT, sent).await.map_err(|_| Error::Late(step))?;
        sent.map_err(|_| Error::Closed(step))
    }

    /// Whether the next reply has begun to arrive.
    pub(super) fn has_more(&self) -> bool {
        !self.chunk.is_empty()
    }

    /// The beginning of the next reply. Its body is to be read or skipped before the next one.
    pub(super) async fn head(&mut self, step: &'static str) -> Result<Head, Error> {
        let mut bytes = [0; HEAD_BYTES];
        self.read(step, &mut bytes).await?;
        Head::parse(bytes).ok_or(Error::Protocol(step))
    }

    /// Reads a number that a body begins with.
    pub(super) async fn number(&mut self, step: &'static str) -> Result<u32, Error> {
        let mut bytes = [0; 4];
        self.read(step, &mut bytes).await?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// The body of a reply, as a whole.
    pub(super) async fn body(
        &mut self,
        step: &'static str,
        length: usize,
    ) -> Result<Fields<'_>, Error> {
        let mut body = std::mem::take(&mut self.body);
        body.resize(length, 0);
        self.read(step, &mut body).await?;
        self.body = body;
        Ok(Fields::new(step, &self.body))
    }

    /// Sends what waits, the last of it being the request `id`, and takes its reply. A status that
    /// is no success is an error.
    pub(super) async fn reply(
        &mut self,
        step: &'static str,
        id: u32,
    ) -> Result<(u8, Fields<'_>), Error> {
        self.flush(step).await?;
        let head = self.head(step).await?;
        if head.id != id {
            return Err(Error::Protocol(step));
        }
        let mut fields = self.body(step, head.left).await?;
        if head.kind == kind::STATUS {
            check(step, &mut fields)?;
        }
        Ok((head.kind, fields))
    }

    async fn read(&mut self, step: &'static str, mut into: &mut [u8]) -> Result<(), Error> {
        while !into.is_empty() {
            self.fill(step).await?;
            let ready = self.chunk.split_to(self.chunk.len().min(into.len()));
            let (now, later) = std::mem::take(&mut into).split_at_mut(ready.len());
            now.copy_from_slice(&ready);
            into = later;
        }
        Ok(())
    }

    /// Drops bytes unread.
    pub(super) async fn skip(&mut self, step: &'static str, mut count: usize) -> Result<(), Error> {
        while count > 0 {
            self.fill(step).await?;
            count -= self.chunk.split_to(self.chunk.len().min(count)).len();
        }
        Ok(())
    }

    /// Waits until there are bytes.
    async fn fill(&mut self, step: &'static str) -> Result<(), Error> {
        while self.chunk.is_empty() {
            let message = timeout(TIMEOUT, self.channel.wait());
            match message.await.map_err(|_| Error::Late(step))? {
                Some(ChannelMsg::Data { data }) => self.chunk = data,
                Some(ChannelMsg::Eof | ChannelMsg::Close) | None => {
                    return Err(Error::Closed(step));
                }
                // What a server says beside it: its window, its standard error.
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Says goodbye and waits for the transport's end.
    pub(super) async fn close(self) -> Result<(), Error> {
        let bye = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
        bye.map_err(|error| Error::Ssh("disconnect", error))?;
        // It ends with an error by design: the connection is gone.
        let ended = timeout(TIMEOUT, self.handle).await;
        ended.map(drop).map_err(|_| Error::Late("disconnect"))
    }
}

/// Reads a status; all but success is an error.
pub(super) fn check(step: &'static str, fields: &mut Fields<'_>) -> Result<(), Error> {
    let code = fields.number()?;
    if code == status::OK {
        return Ok(());
    }
    // Some servers send no text.
    let text = fields.string().unwrap_or_default();
    Err(Error::reply(step, code, &String::from_utf8_lossy(text)))
}
