use proptest::prelude::*;

use super::*;

/// Whatever it was read without.
fn reply(answer: Answer, value: Value) -> Read<Reply> {
    super::reply(answer, value, &mut Flaws::default())
}

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

fn bulk(bytes: &[u8]) -> Value {
    Value::BulkString(bytes.to_vec())
}

fn six(number: u64) -> Vec<u8> {
    Fence(number).to_bytes().to_vec()
}

/// A beat with members, as `beat.lua` answers it.
fn beat() -> Vec<Value> {
    let node = |generation| [six(generation), six(5), six(9), b"record".to_vec()].concat();
    let nodes = [text("b"), bulk(&node(2)), text("not a name"), bulk(&node(3))];
    let blocks = [six(0), vec![0; 3], six(7), b"tag".to_vec(), six(8), b"old".to_vec()].concat();
    let ban = [six(1_500), vec![BAN_MANUAL]].concat();
    vec![
        Value::Int(0),
        Value::Int(1_000),
        bulk(&77_u64.to_be_bytes()),
        Value::Int(1),
        bulk(&six(5)),
        Value::Int(0),
        Value::Int(6_000),
        bulk(&[six(5), six(6), six(4_000), b"b".to_vec()].concat()),
        Value::Int(3),
        Value::Int(0),
        Value::Array(vec![
            Value::Array(vec![bulk(&[192, 0, 2, 1])]),
            Value::Array(vec![bulk(&ban)]),
        ]),
        bulk(&[six(4), b"policy".to_vec()].concat()),
        Value::Array(vec![bulk(&[six(12), b"order".to_vec()].concat())]),
        Value::Array(vec![Value::Int(3)]),
        Value::Array(nodes.to_vec()),
        Value::Array(vec![bulk(&six(5)), text("tag")]),
        Value::Array(vec![text("tag"), text("990")]),
        bulk(&blocks),
        bulk(&[&[0, 9], six(8).as_slice(), b"tag"].concat()),
    ]
}

#[test]
fn a_beat_is_read() {
    let node = NodeId::new("b").unwrap();
    let read = reply(Answer::Beat, Value::Array(beat())).unwrap();
    let listed = Listed {
        node: node.clone(),
        generation: 2,
        fence: Fence(5),
        beat_ms_ago: 10,
        record: b"record".to_vec(),
    };
    let banned = Banned { origin: [192, 0, 2, 1].into(), left_ms: 500, manual: true };
    let wanted = Beaten {
        now_ms: 1_000,
        pool: PoolGeneration { id: 77, created: true },
        fence: Fence(5),
        lost: false,
        quarantine_ms: 6_000,
        leader: Some(Term { node, fence: Fence(6), left_ms: 3_000 }),
        members: vec![listed],
        bans: News { number: 3, more: false, changes: vec![banned] },
        policy: Some((4, b"policy".to_vec())),
        orders: vec![(12, b"order".to_vec())],
        blocks: vec![(Holding { block: 1, fence: Fence(7) }, Fence(5))],
        yield_blocks: vec![3],
        displaced: vec![(Holding { block: 9, fence: Fence(8) }, Fence(5))],
    };
    assert_eq!(read, Reply::Beat(Registered::Yes(Box::new(wanted))));
}

/// Every part of a beat in turn is missing, of another kind or too short.
#[test]
fn a_malformed_beat_is_an_error() {
    let answer = |parts| reply(Answer::Beat, Value::Array(parts));
    for length in (0..14).chain(15..19) {
        assert!(answer(beat()[..length].to_vec()).is_err(), "{length} parts");
    }
    for index in 0..beat().len() {
        let mut parts = beat();
        parts[index] = Value::Double(1.5);
        assert!(answer(parts).is_err(), "part {index}");
    }
    for (index, wrong) in [
        (0, Value::Int(3)),
        (1, Value::Int(-1)),
        (2, bulk(b"short")),
        (4, bulk(b"short")),
        (13, Value::Array(vec![Value::Int(65_536)])),
        (14, Value::Array(vec![text("b")])),
    ] {
        let mut parts = beat();
        parts[index] = wrong.clone();
        assert!(answer(parts).is_err(), "part {index} as {wrong:?}");
    }
}

