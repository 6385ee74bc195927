use proptest::prelude::*;

use super::*;

#[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
fn start() -> Instant {
    Instant::now()
}

fn request(user: &str, address: [u8; 4]) -> Request<'_> {
    Request { user, account_sessions: 0, address: IpAddr::from(address) }
}

fn limits(sessions: u32, per_user: u32, per_address: u32) -> Limits {
    Limits { sessions, per_user, per_address, logins_per_second: 0 }
}

#[test]
fn no_limit_means_no_limit() {
    let mut admission = Admission::new(Limits::default());
    let now = start();
    let slots: Vec<Slot> =
        (0..1000).map(|_| admission.admit(request("a", [1, 1, 1, 1]), now).unwrap()).collect();
    assert_eq!(admission.sessions(), 1000);
    slots.into_iter().for_each(|slot| admission.release(slot));
    assert_eq!(admission.sessions(), 0);
}

#[test]
fn each_limit_is_named_by_its_key() {
    let now = start();
    let cases = [
        (limits(1, 0, 0), 0, "limits.sessions = 1 is reached"),
        (limits(0, 1, 0), 0, "limits.per_user = 1 is reached"),
        (limits(0, 0, 1), 0, "limits.per_address = 1 is reached"),
        (limits(0, 0, 0), 1, "user.limits.sessions = 1 is reached"),
        (
            Limits { logins_per_second: 1, ..Limits::default() },
            0,
            "limits.logins_per_second = 1 is reached",
        ),
    ];
    for (limits, account_sessions, text) in cases {
        let mut admission = Admission::new(limits);
        let request = Request { account_sessions, ..request("a", [1, 1, 1, 1]) };
        let slot = admission.admit(request, now).unwrap();
        assert_eq!(admission.admit(request, now).unwrap_err().to_string(), text);
        admission.release(slot);
        let later = now + Duration::from_secs(1);
        admission.admit(request, later).map(|slot| admission.release(slot)).unwrap();
    }
}

#[test]
fn another_user_and_another_address_are_not_concerned() {
    let mut admission = Admission::new(limits(0, 1, 1));
    let now = start();
    let _first = admission.admit(request("a", [1, 1, 1, 1]), now).unwrap();
    assert_eq!(
        admission.admit(request("a", [1, 1, 1, 2]), now).unwrap_err().key,
        "limits.per_user"
    );
    assert_eq!(
        admission.admit(request("b", [1, 1, 1, 1]), now).unwrap_err().key,
        "limits.per_address"
    );
    let _second = admission.admit(request("b", [1, 1, 1, 2]), now).unwrap();
}

#[test]
fn a_site_is_one_origin() {
    let of = |text: &str| origin(text.parse().unwrap());
    assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
}

#[test]
fn a_denied_login_takes_no_token() {
    let mut admission =
        Admission::new(Limits { per_user: 1, logins_per_second: 2, ..Limits::default() });
    let now = start();
    let _a = admission.admit(request("a", [1, 1, 1, 1]), now).unwrap();
    assert_eq!(
        admission.admit(request("a", [1, 1, 1, 1]), now).unwrap_err().key,
        "limits.per_user"
    );
    let _b = admission.admit(request("b", [1, 1, 1, 1]), now).unwrap();
    assert_eq!(
        admission.admit(request("c", [1, 1, 1, 1]), now).unwrap_err().key,
        "limits.logins_per_second"
    );
}

#[test]
fn a_lower_limit_ends_nobody_and_admits_nobody() {
    let mut admission = Admission::new(limits(3, 0, 0));
    let now = start();
    let mut slots: Vec<Slot> =
        (0..3).map(|_| admission.admit(request("a", [1, 1, 1, 1]), now).unwrap()).collect();
    admission.set_limits(limits(2, 0, 0));
    assert_eq!(admission.sessions(), 3);
    for _ in 0..2 {
        assert_eq!(admission.admit(request("b", [1, 1, 1, 2]), now).unwrap_err().limit, 2);
        admission.release(slots.pop().unwrap());
    }
    let _slot = admission.admit(request("b", [1, 1, 1, 2]), now).unwrap();
}

