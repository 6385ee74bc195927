//! From the path to the policy, and what the policy can not do.

use std::time::Duration;

use super::{
    Balancer, IDLE_MAX, INTERVAL_MAX, IdleLimit, Keepalive, PROBES, Path, Probes, Resets, Timer,
};

/// How connections on this path are kept alive.
pub fn decide(path: &Path) -> Keepalive {
    let mut timers: Vec<Timer> = balancer(path).into_iter().chain(path.others.clone()).collect();
    if !path.own.ftp_idle.is_zero() {
        timers.push(Timer {
            name: "FTP idle limit".to_owned(),
            after: path.own.ftp_idle,
            source: "timeouts.idle".to_owned(),
            resets: Resets::Commands,
        });
    }
    timers.sort_by_key(|timer| timer.after);
    let found = Keepalive { timers, ..Keepalive::default() };
    let smallest = found.smallest();
    let by_payload = found.smallest_of(|resets| resets == Resets::Payload);
    let own = Some(path.own.ssh_keepalive).filter(|own| !own.is_zero());
    Keepalive {
        probes: smallest.map(probes).unwrap_or_default(),
        ssh: own.map(|own| own.min(smallest.map_or(own, |timer| whole(timer / 2)))),
        ftp_idle: by_payload.map(idle_limit),
        payload: by_payload.map(|timer| whole(timer.after * 4 / 5)),
        ..found
    }
}

/// What cannot be kept alive on this path, one sentence for each; none: nothing is cut.
pub fn cuts(keepalive: &Keepalive, progress_lines: bool) -> Vec<String> {
    let Some(timer) = keepalive.smallest_of(|resets| resets == Resets::Payload) else {
        return Vec::new();
    };
    let (name, after) = (&timer.name, text(timer.after));
    let loses = |what: &str| {
        format!(
            "{what} behind this {name}: a transfer longer than {after} loses its control connection"
        )
    };
    let mut cuts = Vec::new();
    if !progress_lines {
        cuts.push(loses("clear FTP"));
    }
    cuts.push(loses("FTPS with TLS 1.2"));
    if let Some(payload) = keepalive.payload {
        let at_least = text(payload * (KEY_UPDATES_TAKEN + 1));
        cuts.push(format!(
            "FTPS with TLS 1.3 behind this {name}: a transfer longer than {at_least} may lose its control connection, where a client does not read it meanwhile and takes few KeyUpdates at once (GnuTLS {KEY_UPDATES_TAKEN}, others 32)"
        ));
    }
    cuts.push(format!(
        "commands behind this {name}: one that works for longer than {after} without a transfer (HASH, SITE CPTO) loses its control connection, unless it is under TLS 1.3"
    ));
    if keepalive.ssh.is_none() {
        cuts.push(format!(
            "SSH behind this {name}: a session that is silent for longer than {after} is cut (ssh.keepalive)"
        ));
    }
    cuts
}

/// The timer of what stands in front.
fn balancer(path: &Path) -> Option<Timer> {
    let (name, usual, resets) = match path.balancer {
        Balancer::None => ("path", None, Resets::Packets),
        Balancer::Network => ("network balancer", Some(NETWORK), Resets::Packets),
        Balancer::Classic => ("classic balancer", Some(CLASSIC), Resets::Payload),
    };
    let source = path.idle_timeout.map_or("ingress.balancer", |_| "ingress.idle_timeout");
    let after = path.idle_timeout.or(usual)?;
    Some(Timer { name: name.to_owned(), after, source: source.to_owned(), resets })
}

/// Four probes and the time before them end within T, so that a path that lost three of them is kept by the fourth;
/// with a T of less than 6 s there is time for fewer. Who is dead is known by the end of them at the earliest: who carries
/// this out may be more patient (see [`Probes::user_timeout`]).
pub(super) fn probes(smallest: Duration) -> Probes {
    let idle = whole(smallest / 3).min(IDLE_MAX);
    let interval = whole(smallest.saturating_sub(idle) / (PROBES + 1)).min(INTERVAL_MAX);
    Probes::of(idle, interval)
}

fn idle_limit(timer: &Timer) -> IdleLimit {
    let after =
        whole(timer.after.saturating_sub(EARLIER.min(timer.after / 3).max(timer.after / 10)));
    let closes = text(timer.after);
    // The balancer is what operators call it; further timers have names of their own.
    let name = if timer.source.starts_with("ingress.") { "balancer" } else { &timer.name };
    let source = &timer.source;
    IdleLimit {
        after,
        reason: format!("the {name} closes after {closes} without payload, {source}"),
    }
}

/// Whole seconds, as sockets take them, at least one.
pub(super) fn whole(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs().max(1))
}

fn text(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{} s", duration.as_secs()),
        _ => format!("{} ms", duration.as_millis()),
    }
}

/// KeyUpdates that every client takes at once: GnuTLS 3.8 ends a connection on which it finds more than 8 within a second
/// (`KEY_UPDATES_PER_WINDOW` in lib/tls13/key_update.c), BoringSSL and rustls after 32 in a row without data. A client that
/// does not read its control connection before the end of a transfer finds all of them at once.
const KEY_UPDATES_TAKEN: u32 = 8;
/// A Network Load Balancer whose `tcp.idle_timeout.seconds` nobody changed.
const NETWORK: Duration = Duration::from_secs(350);
/// A Classic Load Balancer whose `ConnectionSettings.IdleTimeout` nobody changed.
const CLASSIC: Duration = Duration::from_secs(60);
/// How much earlier than the balancer the node ends an idle session, or a tenth where that is more, or a
/// third where that is less: programs that move files pause for a second or two between commands.
const EARLIER: Duration = Duration::from_secs(5);
