//! `scp -t`: what clients send, what the owner is asked, what the client hears.

use super::*;
use crate::failure::Failure;

#[test]
fn one_file() {
    let mut bench = Bench::new("scp -t new", home());
    assert_eq!(bench.said(), "\\x00");
    assert_eq!(bench.send(b"C0644 5 local\n").said(), "\\x00");
    assert_eq!(bench.send(b"hello").said(), "");
    assert_eq!(bench.send(b"\0").said(), "\\x00");
    assert_eq!(bench.end(), Some(0));
    assert_eq!(
        bench.asked(),
        ["stat /home/new", "create /home/new 5 644", "write hello", "finish"]
    );
}

#[test]
fn into_a_directory_under_its_own_name() {
    let mut bench = Bench::new("scp -d -t .", home());
    bench.send(b"C0600 0 a b\n").send(b"\0").send(b"C4755 1 c\n").send(b"x\0");
    assert_eq!(bench.said(), "\\x00".repeat(5));
    assert_eq!(bench.end(), Some(0));
    assert_eq!(
        bench.asked(),
        [
            "stat /home",
            "create /home/a b 0 600",
            "finish",
            "create /home/c 1 755",
            "write x",
            "finish"
        ]
    );
}

#[test]
fn a_tree_with_times_and_modes() {
    let mut bench = Bench::new("scp -r -p -t new", home());
    for line in [
        &b"T1700000000 5 1700000001 0\n"[..],
        b"D0555 0 d\n",
        b"T1 0 2 0\n",
        b"C4711 1 f\n",
        b"x\0",
        b"D0700 0 e\n",
        b"E\n",
        b"E\n",
    ] {
        bench.send(line);
    }
    assert_eq!(bench.said(), "\\x00".repeat(9));
    assert_eq!(bench.end(), Some(0));
    assert_eq!(
        bench.asked(),
        [
            "stat /home/new",
            "mkdir /home/new 755",
            "create /home/new/f 1 711",
            "write x",
            "finish mode 4711 times 1 2",
            "mkdir /home/new/e 700",
            "set /home/new/e mode 700",
            "set /home/new mode 555 times 1700000000 1700000001",
        ]
    );
}

#[test]
fn directories_that_are_there_are_entered() {
    let disk = home().directory("/home/d", 0o700).file("/home/f", "x");
    let mut bench = Bench::new("scp -r -t .", disk);
    assert_eq!(bench.send(b"D0755 0 d\n").send(b"E\n").said(), "\\x00\\x00\\x00");
    assert_eq!(bench.send(b"D0755 0 f\n").said(), "\\x01scp: /home/f: Not a directory\\n");
    assert_eq!(bench.end(), Some(1));
    assert_eq!(bench.disk.nodes.get(b"/home/d".as_slice()).unwrap().mode, 0o700);
}

#[test]
fn targets_that_can_not_be() {
    for (command, said) in [
        ("scp -d -t none", "\\x02scp: /home/none: No such file or directory\\n"),
        ("scp -d -t f", "\\x02scp: /home/f: Not a directory\\n"),
        ("scp -t f*", "\\x02scp: ambiguous target\\n"),
    ] {
        let disk = home().file("/home/f", "x").file("/f1", "").file("/f2", "");
        let mut bench = Bench::new(command, disk);
        assert_eq!(bench.said(), said);
        assert!(!bench.machine.wants_input());
        assert_eq!(bench.machine.exit_status(), Some(1));
    }
    // A pattern that fits one name is that name; one that fits none is itself.
    let mut bench = Bench::new("scp -t g*", home().file("/g1", ""));
    assert_eq!(bench.asked(), ["glob g*", "stat /g1"]);
    let mut bench = Bench::new("scp -t q*", home());
    assert_eq!(bench.asked(), ["glob q*", "stat /home/q*"]);
    // A name with a slash behind it is no name for a file.
    let mut bench = Bench::new("scp -t none/", home());
    assert_eq!(bench.send(b"C0644 1 a\n").said(), "\\x00\\x01scp: /home/none: Not a directory\\n");
}

#[test]
fn what_fails_is_told_and_the_next_file_goes_on() {
    let disk = home()
        .fault("create /home/a", Failure::Denied("No right to write."))
        .fault("write y", Failure::NoSpace)
        .fault("finish mode 600", Failure::Quota)
        .fault("mkdir /home/d", Failure::StorageError);
    let mut bench = Bench::new("scp -r -p -t .", disk);
    assert_eq!(bench.said(), "\\x00");
    assert_eq!(bench.send(b"C0644 1 a\n").said(), "\\x01scp: /home/a: No right to write\\n");
    bench.asked();
    assert_eq!(bench.send(b"C0644 2 b\n").said(), "\\x00");
    assert_eq!(bench.send(b"y").send(b"z").said(), "");
    assert_eq!(bench.send(b"\0").said(), "\\x01scp: /home/b: No space left on the server\\n");
    assert_eq!(bench.asked(), ["create /home/b 2 644", "write y", "abandon true"]);
    bench.send(b"C0600 1 c\n").said();
    assert_eq!(bench.send(b"x\0").said(), "\\x01scp: /home/c: Your quota is used up\\n");
    assert!(bench.send(b"D0755 0 d\n").said().starts_with("\\x01scp: /home/d: "));
    assert_eq!(bench.send(b"C0644 1 e\n").send(b"x\0").said(), "\\x00\\x00");
    assert_eq!(bench.end(), Some(1));
    assert_eq!(bench.disk.data("/home/e"), Some(&b"x"[..]));
    assert_eq!(bench.disk.data("/home/c"), None);
}

