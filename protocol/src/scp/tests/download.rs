//! `scp -f`: what the owner is asked, and what the client gets.

use super::*;
use crate::failure::Failure;

fn tree() -> Disk {
    home()
        .file("/home/a", "hello")
        .directory("/home/d", 0o2750)
        .file("/home/d/x", "1")
        .directory("/home/d/e", 0o700)
        .file("/home/d/y", "")
}

#[test]
fn one_file() {
    let mut bench = Bench::new("scp -f a", tree());
    assert_eq!((bench.said(), bench.asked()), (String::new(), Vec::new()));
    assert_eq!(bench.send(b"\0").said(), "C0640 5 a\\n");
    assert_eq!(bench.send(b"\0").said(), "hello\\x00");
    assert_eq!(bench.machine.exit_status(), None);
    bench.send(b"\0");
    assert_eq!(bench.machine.exit_status(), Some(0));
    assert_eq!(bench.asked(), ["open /home/a", "read 5", "close"]);
    bench.disk.assert_idle();
}

#[test]
fn a_tree_with_times() {
    let mut bench = Bench::new("scp -rpf d", tree());
    // All answers at once, as a script would give them.
    bench.send(&[0; 16]);
    assert_eq!(
        bench.said(),
        "T100 0 200 0\\nD2750 0 d\\n\
         T100 0 200 0\\nD0700 0 e\\nE\\n\
         T300 0 400 0\\nC0640 1 x\\n1\\x00\
         T300 0 400 0\\nC0640 0 y\\n\\x00\
         E\\n"
    );
    assert_eq!(bench.end(), Some(0));
}

#[test]
fn several_sources_patterns_and_errors() {
    let mut bench = Bench::new("scp -f none 'a' d home/? */*", tree());
    bench.send(b"\0");
    assert_eq!(bench.said(), "\\x01scp: /home/none: No such file or directory\\nC0640 5 a\\n");
    assert_eq!(
        bench.send(b"\0\0").said(),
        "hello\\x00\
        \\x01scp: /home/d: not a regular file\\nC0640 5 a\\n"
    );
    // The client does not want this one: no byte of it follows.
    let said = bench.send(b"\x01scp: a: Permission denied\n").said();
    assert!(!said.contains("hello"), "{said}");
    while bench.machine.exit_status().is_none() {
        bench.send(b"\0");
    }
    assert_eq!(bench.machine.exit_status(), Some(1));
    bench.disk.assert_idle();
}

#[test]
fn a_pattern_that_fits_nothing_is_a_name() {
    let mut bench = Bench::new("scp -f z* '*'", tree());
    assert_eq!(
        bench.send(b"\0").said(),
        "\\x01scp: /home/z*: No such file or directory\\n\
         \\x01scp: /home/*: No such file or directory\\n"
    );
    assert_eq!(bench.machine.exit_status(), Some(1));
}

#[test]
fn a_file_that_shrinks_or_fails_is_filled_up_and_told() {
    let mut shrinking = tree();
    shrinking.cut = Some(2);
    let failing = tree().fault("read", Failure::StorageError);
    for (disk, data, text) in [
        (shrinking, "he\\x00\\x00\\x00", "file became shorter while it was sent"),
        (failing, "\\x00\\x00\\x00\\x00\\x00", "The storage reports an error; the log has details"),
    ] {
        let mut bench = Bench::new("scp -f a d/x", disk);
        bench.send(b"\0").said();
        assert_eq!(bench.send(b"\0").said(), format!("{data}\\x01scp: /home/a: {text}\\n"));
        assert_eq!(bench.send(b"\0").said(), "C0640 1 x\\n");
        bench.send(b"\0\0");
        assert_eq!(bench.machine.exit_status(), Some(1));
        bench.disk.assert_idle();
    }
}

