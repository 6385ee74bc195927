//! What the users file says against a login whose password was right.

use std::net::IpAddr;

use ipnet::IpNet;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::auth::Protocol;

/// A user's policy. The default allows everything.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Nobody gets in.
    pub disabled: bool,
    /// From this moment on nobody gets in.
    pub expires: Option<OffsetDateTime>,
    /// Where clients may be; empty: anywhere.
    pub networks: Vec<IpNet>,
    /// By which protocols.
    pub protocols: Vec<Protocol>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            disabled: false,
            expires: None,
            networks: Vec::new(),
            protocols: vec![Protocol::Ftp, Protocol::Ftps, Protocol::Ssh],
        }
    }
}

impl Policy {
    /// `Err` says to the client why not.
    pub fn check(
        &self,
        client: IpAddr,
        protocol: Protocol,
        now: OffsetDateTime,
    ) -> Result<(), String> {
        if self.disabled {
            return Err("this account is disabled".to_owned());
        }
        if let Some(expires) = self.expires.filter(|&expires| expires <= now) {
            let date = expires.format(&Rfc3339).unwrap_or_default();
            return Err(format!("this account expired at {date}"));
        }
        if !self.protocols.contains(&protocol) {
            return Err(format!("this account may not log in by {}", protocol_name(protocol)));
        }
        let client = client.to_canonical();
        if !self.networks.is_empty() && !self.networks.iter().any(|net| net.contains(&client)) {
            return Err(format!("this account may not log in from {client}"));
        }
        Ok(())
    }
}

/// The name of a protocol in the users file.
pub fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Ftp => "ftp",
        Protocol::Ftps => "ftps",
        Protocol::Ssh => "ssh",
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn each_rule_refuses_with_its_reason() {
        let now = datetime!(2030-06-01 12:00 UTC);
        let client: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        let check = |policy: &Policy| policy.check(client, Protocol::Ftp, now);
        assert_eq!(check(&Policy::default()), Ok(()));

        let disabled = Policy { disabled: true, ..Policy::default() };
        assert_eq!(check(&disabled).unwrap_err(), "this account is disabled");

        let mut expired = Policy { expires: Some(now), ..Policy::default() };
        assert_eq!(check(&expired).unwrap_err(), "this account expired at 2030-06-01T12:00:00Z");
        expired.expires = Some(now + time::Duration::SECOND);
        assert_eq!(check(&expired), Ok(()));

        let secure = Policy { protocols: vec![Protocol::Ftps], ..Policy::default() };
        assert_eq!(check(&secure).unwrap_err(), "this account may not log in by ftp");

        let networks = vec!["192.0.2.0/29".parse().unwrap()];
        let mut near = Policy { networks, ..Policy::default() };
        assert_eq!(check(&near), Ok(()));
        near.networks = vec!["2001:db8::/32".parse().unwrap(), "192.0.2.8/29".parse().unwrap()];
        assert_eq!(check(&near).unwrap_err(), "this account may not log in from 192.0.2.7");
    }
}
