//! Raw packets that no client sends: what is broken ends the channel, what is wrong is refused, and
//! nobody leaves the root.

use std::os::unix::fs::symlink;

use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::sftp::{kind, open, packet, read_body, status, string, write_body};
use flotilla_tests::{Server, Sftp, Ssh};

/// The server serves, and serves others.
#[track_caller]
fn assert_serves(server: &Server) {
    let mut sftp = Sftp::open(&Ssh::new(server));
    assert_eq!(sftp.ask(kind::REALPATH, &string(".")).name(), b"/");
}

/// A length of 4 GiB, of nothing, and bytes that are no packet.
#[test]
fn what_is_no_packet_ends_the_channel() {
    let server = Server::start_ssh();
    let garbage = Content::new(1).bytes(100_000);
    let wrong: [&[u8]; 7] = [
        &[0xff, 0xff, 0xff, 0xff, kind::OPEN, 0, 0, 0, 1],
        &[0, 0x10, 0, 0, kind::WRITE, 0, 0, 0, 1],
        &[0, 0, 0, 0],
        &[0, 0, 0, 5, kind::OPEN, 0, 0, 0, 1],
        b"\0\0\0\x0d\x03\0\0\0\x01\xff\xff\xff\xff....",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &garbage,
    ];
    for bytes in wrong {
        // Before INIT and after.
        let mut sftp = Sftp::open_silently(&Ssh::new(&server));
        let _ = sftp.try_send_raw(bytes);
        assert!(sftp.has_ended(), "{}", shown(bytes));
        let mut sftp = Sftp::open(&Ssh::new(&server));
        let _ = sftp.try_send_raw(bytes);
        assert!(sftp.has_ended(), "{}", shown(bytes));
    }
    assert_serves(&server);
}

fn shown(bytes: &[u8]) -> impl std::fmt::Display {
    bytes.get(..9).unwrap_or(bytes).escape_ascii()
}

/// A packet that comes byte by byte, and many that come at once.
#[test]
fn packets_come_in_any_pieces() {
    let server = Server::builder().ssh().file("a", "content").start();
    let mut sftp = Sftp::open(&Ssh::new(&server));
    for byte in packet(kind::REALPATH, 7, &string("a/../b")) {
        sftp.send_raw(&[byte]);
    }
    let answer = sftp.receive();
    assert_eq!((answer.id, answer.name()), (7, b"/b".to_vec()));
    let many: Vec<u8> = (0..5000_u32).flat_map(|id| packet(kind::STAT, id, &string("a"))).collect();
    sftp.send_raw(&many);
    let mut seen: Vec<u32> = (0..5000).map(|_| sftp.receive().id).collect();
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..5000));
}

/// Unknown types and extensions are unsupported, not fatal.
#[test]
fn what_is_unknown_is_unsupported() {
    let server = Server::start_ssh();
    let mut sftp = Sftp::open(&Ssh::new(&server));
    for kind in [0, 21, 22, 99, 200, 255] {
        let body = string("nobody@example.org");
        assert_eq!(sftp.ask_status(kind, &body), status::OP_UNSUPPORTED, "{kind}");
    }
    assert_eq!(sftp.ask(kind::REALPATH, &string(".")).name(), b"/");
}

/// A handle is void after CLOSE, and nobody can make one up.
#[test]
fn handles_can_not_be_forged() {
    let server = Server::builder().ssh().file("a", "content").start();
    let mut sftp = Sftp::open(&Ssh::new(&server));
    let first = sftp.open_file("/a", open::READ);
    assert_eq!(sftp.read(&first, 0, 100).string(), b"content");
    assert_eq!(sftp.close(&first), status::OK);
    // The place of the first is taken by another.
    let second = sftp.open_file("/a", open::READ);
    let mut other = Sftp::open(&Ssh::new(&server));
    let foreign = other.open_file("/a", open::READ);
    assert_ne!(first, second);
    let long = vec![b'x'; 300];
    let mut forged: Vec<Vec<u8>> = vec![first, vec![], vec![0], vec![0xff; 4], long];
    forged.extend((0..second.len()).map(|place| {
        let mut handle = second.clone();
        handle[place] ^= 0x55;
        handle
    }));
    for handle in &forged {
        for (kind, body) in [
            (kind::READ, read_body(handle, 0, 100)),
            (kind::WRITE, write_body(handle, 0, b"x")),
            (kind::FSTAT, string(handle)),
            (kind::READDIR, string(handle)),
            (kind::CLOSE, string(handle)),
        ] {
            let answer = sftp.ask(kind, &body);
            assert_eq!(answer.kind, kind::STATUS, "{handle:?} {answer:?}");
            assert_ne!(answer.status(), status::OK, "{handle:?}");
        }
    }
    assert_eq!(sftp.read(&second, 0, 100).string(), b"content");
    assert_eq!(other.read(&foreign, 0, 100).string(), b"content");
}

