//! `flotilla policy`.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::answer::{FrontAddress, Keepalive, Listener, Policy};
use super::client::Client;
use super::{ListArgs, RemoteError, Talk, read};
use crate::admin::Role;
use crate::cli::figure::count;
use crate::cli::table::{Side, Table, clean};

/// Prints what the leader decided for all nodes.
///
/// # Errors
/// Why there is no answer.
pub(crate) fn run(args: &ListArgs, talk: &mut Talk<'_>) -> Result<(), RemoteError> {
    let client = Client::new(&args.remote, Role::Reader)?;
    let answer = client.get("policy", &[])?;
    if args.json {
        return Ok(talk.json(&answer)?);
    }
    Ok(talk.text(&text(&read(&client, answer)?))?)
}

fn text(policy: &Policy) -> String {
    let Policy { revision, by, storage, tickets, .. } = policy;
    let storage = match storage.as_str() {
        "" => "no mark on the storage".to_owned(),
        mark => format!("mark {mark} on the storage"),
    };
    let tickets = match tickets {
        0 => "no shared ticket keys".to_owned(),
        version => format!("ticket keys of version {version}"),
    };
    let head = format!("revision {revision} by {by}, {storage}, {tickets}");
    let mut text = format!("{}\n\n{}", clean(&head), limits(policy));
    if !policy.listeners.is_empty() {
        let _ = write!(text, "\n{}", listeners(&policy.listeners));
    }
    if let Some(keepalive) = &policy.keepalive {
        let _ = write!(text, "\n{}", keepalives(keepalive));
    }
    if !policy.front.addresses.is_empty() {
        let of = |of: &FrontAddress| match &of.zone {
            Some(zone) => format!("{} ({zone})", of.address),
            None => of.address.clone(),
        };
        let addresses: Vec<_> = policy.front.addresses.iter().map(of).collect();
        let _ = writeln!(text, "the balancer is reached at {}", clean(&addresses.join(", ")));
    }
    text
}

fn limits(policy: &Policy) -> String {
    let Policy { limits, share, .. } = policy;
    let mut table =
        Table::new([("LIMIT", Side::Left), ("POOL", Side::Right), ("NODE ALONE", Side::Right)]);
    for (name, limit) in limits {
        let alone = share.get(name).map_or_else(String::new, shown);
        table.row([name.clone(), shown(limit), alone]);
    }
    let mut text = table.text();
    if let Some(nodes) = share.get("nodes").and_then(Value::as_u64) {
        let nodes = count(nodes, "node");
        let _ = writeln!(text, "\nalone: what one of {nodes} admits while the store is away");
    }
    text
}

fn listeners(listeners: &[Listener]) -> String {
    let mut table = Table::new([
        ("LISTENER", Side::Left),
        ("SERVICE", Side::Left),
        ("MODE", Side::Left),
        ("BECAUSE OF", Side::Left),
    ]);
    for Listener { address, service, mode, reason } in listeners {
        table.row([address.clone(), service.clone(), mode.clone(), reason.clone()]);
    }
    table.text()
}

/// What is on the path, what is done about it, and what can not be.
fn keepalives(keepalive: &Keepalive) -> String {
    let Keepalive { smallest_ms, timers, probes, ssh_ms, ftp_idle, payload_ms, .. } = keepalive;
    let mut text = String::new();
    if !timers.is_empty() {
        let mut table = Table::new([
            ("TIMER", Side::Left),
            ("AFTER", Side::Right),
            ("RESET BY", Side::Left),
            ("BECAUSE OF", Side::Left),
        ]);
        for timer in timers {
            let after = period(timer.after_ms);
            table.row([timer.name.clone(), after, timer.resets.clone(), timer.source.clone()]);
        }
        text = format!("{}\n", table.text());
    }
    let mut say = |line: String| {
        let _ = writeln!(text, "{}", clean(&line));
    };
    match smallest_ms {
        Some(smallest) => say(format!("silent connections are lost after {}", period(*smallest))),
        None => say("nothing is known on the path that ends silent connections".to_owned()),
    }
    let (idle, interval) = (period(probes.idle_ms), period(probes.interval_ms));
    let gone = period(probes.user_timeout_ms);
    say(format!(
        "tcp keepalive after {idle}, then every {interval}, {} times; who takes no byte for {gone} is gone",
        probes.count
    ));
    say(match ssh_ms {
        Some(ssh) => format!("ssh keepalive requests every {}", period(*ssh)),
        None => "no ssh keepalive requests".to_owned(),
    });
    if let Some(limit) = ftp_idle {
        let (after, reason) = (period(limit.after_ms), &limit.reason);
        say(format!("ftp sessions may be idle for {after} at most: {reason}"));
    }
    if let Some(payload) = payload_ms {
        let lines = if keepalive.progress_lines { "lines of progress" } else { "nothing" };
        let payload = period(*payload);
        say(format!(
            "control connections in mid-transfer get payload every {payload}: a KeyUpdate of TLS 1.3; in clear {lines} (ingress.progress_lines)"
        ));
    }
    for cut in &keepalive.cuts {
        say(format!("not kept: {cut}"));
    }
    text
}

/// 0 is no limit.
fn shown(limit: &Value) -> String {
    if limit.as_u64() == Some(0) { "none".to_owned() } else { limit.to_string() }
}

fn period(ms: u64) -> String {
    humantime::format_duration(Duration::from_millis(ms)).to_string()
}
