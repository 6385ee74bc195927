use super::*;

#[test]
fn requests_carry_their_length_and_an_id_of_their_own() {
    let mut requests = Requests::default();
    requests.hello();
    let id = requests.begin(kind::READ, 20).string(b"h").large(7).number(9).id;
    assert_eq!(id, 1);
    assert_eq!(requests.begin(kind::CLOSE, 5).string(b"h").id, 2);
    let bytes = requests.take();
    assert!(requests.is_empty());
    let hello = [0, 0, 0, 5, 1, 0, 0, 0, 3];
    let read = [0, 0, 0, 22, 5, 0, 0, 0, 1, 0, 0, 0, 1, b'h', 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9];
    let close = [0, 0, 0, 10, 4, 0, 0, 0, 2, 0, 0, 0, 1, b'h'];
    assert_eq!(bytes, [&hello[..], &read, &close].concat());
}

#[test]
fn a_head_has_bounds() {
    let head = Head::parse([0, 0, 0, 7, kind::STATUS, 0, 0, 0, 3]);
    assert_eq!(head, Some(Head { kind: kind::STATUS, id: 3, left: 2 }));
    assert_eq!(Head::parse([0, 0, 0, 4, kind::STATUS, 0, 0, 0, 3]), None);
    assert_eq!(Head::parse([0, 4, 0, 1, kind::DATA, 0, 0, 0, 3]), None);
    assert_eq!(Head::parse([255; HEAD_BYTES]), None);
}

#[test]
fn attributes_of_every_kind_are_passed_over() {
    let mut requests = Requests::default();
    let flags = attribute::SIZE
        | attribute::OWNER
        | attribute::PERMISSIONS
        | attribute::TIMES
        | attribute::EXTENDED;
    let request = requests.begin(kind::ATTRS, 0).number(flags).large(1 << 40);
    let request = [1, 2, 3, 4, 5].into_iter().fold(request, Request::number);
    drop(request.number(1).string(b"a@b").string(b"value"));
    let bytes = requests.take();
    let mut fields = Fields::new("STAT", &bytes[HEAD_BYTES..]);
    assert_eq!(fields.attributes().unwrap(), Some(1 << 40));
    fields.end().unwrap();
}

#[test]
fn names_are_counted_and_must_be_there() {
    let mut requests = Requests::default();
    let mut request = requests.begin(kind::NAME, 0).number(2);
    for name in [&b"one"[..], b"two"] {
        request = request.string(name).string(b"long").number(0);
    }
    drop(request);
    let bytes = requests.take();
    let body = &bytes[HEAD_BYTES..];
    assert_eq!(Fields::new("READDIR", body).names().unwrap(), 2);
    for cut in 0..body.len() {
        assert!(Fields::new("READDIR", &body[..cut]).names().is_err());
    }
}

#[test]
fn endless_counts_end_with_the_bytes() {
    assert!(Fields::new("READDIR", &[255; 4]).names().is_err());
    assert!(Fields::new("STAT", &[255; 64]).attributes().is_err());
}
