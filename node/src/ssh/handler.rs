//! What the transport calls: logins, channels, requests, bytes. Decides nothing that it can pass on.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use russh::server::{
    Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Response, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, Error};
use send_wrapper::SendWrapper;
use tracing::debug;

use super::connection::Connection;
use super::gate::Gate;
use super::outlet::STDERR;
use super::program;
use super::transport::Transport;

/// The handler of one connection.
pub(super) struct Door {
    connection: SendWrapper<Rc<Connection>>,
    gate: SendWrapper<Rc<Gate>>,
}

impl Door {
    pub(super) fn new(connection: Rc<Connection>, transport: Arc<Transport>) -> Self {
        let gate = Rc::new(Gate::new(Rc::clone(&connection), transport));
        Self { connection: SendWrapper::new(connection), gate: SendWrapper::new(gate) }
    }

    /// What the client says that it is (RFC 4253, 4.2), for those who watch the node.
    fn note_client(&self, session: &Session) {
        if let Some(card) = self.connection.card() {
            let name = session.remote_sshid();
            let name = String::from_utf8_lossy(name.strip_prefix(b"SSH-2.0-").unwrap_or(name));
            card.set_software(&name);
            self.connection.record.note_client(&name);
        }
    }

    /// Lets a channel run what it asked for, or tells it that it may not.
    fn start(
        &self,
        channel: ChannelId,
        program: Result<program::Boxed, program::Refused>,
        session: &mut Session,
    ) -> Result<(), Error> {
        match program {
            Ok(program) => {
                if !self.connection.run(channel, program) {
                    return session.channel_failure(channel);
                }
                session.channel_success(channel)?;
                self.connection.pump_directly(session)
            }
            Err(refused) => {
                debug!(reason = refused.reason, "request refused");
                session.channel_success(channel)?;
                session.extended_data(channel, STDERR, format!("{}\r\n", refused.reason))?;
                session.exit_status_request(channel, refused.status)?;
                session.eof(channel)?;
                session.close(channel)
            }
        }
    }
}

/// The whole connection lives on one arbiter, whose tasks never change threads; the transport only asks
/// that its futures could.
fn stay<F: Future>(future: F) -> SendWrapper<F> {
    SendWrapper::new(future)
}

impl Handler for Door {
    type Error = Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, Error> {
        Ok(self.gate.methods())
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Error> {
        let judged = stay(Rc::clone(&self.gate).password(user.into(), password.into()));
        Ok(judged.await)
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Error> {
        let judged = {
            let gate = Rc::clone(&self.gate);
            let (key, algorithm) = (offer.public_key.clone(), offer.algorithm.clone());
            stay(gate.offered(user.into(), key, algorithm))
        };
        Ok(judged.await)
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Error> {
        let judged = stay(Rc::clone(&self.gate).key(user.into(), key.public_key.clone()));
        Ok(judged.await)
    }

    async fn auth_openssh_certificate(
        &mut self,
        user: &str,
        certificate: &russh::keys::Certificate,
    ) -> Result<Auth, Error> {
        let judged = stay(Rc::clone(&self.gate).certificate(user.into(), certificate.clone()));
        Ok(judged.await)
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Error> {
        let answer = response.and_then(|mut answers| answers.next());
        let judged = stay(Rc::clone(&self.gate).interactive(user.into(), answer));
        Ok(judged.await)
    }

    async fn authentication_banner(&mut self) -> Result<Option<String>, Error> {
        // This is asked at the first request of the client under keys.
        self.connection.record.trace_keys();
        // A text is shown with its line end (RFC 4252, 5.4).
        let banner = &self.connection.policy.config.ssh.banner;
        Ok(banner.as_ref().map(|banner| format!("{banner}\r\n")))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        // What can not be sent in pieces of some size would be sent byte by byte.
        let takes = channel.writable_packet_size().await >= PACKET_BYTES_MIN;
        if takes && self.connection.open(channel.id()) {
            reply.accept().await;
            return Ok(());
        }
        reply.reject(ChannelOpenFailure::ResourceShortage).await;
        self.connection.on_refused_channel()
    }

    async fn channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        self.connection.on_refused_channel()
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        self.connection.on_refused_channel()
    }

    async fn channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        self.connection.on_refused_channel()
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        self.connection.on_refused_channel()
    }

    async fn channel_open_confirmation(
        &mut self,
        _: ChannelId,
        _: u32,
        _: u32,
        _: &mut Session,
    ) -> Result<(), Error> {
        // Nothing was asked for. The transport has given the channel other limits by now.
        Err(Error::Inconsistent)
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Error> {
        self.connection.on_close(channel);
        if !session.has_pending_data(channel) {
            return Ok(());
        }
        session.flush_pending(channel)?;
        // The transport keeps bytes beyond the window, and with them takes no letter of any channel. The
        // window will never be opened now.
        if session.has_pending_data(channel) { Err(Error::Pending) } else { Ok(()) }
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Error> {
        self.connection.on_end(channel);
        self.connection.pump_directly(session)
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Error> {
        self.connection.on_bytes(channel, data);
        self.connection.pump_directly(session)
    }

    async fn window_adjusted(
        &mut self,
        channel: ChannelId,
        new_size: u32,
        session: &mut Session,
    ) -> Result<(), Error> {
        self.connection.on_window(channel, new_size);
        self.connection.pump_directly(session)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Error> {
        if name != SFTP {
            return session.channel_failure(channel);
        }
        self.note_client(session);
        let program = program::sftp(&self.connection, session.remote_sshid());
        self.start(channel, program, session)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Error> {
        self.note_client(session);
        let program = program::exec(&self.connection, command);
        self.start(channel, program, session)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Error> {
        let refused = program::Refused {
            reason: "This server offers SFTP and SCP, no shell.".to_owned(),
            status: REFUSED_STATUS,
        };
        self.start(channel, Err(refused), session)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Error> {
        session.channel_failure(channel)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Error> {
        session.channel_failure(channel)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Error> {
        session.channel_failure(channel)
    }
}

/// The subsystem (draft-ietf-secsh-filexfer-02, 2).
const SFTP: &str = "sftp";
/// The least that a client must take in one packet. The real ones take 16 KiB at the least.
const PACKET_BYTES_MIN: usize = 256;
/// The exit status of what is refused.
const REFUSED_STATUS: u32 = 1;
