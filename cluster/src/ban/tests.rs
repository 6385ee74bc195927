use proptest::prelude::*;

use super::*;

#[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
fn start() -> Instant {
    Instant::now()
}

fn rules(ban_after: u32) -> Rules {
    Rules {
        ban_after,
        ban_window: Duration::from_secs(600),
        ban_for: Duration::from_secs(1800),
        exempt: vec!["127.0.0.0/8".parse().unwrap()],
    }
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn the_last_failure_bans_and_the_ban_ends() {
    let mut bans = Bans::new(rules(3));
    let now = start();
    assert_eq!(bans.on_failure(address(1), now), None);
    assert_eq!(bans.on_failure(address(1), now + seconds(1)), None);
    assert_eq!(bans.is_banned(address(1), now + seconds(1)), None);
    let until = now + seconds(1802);
    assert_eq!(bans.on_failure(address(1), now + seconds(2)), Some(until));
    assert_eq!(bans.is_banned(address(1), until - seconds(1)), Some(until));
    assert_eq!(bans.is_banned(address(1), until), None);
    assert_eq!(bans.is_banned(address(2), now + seconds(3)), None);
    // The score begins anew after the ban.
    assert_eq!(bans.on_failure(address(1), until), None);
}

#[test]
fn failures_outside_the_window_do_not_count() {
    let mut bans = Bans::new(rules(2));
    let now = start();
    assert_eq!(bans.on_failure(address(1), now), None);
    assert_eq!(bans.on_failure(address(1), now + seconds(600)), None);
    assert!(bans.on_failure(address(1), now + seconds(1199)).is_some());
}

#[test]
fn zero_never_bans() {
    let mut bans = Bans::new(rules(0));
    let now = start();
    assert!((0..1000).all(|_| bans.on_failure(address(1), now).is_none()));
    assert_eq!(bans.tracked(), 0);
}

#[test]
fn exempt_addresses_are_not_scored_but_can_be_banned_by_hand() {
    let mut bans = Bans::new(rules(1));
    let now = start();
    let local: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
    assert_eq!(bans.on_failure(local, now), None);
    assert_eq!(bans.tracked(), 0);
    bans.ban(local, now + seconds(5));
    assert!(bans.is_banned("127.0.0.1".parse().unwrap(), now).is_some());
}

#[test]
fn a_site_is_banned_as_one() {
    let mut bans = Bans::new(rules(2));
    let now = start();
    bans.on_failure("2001:db8::1".parse().unwrap(), now);
    assert!(bans.on_failure("2001:db8::2".parse().unwrap(), now).is_some());
    assert!(bans.is_banned("2001:db8::3".parse().unwrap(), now).is_some());
    assert!(bans.is_banned("2001:db8:0:1::1".parse().unwrap(), now).is_none());
    assert_eq!(bans.list(now)[0].network().to_string(), "2001:db8::/64");
}

#[test]
fn bans_are_listed_made_and_lifted() {
    let mut bans = Bans::new(rules(1));
    let now = start();
    bans.ban(address(1), now + seconds(9000));
    bans.on_failure(address(2), now);
    let list = bans.list(now);
    assert_eq!(list.len(), 2);
    assert_eq!((list[0].address, list[0].manual), (address(2), false));
    assert_eq!((list[1].address, list[1].manual), (address(1), true));
    assert_eq!(list[1].network().to_string(), "192.0.2.1/32");
    assert!(bans.unban(address(1), now));
    assert!(!bans.unban(address(1), now));
    assert_eq!(bans.is_banned(address(1), now), None);
    bans.on_tick(now + seconds(1800));
    assert!(bans.list(now).is_empty());
}

#[test]
fn a_longer_ban_is_kept() {
    let mut bans = Bans::new(rules(1));
    let now = start();
    bans.ban(address(1), now + seconds(9000));
    assert_eq!(bans.on_failure(address(1), now), Some(now + seconds(9000)));
    bans.ban(address(1), now + seconds(1));
    assert_eq!(bans.is_banned(address(1), now), Some(now + seconds(9000)));
}

#[test]
fn tables_are_bounded_and_forget_the_oldest() {
    let mut bans = Bans::new(rules(2));
    let now = start();
    let nth = |n: u32| IpAddr::from((0x0a00_0000 + n).to_be_bytes());
    let count = u32::try_from(ADDRESSES_MAX).unwrap() + 10;
    for n in 0..count {
        bans.on_failure(nth(n), now + Duration::from_micros(u64::from(n)));
    }
    assert_eq!(bans.tracked(), ADDRESSES_MAX);
    let then = now + seconds(1);
    assert_eq!(bans.on_failure(nth(0), then), None, "the oldest was forgotten");
    assert!(bans.on_failure(nth(count - 1), then).is_some());
    for n in 0..count {
        bans.ban(nth(n), then + Duration::from_micros(u64::from(n) + 1));
    }
    assert_eq!(bans.list(then).len(), BANS_MAX);
    assert!(bans.is_banned(nth(0), then).is_none());
}

#[test]
fn a_ban_longer_than_the_clock_is_long_enough() {
    let mut bans = Bans::new(Rules { ban_for: Duration::MAX, ..rules(1) });
    let now = start();
    assert!(bans.on_failure(address(1), now).unwrap() > now + TEN_YEARS - seconds(1));
}

proptest! {
    /// Against a plain list of all failures: banned exactly when `ban_after` of them, since the
    /// last ban, lie in one window.
    #[test]
    fn bans_follow_the_rule(
        ban_after in 1..5_u32,
        failures in prop::collection::vec((0..3_u8, 0..300_u64), 1..100),
    ) {
        let mut bans = Bans::new(rules(ban_after));
        let mut model: Vec<Vec<Instant>> = vec![Vec::new(); 3];
        let mut now = start();
        for (who, wait) in failures {
            now += seconds(wait);
            let times = &mut model[usize::from(who)];
            times.push(now);
            let inside = times.iter().filter(|&&at| now - at < seconds(600)).count();
            let banned = inside >= ban_after as usize;
            if banned {
                times.clear();
            }
            prop_assert_eq!(bans.on_failure(address(who), now).is_some(), banned);
            let counted: usize = bans.scores.iter().map(|(.., times)| times.len()).sum();
            prop_assert_eq!(counted, bans.failures);
            prop_assert_eq!(bans.scores.order.len(), bans.scores.len());
        }
        bans.on_tick(now + seconds(10_000));
        prop_assert_eq!((bans.tracked(), bans.failures, bans.bans.len()), (0, 0, 0));
    }
}