/// READs and WRITEs at the ends of the numbers.
#[test]
fn sizes_and_offsets_have_ends() {
    let bytes = Content::new(2).bytes(700_000);
    let server = Server::builder().ssh().file("a", &bytes).start();
    let mut sftp = Sftp::open(&Ssh::new(&server));
    let handle = sftp.open_file("/a", open::READ | open::WRITE);
    for length in [u32::MAX, 1 << 31, 700_000, 262_144] {
        let got = sftp.read(&handle, 0, length).string().to_vec();
        assert!(!got.is_empty() && got.len() <= 262_144, "{}", got.len());
        assert_same("read", &got, &bytes[..got.len()]);
    }
    assert_eq!(sftp.read(&handle, 699_999, 10).string(), &bytes[699_999..]);
    for offset in [700_000, u64::MAX >> 1, u64::MAX] {
        let answer = sftp.read(&handle, offset, 10);
        assert_eq!(answer.kind, kind::STATUS, "{answer:?}");
    }
    assert_eq!(sftp.read(&handle, 700_000, 10).status(), status::EOF);
    for offset in [u64::MAX, u64::MAX >> 1] {
        assert_ne!(sftp.write(&handle, offset, b"xx"), status::OK);
    }
    // A directory is no file, a file no directory.
    let folder = sftp.ask(kind::OPENDIR, &string("/")).string().to_vec();
    assert_ne!(sftp.read(&folder, 0, 10).status(), status::OK);
    assert_ne!(sftp.ask(kind::READDIR, &string(&handle)).status(), status::OK);
    assert_ne!(sftp.ask(kind::OPENDIR, &string("/a")).status(), status::OK);
    assert_eq!(sftp.close(&handle), status::OK);
    assert_same("file", &std::fs::read(server.file("a")).unwrap(), &bytes);
}

/// 100,000 OPENs: the limit says no, and what is open goes on to work.
#[test]
fn handles_are_limited() {
    const OPENS: u32 = 100_000;
    let server = Server::builder().ssh().file("a", "content").start();
    let mut sftp = Sftp::open(&Ssh::new(&server));
    let body = [string("/a"), open::READ.to_be_bytes().to_vec(), vec![0; 4]].concat();
    let mut handles = Vec::new();
    let mut refused = 0;
    for first in (0..OPENS).step_by(1000) {
        let batch: Vec<u8> =
            (first..first + 1000).flat_map(|id| packet(kind::OPEN, id, &body)).collect();
        sftp.send_raw(&batch);
        for _ in 0..1000 {
            let answer = sftp.receive();
            if answer.kind == kind::HANDLE {
                handles.push(answer.string().to_vec());
            } else {
                assert_eq!(answer.status(), status::FAILURE);
                refused += 1;
            }
        }
    }
    assert_eq!(handles.len(), 1024);
    assert_eq!(refused, OPENS as usize - 1024);
    assert_eq!(sftp.read(&handles[1023], 0, 100).string(), b"content");
    assert_serves(&server);
    for handle in &handles {
        assert_eq!(sftp.close(handle), status::OK);
    }
    sftp.open_file("/a", open::READ);
}

/// Paths and links lead nowhere but into the root.
#[test]
fn nobody_leaves_the_root() {
    let builder = Server::builder().ssh();
    let outside = builder.folder().write("outside/secret", "secret");
    let server = builder.file("inside", "inside").start();
    let root = server.file("");
    for (link, target) in [
        ("up", "../outside"),
        ("abs", outside.parent().unwrap().to_str().unwrap()),
        ("file", outside.to_str().unwrap()),
        ("loop", "loop"),
    ] {
        symlink(target, root.join(link)).unwrap();
    }
    let mut sftp = Sftp::open(&Ssh::new(&server));
    let paths = [
        "../outside/secret",
        "/../outside/secret",
        "/../../../../../../../../etc/passwd",
        "up/secret",
        "abs/secret",
        "file",
        "loop",
        "inside/../../outside/secret",
        "./../outside/secret",
        "//../outside/secret",
    ];
    for path in paths {
        let answer = sftp.try_open_file(path, open::READ);
        assert_eq!(answer.kind, kind::STATUS, "{path}: {answer:?}");
        let answer = sftp.try_open_file(path, open::WRITE);
        assert_eq!(answer.kind, kind::STATUS, "{path}: {answer:?}");
        let answer = sftp.ask(kind::STAT, &string(path));
        assert_eq!(answer.kind, kind::STATUS, "{path}: {answer:?}");
    }
    // A link that the client makes leads no further.
    let told =
        sftp.ask_status(kind::SYMLINK, &[string("../outside/secret"), string("mine")].concat());
    if told == status::OK {
        assert_eq!(sftp.try_open_file("mine", open::READ).kind, kind::STATUS);
    }
    // Nothing is moved or linked out.
    for target in ["../outside/moved", "/../outside/moved", "up/moved", "abs/moved"] {
        let names = [string("inside"), string(target)].concat();
        let _ = sftp.ask_status(kind::RENAME, &names);
        let _ = sftp.ask_status(
            kind::EXTENDED,
            &[string("posix-rename@openssh.com"), names.clone()].concat(),
        );
        let _ = sftp.ask_status(kind::EXTENDED, &[string("hardlink@openssh.com"), names].concat());
        assert!(!outside.with_file_name("moved").exists(), "{target}");
        // Inside the root `..` is the root: wherever it went, it comes back.
        if !root.join("inside").exists() {
            std::fs::rename(root.join("moved"), root.join("inside"))
                .or_else(|_| std::fs::rename(root.join("outside/moved"), root.join("inside")))
                .unwrap();
        }
    }
    for path in ["../outside/secret", "up/secret", "file"] {
        let _ = sftp.ask_status(kind::REMOVE, &string(path));
    }
    assert_eq!(std::fs::read(&outside).unwrap(), b"secret");
    // Bytes that have no place in a name.
    for path in [&b"a\0b"[..], &[b'x'; 5000], &b"/".repeat(5000), &b"x/".repeat(3000)] {
        let answer = sftp.ask(kind::STAT, &string(path));
        assert!(answer.kind == kind::STATUS || path.starts_with(b"//"), "{answer:?}");
    }
    assert_eq!(sftp.ask(kind::REALPATH, &string("../../x")).name(), b"/x");
}