/// One value that somebody else wrote costs that value, and nothing else of the beat.
#[test]
fn a_garbled_value_is_left_out() {
    let list = |values: &[Value]| Value::Array(values.to_vec());
    let sound = beat();
    let beside = |part: &Value, more: &[Value]| {
        let Value::Array(values) = part else { panic!("{part:?}") };
        list(&[values.as_slice(), more].concat())
    };
    let news = list(&[list(&[bulk(&[192, 0, 2, 1]), text("x"), bulk(&[192, 0, 2, 2])]), {
        let ban = [six(1_500), vec![BAN_MANUAL]].concat();
        list(&[bulk(&ban), bulk(&ban), Value::Nil])
    }]);
    let whole = reply(Answer::Beat, list(&sound)).unwrap();
    for (index, part) in [
        (10, news),
        (12, beside(&sound[12], &[text("short")])),
        (14, beside(&sound[14], &[text("c"), bulk(&[0; 17])])),
        (14, beside(&sound[14], &[text("c"), text("")])),
        (15, beside(&sound[15], &[text("short"), text("abc")])),
        (16, beside(&sound[16], &[text("abc"), text("inf")])),
        (16, beside(&sound[16], &[text("abc"), text("nan")])),
    ] {
        let mut parts = sound.clone();
        parts[index] = part.clone();
        assert_eq!(reply(Answer::Beat, list(&parts)).as_ref(), Ok(&whole), "{part:?}");
    }
    for (index, part) in
        [(7, bulk(&[0; 18])), (7, text("")), (7, bulk(&[&[0; 18][..], b"?!"].concat()))]
    {
        let mut parts = sound.clone();
        parts[index] = part;
        let Ok(Reply::Beat(Registered::Yes(read))) = reply(Answer::Beat, list(&parts)) else {
            panic!("{parts:?}")
        };
        assert_eq!((read.leader, read.members.len()), (None, 1));
    }
    let mut parts = sound;
    parts[11] = text("short");
    let Ok(Reply::Beat(Registered::Yes(read))) = reply(Answer::Beat, list(&parts)) else {
        panic!("{parts:?}")
    };
    assert_eq!(read.policy, None);
    let ban = [six(1_500), vec![0]].concat();
    let pairs =
        [bulk(&[1; 5]), bulk(&ban), bulk(&[1; 4]), bulk(&[0; 6]), bulk(&[2; 4]), bulk(&ban)];
    let bans = vec![Banned { origin: [2; 4].into(), left_ms: 1_499, manual: false }];
    let answer = list(&[Value::Int(1), list(&pairs)]);
    assert_eq!(reply(Answer::Bans, answer), Ok(Reply::Bans(bans)));
    let page = list(&[text("0"), list(&[bulk(&[1; 9]), text("a"), bulk(&[1]), text("b")])]);
    let sessions = vec![(1, b"b".to_vec())];
    assert_eq!(reply(Answer::Sessions, page), Ok(Reply::Sessions { sessions, cursor: 0 }));
}

