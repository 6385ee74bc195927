//! STAT without an argument, idle and in mid-transfer (RFC 959, 4.1.3).

use super::data::{Form, Prepared};
use super::login::Login;
use super::{Activity, Reply, Session};
use crate::ftp::Code;

impl Session {
    pub(super) fn session_status(&mut self) {
        let client = format!("Connected from {}", self.connection.client);
        let user = match &self.login {
            Login::In(ready) => format!("Logged in as {}", ready.user),
            Login::Nobody { .. } | Login::Named { .. } => "Not logged in".to_owned(),
        };
        let control = if self.connection.secure { "protected by TLS" } else { "in clear" };
        let data = if self.protection.private { "protected by TLS" } else { "in clear" };
        let connections = format!("Control connection {control}, data connections {data}");
        let (form, route) = match &self.login {
            Login::In(ready) => (
                match ready.form {
                    Form::Ascii => "TYPE: ASCII, STRU: File, MODE: Stream",
                    Form::Image => "TYPE: Image, STRU: File, MODE: Stream",
                },
                match ready.prepared {
                    Prepared::Nothing => "No data connection is prepared",
                    Prepared::Passive => "A passive data connection is prepared",
                    Prepared::Active(_) => "An active data connection is prepared",
                },
            ),
            Login::Nobody { .. } | Login::Named { .. } => {
                ("No transfer parameters", "No data connection")
            }
        };
        let idle = format!("Idle time-out {}", self.clock.idle_text());
        let lines = [&client, &user, &connections, form, route, &idle];
        let lines = lines.map(str::as_bytes);
        Reply::lines(&mut self.output, Code(211), b"Flotilla status:", lines, b"End of status");
    }

    /// STAT or the like while something is under way: how far it is.
    pub(super) fn transfer_status(&mut self) {
        let text = match &self.activity {
            Activity::Transferring(transfer) => {
                format!("{} bytes moved: {}", transfer.bytes, transfer.what)
            }
            Activity::Waiting(_) | Activity::Idle | Activity::Closing => {
                "A command is under way.".to_owned()
            }
        };
        self.reply(213, text.as_bytes());
    }
}