#[test]
fn a_clock_that_stands_still_or_steps_back_is_harmless() {
    let mut admission = Admission::new(Limits { logins_per_second: 1, ..Limits::default() });
    let now = start() + Duration::from_secs(10);
    let _slot = admission.admit(request("a", [1, 1, 1, 1]), now).unwrap();
    let before = now - Duration::from_secs(5);
    assert!(admission.admit(request("a", [1, 1, 1, 1]), before).is_err());
}

#[derive(Clone, Debug)]
enum Step {
    Admit { user: u8, address: u8, account_sessions: u32 },
    Release(prop::sample::Index),
    Limit(Limits),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_u8, 0..4_u8, 0..4_u32)
            .prop_map(|(user, address, account_sessions)| Step::Admit { user, address, account_sessions }),
        3 => any::<prop::sample::Index>().prop_map(Step::Release),
        1 => (0..6_u32, 0..4_u32, 0..4_u32, 0..5_u32).prop_map(
            |(sessions, per_user, per_address, logins_per_second)| Step::Limit(Limits {
                sessions, per_user, per_address, logins_per_second,
            })
        ),
        2 => (0..1500_u64).prop_map(Step::Wait),
    ]
}

fn below(limit: u32, count: usize) -> bool {
    limit == 0 || count < limit as usize
}

proptest! {
    /// Against a list of the live slots as the model: a slot is given exactly if every limit
    /// allows it (the rate apart, which may refuse in addition), and counts end at zero.
    #[test]
    fn limits_hold_and_counts_vanish(steps in prop::collection::vec(step(), 1..200)) {
        let mut admission = Admission::new(Limits::default());
        let mut live: Vec<(Slot, String, IpAddr)> = Vec::new();
        let mut now = start();
        for step in steps {
            match step {
                Step::Wait(ms) => now += Duration::from_millis(ms),
                Step::Limit(limits) => admission.set_limits(limits),
                Step::Release(index) => if !live.is_empty() {
                    let (slot, ..) = live.swap_remove(index.index(live.len()));
                    admission.release(slot);
                },
                Step::Admit { user, address, account_sessions } => {
                    let user = format!("user{user}");
                    let address = IpAddr::from([10, 0, 0, address]);
                    let of_user = live.iter().filter(|(_, name, _)| *name == user).count();
                    let from = live.iter().filter(|(.., at)| *at == address).count();
                    let limits = admission.limits();
                    let allowed = below(limits.sessions, live.len())
                        && below(limits.per_user, of_user)
                        && below(account_sessions, of_user)
                        && below(limits.per_address, from);
                    let request = Request { user: &user, account_sessions, address };
                    match admission.admit(request, now) {
                        Ok(slot) => {
                            prop_assert!(allowed);
                            live.push((slot, user, address));
                        }
                        Err(denied) if denied.key == "limits.logins_per_second" => prop_assert!(allowed),
                        Err(denied) => prop_assert!(!allowed, "{}", denied),
                    }
                }
            }
            prop_assert_eq!(admission.sessions() as usize, live.len());
        }
        for (slot, ..) in live {
            admission.release(slot);
        }
        prop_assert_eq!(admission.sessions, 0);
        prop_assert!(admission.users.is_empty() && admission.origins.is_empty());
    }

    /// Over any span from the start, no more logins than the rate times the span and one burst; and
    /// a client that comes at the rate is never refused.
    #[test]
    fn the_rate_holds(rate in 1..50_u32, waits in prop::collection::vec(0..400_u64, 1..300)) {
        let mut admission = Admission::new(Limits { logins_per_second: rate, ..Limits::default() });
        let begin = start();
        let mut now = begin;
        let mut admitted = 0_u32;
        for wait in waits {
            now += Duration::from_millis(wait);
            if let Ok(slot) = admission.admit(request("a", [1, 1, 1, 1]), now) {
                admission.release(slot);
                admitted += 1;
            }
            let most = f64::from(rate) * (now - begin).as_secs_f64() + f64::from(rate);
            prop_assert!(f64::from(admitted) <= most + 1e-6);
        }
        let step = Duration::from_nanos(NANOS_PER_SECOND.div_ceil(u64::from(rate)));
        for _ in 0..100 {
            now += step;
            let slot = admission.admit(request("a", [1, 1, 1, 1]), now);
            prop_assert!(slot.is_ok());
            slot.map(|slot| admission.release(slot)).unwrap();
        }
    }
}