#[test]
fn other_answers_are_read() {
    let list = |values: &[Value]| Value::Array(values.to_vec());
    let registered = |values: &[Value]| reply(Answer::Beat, list(values));
    let in_use = Registered::InUse { beat_ms_ago: 4 };
    assert_eq!(registered(&[Value::Int(1), Value::Int(4)]), Ok(Reply::Beat(in_use)));
    assert_eq!(registered(&[Value::Int(2)]), Ok(Reply::Beat(Registered::Superseded)));
    let verdicts = [-1, -2, -3, -4, -5, -6, 0, 9].map(Value::Int);
    let wanted = vec![
        Verdict::Stale,
        Verdict::Full(Full::Sessions),
        Verdict::Full(Full::PerUser),
        Verdict::Full(Full::Account),
        Verdict::Full(Full::PerAddress),
        Verdict::Full(Full::LoginsPerSecond),
        Verdict::In { sessions: 0 },
        Verdict::In { sessions: 9 },
    ];
    assert_eq!(reply(Answer::Verdicts, list(&verdicts)), Ok(Reply::Verdicts(wanted)));
    let page = list(&[text("18446744073709551615"), list(&[bulk(&[1, 0]), text("record")])]);
    let sessions = vec![(256, b"record".to_vec())];
    assert_eq!(reply(Answer::Sessions, page), Ok(Reply::Sessions { sessions, cursor: u64::MAX }));
    let granted = |values: &[Value]| reply(Answer::Granted, list(values)).unwrap();
    assert_eq!(granted(&[Value::Int(0)]), Reply::Granted(Granted::Stale));
    let left_ms = Granted::Quarantined { left_ms: 7 };
    assert_eq!(granted(&[Value::Int(1), Value::Int(7)]), Reply::Granted(left_ms));
    let blocks = bulk(&[0, 3, 0, 0, 0, 0, 0, 9]);
    let holding = Holding { block: 3, fence: Fence(9) };
    assert_eq!(granted(&[Value::Int(2), blocks]), Reply::Granted(Granted::Blocks(vec![holding])));
    assert_eq!(reply(Answer::Secret, Value::Nil), Ok(Reply::Secret(None)));
    assert_eq!(fences(list(&[bulk(&six(3))])), Ok(vec![Fence(3)]));
    // A map comes as such from a command of its own.
    let map =
        Value::Map(vec![(text("b"), text("2")), (text("a"), text("1")), (text("?!"), text("3"))]);
    let node = |name| NodeId::new(name).unwrap();
    let wanted = vec![(node("a"), b"1".to_vec()), (node("b"), b"2".to_vec())];
    assert_eq!(reply(Answer::Configurations, map), Ok(Reply::Configurations(wanted)));
}

#[test]
fn other_malformed_answers_are_errors() {
    let list = |values: &[Value]| Value::Array(values.to_vec());
    for (answer, value) in [
        (Answer::Changed, Value::Nil),
        (Answer::Verdicts, list(&[Value::Int(-7)])),
        (Answer::Verdicts, list(&[Value::Int(1 << 32)])),
        (Answer::Sessions, list(&[text("x"), list(&[])])),
        (Answer::Sessions, list(&[text("0"), list(&[text("1")])])),
        (Answer::Bans, list(&[Value::Int(1), list(&[bulk(&[1; 4])])])),
        (Answer::Answers, list(&[Value::Int(1)])),
        (Answer::Secret, bulk(b"12345")),
        (Answer::Granted, list(&[Value::Int(2), bulk(&[0; 7])])),
        (Answer::Granted, list(&[Value::Int(3)])),
        (Answer::Configurations, list(&[text("a")])),
    ] {
        assert!(reply(answer, value.clone()).is_err(), "{answer:?} as {value:?}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<i64>().prop_map(Value::Int),
        (-7..3_i64).prop_map(Value::Int),
        prop::collection::vec(any::<u8>(), 0..24).prop_map(Value::BulkString),
        Just(Value::Okay),
        any::<f64>().prop_map(Value::Double),
        any::<bool>().prop_map(Value::Boolean),
    ];
    leaf.prop_recursive(3, 64, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::Array),
            prop::collection::vec((inner.clone(), inner), 0..6).prop_map(Value::Map),
        ]
    })
}

proptest! {
    /// Whatever comes, it is read or refused.
    #[test]
    fn nothing_panics(value in value()) {
        for answer in [
            Answer::Done, Answer::Changed, Answer::Beat, Answer::Verdicts, Answer::Sessions,
            Answer::Bans, Answer::Answers, Answer::Configurations, Answer::Secret, Answer::Granted,
        ] {
            let _ = reply(answer, value.clone());
        }
        let _ = fences(value);
    }

    /// A beat of which one part is anything.
    #[test]
    fn nothing_in_a_beat_panics(index in 0..18_usize, value in value()) {
        let mut parts = beat();
        parts[index] = value;
        let _ = reply(Answer::Beat, Value::Array(parts));
    }
}
