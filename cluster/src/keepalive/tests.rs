use proptest::prelude::*;

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn path(balancer: Balancer, idle_timeout: Option<u64>) -> Path {
    let own = Own { ftp_idle: seconds(600), ssh_keepalive: seconds(60) };
    Path { balancer, idle_timeout: idle_timeout.map(seconds), own, others: Vec::new() }
}

fn nat(after: u64) -> Timer {
    Timer {
        name: "NAT gateway".to_owned(),
        after: seconds(after),
        source: "ec2".to_owned(),
        resets: Resets::Packets,
    }
}

/// T, then seconds: idle, interval, user timeout; SSH; FTP idle; payload. 0: none.
type Row = (u64, [u64; 3], u64, u64, u64);

fn row(path: &Path) -> Row {
    let decided = decide(path);
    let Probes { idle, interval, count, user_timeout } = decided.probes;
    assert_eq!(count, 4);
    let of = |time: Option<Duration>| time.map_or(0, |time| time.as_secs());
    (
        of(decided.smallest()),
        [idle, interval, user_timeout].map(|time| time.as_secs()),
        of(decided.ssh),
        of(decided.ftp_idle.map(|limit| limit.after)),
        of(decided.payload),
    )
}

#[test]
fn what_is_decided_on_which_path() {
    use Balancer::{Classic, Network, None as Nothing};
    let table: [(Path, Row); 14] = [
        (path(Nothing, None), (0, [75, 15, 135], 60, 0, 0)),
        (path(Nothing, Some(120)), (120, [40, 15, 100], 60, 0, 0)),
        (path(Network, None), (350, [75, 15, 135], 60, 0, 0)),
        (path(Network, Some(6000)), (6000, [75, 15, 135], 60, 0, 0)),
        (path(Network, Some(225)), (225, [75, 15, 135], 60, 0, 0)),
        (path(Network, Some(60)), (60, [20, 8, 52], 30, 0, 0)),
        (path(Network, Some(3)), (3, [1, 1, 5], 1, 0, 0)),
        (path(Classic, None), (60, [20, 8, 52], 30, 54, 48)),
        (path(Classic, Some(3600)), (3600, [75, 15, 135], 60, 3240, 2880)),
        (path(Classic, Some(50)), (50, [16, 6, 40], 25, 45, 40)),
        (path(Classic, Some(6)), (6, [2, 1, 6], 3, 4, 4)),
        (path(Classic, Some(3)), (3, [1, 1, 5], 1, 2, 2)),
        // The smallest timer rules the probes, the smallest that counts payload the rest.
        (
            Path { others: vec![nat(120)], ..path(Classic, Some(600)) },
            (120, [40, 15, 100], 60, 540, 480),
        ),
        (Path { others: vec![nat(350)], ..path(Nothing, None) }, (350, [75, 15, 135], 60, 0, 0)),
    ];
    for (path, expected) in table {
        assert_eq!(row(&path), expected, "{path:?}");
    }
    let silent = Path { own: Own::default(), ..path(Network, None) };
    assert_eq!(decide(&silent).ssh, None, "switched off is off");
    assert_eq!(decide(&Path::default()), Keepalive::default());
}

#[test]
fn a_timer_explains_only_a_silence_of_its_length() {
    let classic = decide(&path(Balancer::Classic, Some(60)));
    for (silence, explained) in
        [(0.0, false), (20.0, false), (58.9, false), (59.1, true), (60.1, true), (63.1, false)]
    {
        assert_eq!(classic.explains(Duration::from_secs_f64(silence)), explained, "{silence}");
    }
    // Short timers: nothing that comes much earlier is theirs.
    let short = decide(&path(Balancer::Classic, Some(5)));
    assert!(!short.explains(seconds(4)) && short.explains(seconds(5)));
    // Probes keep these, and one's own limit says good-bye.
    for balancer in [Balancer::None, Balancer::Network] {
        assert!(!decide(&path(balancer, Some(60))).explains(seconds(60)));
    }
}

#[test]
fn the_reasons_are_told() {
    let decided = decide(&path(Balancer::Classic, Some(60)));
    assert_eq!(
        decided.ftp_idle.unwrap().reason,
        "the balancer closes after 60 s without payload, ingress.idle_timeout"
    );
    let told: Vec<_> = decided.timers.iter().map(|of| (of.name.as_str(), of.resets)).collect();
    let expected = [("classic balancer", Resets::Payload), ("FTP idle limit", Resets::Commands)];
    assert_eq!(told, expected);
    let usual = decide(&path(Balancer::Classic, None));
    assert_eq!(usual.timers[0].source, "ingress.balancer");
    // One's own limit is none that a connection must be kept from.
    let mut short = path(Balancer::Network, None);
    short.own.ftp_idle = seconds(30);
    assert_eq!(decide(&short).smallest(), Some(seconds(350)));
}

