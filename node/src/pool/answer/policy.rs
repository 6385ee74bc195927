//! What the leader decided, and what it comes from.

use std::net::SocketAddr;
use std::time::Duration;

use flotilla_cluster::admission::Limits;
use flotilla_cluster::balancer::Front;
use flotilla_cluster::keepalive::{Keepalive, Timer, cuts};
use serde_json::{Map, Value, json};

use super::Pool;
use crate::config::Config;
use crate::ingress::{Reach, reach};

impl Pool {
    pub(super) fn policy(&self) -> Value {
        let policy = self.agent.policy();
        let config = &self.parts.policy.config;
        let mut share = of_limits(&self.agent.share());
        share.insert("nodes".to_owned(), json!(self.agent.view().alive().count().max(1)));
        json!({
            "revision": policy.revision,
            "by": policy.by,
            "limits": of_limits(&policy.limits),
            "share": share,
            "storage": policy.storage,
            "tickets": policy.tickets,
            "listeners": listeners(config),
            "keepalive": of_keepalive(&self.keepalive(), config),
            "front": of_front(&policy.front),
        })
    }
}

/// Where clients reach the balancer, as the leader has read.
fn of_front(front: &Front) -> Value {
    let of = |(zone, address): &(Option<String>, std::net::Ipv4Addr)| json!({ "zone": zone, "address": address });
    json!({ "addresses": front.addresses.iter().map(of).collect::<Vec<_>>() })
}

fn of_limits(limits: &Limits) -> Map<String, Value> {
    let Limits { sessions, per_user, per_address, logins_per_second } = *limits;
    [
        ("sessions", sessions),
        ("per_user", per_user),
        ("per_address", per_address),
        ("logins_per_second", logins_per_second),
    ]
    .into_iter()
    .map(|(name, limit)| (name.to_owned(), json!(limit)))
    .collect()
}

/// How clients reach the listeners of this node, and which key says so.
fn listeners(config: &Config) -> Vec<Value> {
    let Config { ftp, ssh, .. } = config;
    let of = |service: &'static str, addresses: &[SocketAddr]| {
        let of_one = |address: &SocketAddr| {
            let Reach { mode, reason, .. } = reach(config, *address);
            let mode = mode.as_str();
            json!({ "service": service, "address": address, "mode": mode, "reason": reason })
        };
        addresses.iter().map(of_one).collect::<Vec<_>>()
    };
    [of("ftp", &ftp.listen), of("ftps", &ftp.implicit_tls), of("ssh", &ssh.listen)].concat()
}

/// What was decided, and how this node applies it: Linux ends by one timer who answers nothing and who takes
/// no byte although it answers, and the second may take `timeouts.stalled`.
fn of_keepalive(keepalive: &Keepalive, config: &Config) -> Value {
    let Keepalive { timers, probes, ssh, ftp_idle, payload } = keepalive;
    let progress_lines = config.ingress.progress_lines;
    let ftp_idle = ftp_idle.as_ref();
    json!({
        "smallest_ms": keepalive.smallest().map(ms),
        "timers": timers.iter().map(of_timer).collect::<Vec<_>>(),
        "probes": {
            "idle_ms": ms(probes.idle),
            "interval_ms": ms(probes.interval),
            "count": probes.count,
            "user_timeout_ms": ms(probes.user_timeout.max(config.timeouts.stalled)),
        },
        "ssh_ms": ssh.map(ms),
        "ftp_idle": ftp_idle.map(|limit| json!({ "after_ms": ms(limit.after), "reason": limit.reason })),
        "payload_ms": payload.map(ms),
        "progress_lines": progress_lines,
        "cuts": cuts(keepalive, progress_lines),
    })
}

fn of_timer(timer: &Timer) -> Value {
    json!({
        "name": timer.name,
        "after_ms": ms(timer.after),
        "source": timer.source,
        "resets": timer.resets,
    })
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use flotilla_cluster::keepalive::{Balancer, Own, Path, decide};

    use super::*;
    use crate::config::load_flags;

    #[test]
    fn each_listener_has_its_mode_and_why() {
        let told = |flags: &[(&str, &str)]| {
            let told = listeners(&load_flags(flags).unwrap().0);
            let text = |of: &Value, key: &str| of[key].as_str().unwrap().to_owned();
            let line =
                |of: Value| ["service", "address", "mode", "reason"].map(|key| text(&of, key));
            told.into_iter().map(|of| line(of).join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(
            told(&[("ssh.listen", "[::1]:22")]),
            [
                "ftp 0.0.0.0:2121 direct nothing says that the address is shared",
                "ssh [::1]:22 direct nothing says that the address is shared",
            ]
        );
        assert_eq!(
            told(&[
                ("ingress.mode", "shared"),
                ("ftp.listen", "127.0.0.1:21,127.0.0.1:2121"),
                ("ftp.implicit_tls", "127.0.0.1:990"),
                ("ssh.listen", ""),
                ("ingress.listeners", "127.0.0.1:2121=direct"),
            ]),
            [
                "ftp 127.0.0.1:21 shared ingress.mode",
                "ftp 127.0.0.1:2121 direct ingress.listeners",
                "ftps 127.0.0.1:990 shared ingress.mode",
            ]
        );
    }

    #[test]
    fn the_keepalive_policy_is_told_with_its_reasons() {
        let (config, _) = load_flags(&[("ingress.progress_lines", "true")]).unwrap();
        let nothing = of_keepalive(&decide(&Path::default()), &config);
        assert_eq!(nothing["smallest_ms"], Value::Null);
        assert_eq!(nothing["cuts"], json!([]));
        let own =
            Own { ftp_idle: Duration::from_secs(600), ssh_keepalive: Duration::from_secs(60) };
        let path = Path { balancer: Balancer::Classic, own, ..Path::default() };
        let told = of_keepalive(&decide(&path), &config);
        assert_eq!(told["smallest_ms"], 60_000);
        assert_eq!(
            told["timers"][0],
            json!({
                "name": "classic balancer", "after_ms": 60_000, "source": "ingress.balancer",
                "resets": "payload",
            })
        );
        assert_eq!(told["probes"]["idle_ms"], 20_000);
        assert_eq!(told["probes"]["user_timeout_ms"], 300_000, "timeouts.stalled");
        assert_eq!((&told["ssh_ms"], &told["payload_ms"]), (&json!(30_000), &json!(48_000)));
        assert_eq!(told["ftp_idle"]["after_ms"], 54_000);
        assert_eq!(told["cuts"].as_array().unwrap().len(), 3, "{told}");
    }
}