#[test]
fn a_file_that_breaks_off_is_abandoned() {
    for (sent, asked) in [
        (&b""[..], &["abandon true"] as &[&str]),
        (b"he", &["write he", "abandon true"]),
        // All bytes came, but not the client's word that they are right.
        (b"hello", &["write hello", "abandon true"]),
    ] {
        let mut bench = Bench::new("scp -t a", home());
        bench.send(b"C0644 5 a\n");
        bench.asked();
        bench.send(sent);
        assert_eq!(bench.end(), Some(1));
        assert_eq!(bench.asked(), asked);
        assert_eq!(bench.disk.data("/home/a"), None);
    }
}

#[test]
fn a_file_that_the_client_could_not_read_is_abandoned() {
    let mut bench = Bench::new("scp -t .", home());
    bench.send(b"C0644 5 a\n").send(b"he\0\0\0");
    bench.said();
    assert!(
        bench.send(b"\x01scp: a: Input/output error\n").said().starts_with("\\x01scp: /home/a")
    );
    assert_eq!(bench.asked().last().unwrap(), "abandon false");
    // And the next one is none the worse.
    assert_eq!(bench.send(b"C0644 1 b\n").send(b"x\0").said(), "\\x00\\x00");
    bench.send(b"C0644 1 c\n").send(b"x\x02dead\n");
    assert_eq!(bench.asked().last().unwrap(), "abandon false");
    assert_eq!(bench.machine.exit_status(), Some(1));
    assert_eq!(bench.disk.nodes.len(), 2);
}

#[test]
fn what_waits_to_be_written_is_written_before_the_end() {
    let mut bench = Bench::new("scp -t a", home());
    bench.send(b"C0644 9 a\n");
    bench.asked();
    // The owner is slow: the client breaks off while a write is open.
    assert_eq!(bench.machine.on_bytes(b"one"), 3);
    let write = bench.machine.poll().unwrap();
    assert_eq!(bench.machine.on_bytes(b"two"), 3);
    assert_eq!(bench.machine.poll(), None);
    bench.machine.on_end();
    assert_eq!(bench.machine.poll(), None);
    bench.machine.on_outcome(bench.disk.answer(write).unwrap());
    bench.settle();
    assert_eq!(bench.asked(), ["write one", "write two", "abandon true"]);
    assert_eq!(bench.machine.exit_status(), Some(1));
}

#[test]
fn a_client_that_ends_at_once_is_still_judged() {
    for (judgement, asked, status) in [
        (&b"\0"[..], "finish", 0),
        (b"\x01no\n", "abandon false", 1),
        (b"\x02no\n", "abandon false", 1),
        (b"?", "abandon false", 1),
        (b"", "abandon true", 1),
    ] {
        for fails in [false, true] {
            let mut bench = Bench::new("scp -t a", home());
            bench.send(b"C0644 3 a\n");
            bench.asked();
            assert_eq!(bench.machine.on_bytes(b"one"), 3);
            let write = bench.machine.poll().unwrap();
            assert_eq!(bench.machine.on_bytes(judgement), judgement.len());
            bench.machine.on_end();
            // The write is done only now.
            let done = bench.disk.answer(write).unwrap();
            let done = if fails { Outcome::Done(Err(Failure::NoSpace)) } else { done };
            bench.machine.on_outcome(done);
            bench.settle();
            let asked = if fails { asked.replace("finish", "abandon true") } else { asked.into() };
            assert_eq!(bench.asked(), ["write one".to_owned(), asked]);
            assert_eq!(bench.machine.exit_status(), Some(status.max(u8::from(fails))));
            bench.disk.assert_idle();
        }
    }
}

#[test]
fn a_slow_disk_stops_the_client() {
    let mut bench = Bench::new("scp -t a", home());
    bench.send(b"C0644 9000000 a\n");
    let piece = vec![1; WRITE_BYTES_MAX];
    assert_eq!(bench.machine.on_bytes(&piece), WRITE_BYTES_MAX);
    assert!(!bench.machine.wants_input());
    assert_eq!(bench.machine.on_bytes(&piece), 0);
    let write = bench.machine.poll().unwrap();
    assert!(bench.machine.wants_input());
    // One being written, one waiting, no more.
    assert_eq!(bench.machine.on_bytes(&[piece.as_slice(), b"x"].concat()), WRITE_BYTES_MAX);
    assert!(!bench.machine.wants_input());
    let Request::Write { data } = write else { panic!("{write:?}") };
    bench.machine.on_outcome(Outcome::Done(Ok(())));
    let address = data.as_ptr();
    assert!(matches!(bench.machine.poll(), Some(Request::Write { .. })));
    bench.machine.recycle(data);
    bench.machine.on_bytes(b"x");
    bench.machine.on_outcome(Outcome::Done(Ok(())));
    let Some(Request::Write { data }) = bench.machine.poll() else { panic!("no write") };
    assert_eq!((data.as_ptr(), data.as_slice()), (address, &b"x"[..]));
}