#[test]
fn what_is_cut_is_told() {
    let classic = decide(&path(Balancer::Classic, None));
    let clear = "clear FTP behind this classic balancer: a transfer longer than 60 s loses its control connection";
    let secure = "FTPS with TLS 1.2 behind this classic balancer: a transfer longer than 60 s loses its control connection";
    let updates = "FTPS with TLS 1.3 behind this classic balancer: a transfer longer than 432 s may lose its control connection, where a client does not read it meanwhile and takes few KeyUpdates at once (GnuTLS 8, others 32)";
    let commands = "commands behind this classic balancer: one that works for longer than 60 s without a transfer (HASH, SITE CPTO) loses its control connection, unless it is under TLS 1.3";
    assert_eq!(cuts(&classic, false), [clear, secure, updates, commands]);
    assert_eq!(cuts(&classic, true), [secure, updates, commands]);
    let mut without_requests = path(Balancer::Classic, None);
    without_requests.own.ssh_keepalive = Duration::ZERO;
    let cut = cuts(&decide(&without_requests), true);
    assert!(cut[3].starts_with("SSH behind this classic balancer"), "{cut:?}");
    for balancer in [Balancer::None, Balancer::Network] {
        assert_eq!(cuts(&decide(&path(balancer, Some(60))), false), [""; 0]);
    }
}

proptest! {
    /// At the least two probes go out before the smallest timer fires, and where there is time all four end before.
    #[test]
    fn probes_fit_into_the_smallest_timer(after in 3u64..100_000, classic in any::<bool>()) {
        let balancer = if classic { Balancer::Classic } else { Balancer::Network };
        let decided = decide(&path(balancer, Some(after)));
        let Probes { idle, interval, user_timeout, .. } = decided.probes;
        prop_assert!(idle + interval < seconds(after));
        prop_assert!(user_timeout <= seconds(after) || after < 6);
        prop_assert!(decided.ssh.unwrap() < seconds(after));
        prop_assert!(decided.payload.is_none_or(|payload| payload < seconds(after)));
        prop_assert!(decided.ftp_idle.is_none_or(|limit| limit.after < seconds(after)));
    }

    #[test]
    fn what_is_written_is_read(after in 3u64..100_000, classic in any::<bool>()) {
        let balancer = if classic { Balancer::Classic } else { Balancer::Network };
        let decided = decide(&path(balancer, Some(after)));
        let bytes = rmp_serde::to_vec_named(&decided).unwrap();
        prop_assert_eq!(rmp_serde::from_slice::<Keepalive>(&bytes).unwrap(), decided);
    }
}

/// A later version knows more kinds of timers, and more to say.
#[test]
fn what_a_later_version_writes_is_read() {
    #[derive(Serialize)]
    struct Later {
        timers: Vec<LaterTimer>,
        invented: u8,
    }
    #[derive(Serialize)]
    struct LaterTimer {
        name: &'static str,
        after: u64,
        source: &'static str,
        resets: &'static str,
        invented: u8,
    }
    let (name, source, resets) = ("x", "y", "prayers");
    let timer = LaterTimer { name, after: 1_500, source, resets, invented: 1 };
    let later = Later { timers: vec![timer], invented: 2 };
    let read: Keepalive = rmp_serde::from_slice(&rmp_serde::to_vec_named(&later).unwrap()).unwrap();
    assert_eq!((read.timers[0].resets, read.probes), (Resets::Unknown, Probes::default()));
    assert_eq!(read.timers[0].after, Duration::from_millis(1_500));
}

#[test]
fn what_was_read_goes_before_what_is_usual_and_after_what_is_configured() {
    let read = |balancer, configured, timers: &[Timer]| {
        let decided = decide(&path(balancer, configured).with_read(timers));
        let smallest = decided.timers.iter().find(|timer| timer.resets != Resets::Commands);
        smallest.map(|timer| (timer.after.as_secs(), timer.name.clone()))
    };
    let told = |after, name: &str| Some((after, name.to_owned()));
    let longer = [nat(3600)];
    assert_eq!(read(Balancer::None, None, &longer), told(3600, &longer[0].name));
    assert_eq!(read(Balancer::Network, None, &longer), told(3600, &longer[0].name));
    assert_eq!(read(Balancer::Network, None, &[]), told(350, "network balancer"));
    assert_eq!(read(Balancer::Network, Some(200), &[nat(100)]), told(200, "network balancer"));
    // What counts payload is not what was read.
    assert_eq!(read(Balancer::Classic, None, &longer), told(60, "classic balancer"));
    assert_eq!(read(Balancer::Classic, None, &[nat(30)]), told(30, &longer[0].name));
}

#[test]
fn a_timer_of_the_node_itself_makes_probes_earlier_only() {
    let own = Own { ssh_keepalive: seconds(300), ..Own::default() };
    let decided = decide(&Path { own, ..path(Balancer::Network, Some(120)) });
    let later = decided.clone().with_own(nat(350));
    assert_eq!((later.probes, later.ssh), (decided.probes, decided.ssh));
    assert_eq!(later.timers.len(), decided.timers.len() + 1);
    let earlier = decided.with_own(nat(60));
    let same = decide(&Path { own, ..path(Balancer::None, Some(60)) });
    assert_eq!((earlier.probes, earlier.ssh), (same.probes, same.ssh));
}