#[test]
fn names_that_can_not_be_sent_are_left_out() {
    let disk = home()
        .directory("/home/d", 0o755)
        .file("/home/d/a\nC0777 4 .profile", "evil")
        .directory("/home/d/\x1b[2J", 0o755)
        .file("/home/d/z", "z");
    let mut bench = Bench::new("scp -r -f d", disk);
    bench.send(b"\0\0");
    let text = "control bytes in the name; use sftp";
    assert_eq!(
        bench.said(),
        format!(
            "D0755 0 d\\n\\x01scp: /home/d/?[2J: {text}\\n\
             \\x01scp: /home/d/a?C0777 4 .profile: {text}\\nC0640 1 z\\n"
        )
    );
    bench.send(&[0; 3]);
    assert_eq!(bench.machine.exit_status(), Some(1));
    bench.disk.assert_idle();
}

#[test]
fn the_root_has_no_name() {
    let mut bench = Bench::new("scp -rf / ..", tree());
    assert_eq!(
        bench.send(b"\0").said(),
        "\\x01scp: /: has no name to be sent by; ask for /*\\n".repeat(2)
    );
    assert_eq!(bench.machine.exit_status(), Some(1));
    // Anything else is sent by its name, however it was asked for.
    let mut bench = Bench::new("scp -rf d/.", tree());
    assert_eq!(bench.send(b"\0").said(), "D2750 0 d\\n");
}

#[test]
fn links_that_lead_back_are_left_out() {
    let mut bench = Bench::new("scp -rf d", tree());
    bench.send(b"\0");
    let request = Request::OpenDirectory { path: VirtualPath::root().resolve(b"/home/d").unwrap() };
    let Some(Outcome::Attributes(Ok(attributes))) = bench.disk.answer(request) else { panic!() };
    // The client takes `d`; its entry `l` is `d` again.
    assert_eq!(bench.machine.on_bytes(b"\0"), 1);
    assert!(matches!(bench.machine.poll(), Some(Request::ReadDirectory { .. })));
    bench.machine.on_outcome(Outcome::Names(Ok(vec![b"l".to_vec()])));
    assert!(matches!(bench.machine.poll(), Some(Request::Open { .. })));
    bench.machine.on_outcome(Outcome::Attributes(Err(Failure::IsDirectory)));
    assert!(matches!(bench.machine.poll(), Some(Request::OpenDirectory { .. })));
    bench.machine.on_outcome(Outcome::Attributes(Ok(attributes)));
    assert_eq!(bench.machine.poll(), Some(Request::CloseDirectory));
    let said = bench.machine.output(1000).unwrap();
    assert!(said.ends_with(b"scp: /home/d/l: leads back into itself\n"));
}

#[test]
fn a_client_that_goes_ends_it() {
    for answers in 0..5 {
        let mut bench = Bench::new("scp -rpf d a", tree());
        bench.send(&vec![0; answers]);
        assert_eq!(bench.end(), Some(1), "{answers}");
        let mut bench = Bench::new("scp -rpf d a", tree());
        bench.send(&vec![0; answers]).send(b"\x02scp: no\n");
        assert_eq!(bench.machine.exit_status(), Some(1));
        bench.disk.assert_idle();
    }
    for garbage in [&b"x\n"[..], &[1; LINE_BYTES_MAX + 1], b"\n"] {
        let mut bench = Bench::new("scp -f a", tree());
        bench.machine.on_bytes(garbage);
        assert_eq!(bench.machine.exit_status(), Some(1));
    }
}

#[test]
fn reading_runs_ahead_only_so_far() {
    let big = "x".repeat(2 * OUTPUT_BYTES_MAX);
    let mut bench = Bench::new("scp -f big", home().file("/home/big", &big));
    bench.machine.set_read_bytes(32 * 1024);
    bench.send(b"\0");
    assert_eq!(bench.machine.on_bytes(b"\0"), 1);
    bench.disk.serve(&mut bench.machine);
    let reads = bench.asked().iter().filter(|text| text.starts_with("read 32768")).count();
    assert_eq!(reads, 8);
    // What one packet takes is the buffer that was read.
    assert_eq!(bench.machine.output(32 * 1024).unwrap().len(), 32 * 1024);
    assert!(matches!(bench.machine.poll(), Some(Request::Read { length: 32768 })));
    assert_eq!(bench.machine.poll(), None);
}