#[test]
fn names_that_lead_elsewhere_end_everything() {
    for name in ["../a", "a/b", "/etc/passwd", ".", "..", ""] {
        for kind in ['C', 'D'] {
            let mut bench = Bench::new("scp -r -t .", home());
            bench.said();
            bench.send(format!("{kind}0644 1 {name}\n").as_bytes());
            assert_eq!(bench.said(), format!("\\x02scp: {name}: unexpected filename\\n"));
            assert_eq!(bench.asked(), ["stat /home"]);
            assert_eq!(bench.machine.exit_status(), Some(1));
            // What still comes is dropped.
            assert_eq!(bench.machine.on_bytes(b"C0644 1 a\nx\0"), 12);
            assert_eq!(bench.machine.poll(), None);
        }
    }
}

#[test]
fn names_with_control_bytes_are_refused_one_by_one() {
    let mut bench = Bench::new("scp -r -t .", home());
    bench.said();
    assert_eq!(
        bench.send(b"C0644 1 a\x1b[2Jb\n").said(),
        "\\x01scp: a?[2Jb: This name can not be used\\n"
    );
    assert_eq!(bench.send(b"D0755 1 a\0\n").said(), "\\x01scp: a?: This name can not be used\\n");
    let long = [b"C0644 1 ".as_slice(), &[b'a'; 256], b"\n"].concat();
    assert!(bench.send(&long).said().ends_with(": file name is longer than 255 bytes\\n"));
    assert_eq!(bench.asked(), ["stat /home"]);
    assert_eq!(bench.end(), Some(1));
}

#[test]
fn broken_lines_end_everything() {
    let long = [b'C'; LINE_BYTES_MAX + 1];
    for (line, said) in [
        (&b"\n"[..], "protocol error: unexpected <newline>"),
        (b"No match.\n", "protocol error: expected control record"),
        (b"C0644 x a\n", "protocol error: size not present"),
        (b"D0755 0 a\n", "protocol error: received directory without -r"),
        (b"E\n", "protocol error: end of a directory that did not begin"),
        (&long, "protocol error: line too long"),
        (b"C0644 1 a\nxyz\n", "protocol error: expected the end of a file"),
    ] {
        let mut bench = Bench::new("scp -t .", home());
        let taken = bench.machine.on_bytes(line);
        bench.settle();
        bench.machine.on_bytes(line.get(taken..).unwrap());
        bench.settle();
        assert!(bench.said().ends_with(&format!("\\x02scp: {said}\\n")), "{said}");
        assert_eq!(bench.machine.exit_status(), Some(1));
        bench.disk.assert_idle();
        assert_eq!(bench.disk.nodes.len(), 1);
    }
}

#[test]
fn depth_is_bounded() {
    let mut bench = Bench::new("scp -r -t .", home());
    for _ in 0..DEPTH_MAX {
        bench.send(b"D0755 0 d\n");
    }
    assert_eq!(bench.said(), "\\x00".repeat(DEPTH_MAX + 1));
    assert!(bench.send(b"D0755 0 d\n").said().ends_with(": directories are nested too deep\\n"));
    // A client that is gone within a directory did not finish.
    assert_eq!(bench.end(), Some(1));
}

#[test]
fn errors_of_the_client_are_counted() {
    let mut bench = Bench::new("scp -t .", home());
    bench.said();
    assert_eq!(bench.send(b"\x01scp: a: No such file\n").said(), "");
    assert_eq!(bench.send(b"C0644 0 a\n").send(b"\0").said(), "\\x00\\x00");
    assert_eq!(bench.end(), Some(1));
    let mut bench = Bench::new("scp -t .", home());
    bench.send(b"\x02gone\n");
    assert_eq!(bench.machine.exit_status(), Some(1));
    // A line without its end.
    let mut bench = Bench::new("scp -t .", home());
    bench.send(b"C0644 0");
    assert_eq!(bench.end(), Some(1));
}

#[test]
fn a_client_that_does_not_read_errors_is_stopped() {
    let mut bench = Bench::new("scp -r -t .", home());
    let lines = b"C0644 0 \x01\n".repeat(100_000);
    let taken = bench.machine.on_bytes(&lines);
    assert!(taken < lines.len() && !bench.machine.wants_input());
    bench.settle();
    assert!(bench.said.len() < OUTPUT_BYTES_MAX + 2000);
    assert!(bench.machine.wants_input());
}
