//! The parser, paths, replies and listings: nothing panics, paths stay normal, no text ends a line.
#![no_main]

use flotilla_protocol::entry::{Attributes, Entry, Kind, Rights, Timestamp};
use flotilla_protocol::ftp::{Code, Command, Facts, Reply, listing};
use flotilla_protocol::path::{NAME_BYTES_MAX, PATH_BYTES_MAX, VirtualPath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut directory = VirtualPath::root();
    for line in data.split(|&byte| byte == b'\n') {
        let (verb, command) = Command::parse(line);
        assert!(verb.is_some() || command.is_err());
        for argument in [line, line.split(|&byte| byte == b' ').nth(1).unwrap_or(line)] {
            if let Ok(path) = directory.resolve(argument) {
                check_path(&path);
                assert_eq!(directory.resolve(path.as_bytes()).as_ref(), Ok(&path));
                directory = path;
            }
            if let Ok(path) = directory.child(argument) {
                check_path(&path);
            }
        }
        check_replies(line);
        check_listing(line);
    }
});

fn check_path(path: &VirtualPath) {
    let bytes = path.as_bytes();
    assert!(bytes.starts_with(b"/") && bytes.len() <= PATH_BYTES_MAX && !bytes.contains(&0));
    if !path.is_root() {
        for name in bytes[1..].split(|&byte| byte == b'/') {
            assert!(!matches!(name, b"" | b"." | b"..") && name.len() <= NAME_BYTES_MAX);
        }
    }
    assert!(path.is_within(&path.parent()));
}

fn check_replies(text: &[u8]) {
    let mut out = Vec::new();
    Reply::line(&mut out, Code(550), text);
    Reply::quoted(&mut out, Code(257), text, text);
    assert_lines(&out, 2);
    out.clear();
    Reply::lines(&mut out, Code(211), text, [text, text], text);
    assert_lines(&out, 4);
    let last = out.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"211 ")).count();
    assert_eq!(last, 1);
}

fn check_listing(text: &[u8]) {
    let number = text.iter().fold(0_i64, |sum, &byte| sum.wrapping_mul(257) ^ i64::from(byte));
    let time = Timestamp { seconds: number, nanoseconds: 0 };
    let attributes = Attributes {
        kind: [Kind::File, Kind::Directory, Kind::Symlink, Kind::Other][text.len() % 4],
        size: number.unsigned_abs(),
        modified: time,
        accessed: time,
        mode: number as u32,
        uid: 0,
        gid: 0,
        links: 1,
        identity: (1, 2),
    };
    let entry = Entry { name: text, attributes, target: Some(text) };
    let mut out = Vec::new();
    listing::write_list(&mut out, &entry, 0);
    listing::write_nlst(&mut out, text, text);
    assert_lines(&out, 2);
    out.clear();
    let written = listing::write_mlsx(&mut out, &entry, Facts::default(), Rights::default(), None);
    assert_lines(&out, usize::from(written));
    let (pattern, name) = text.split_at(text.len() / 2);
    let _ = listing::matches(pattern, &name[..name.len().min(NAME_BYTES_MAX)]);
}

/// CR and LF stand only together, at the end of so many lines.
fn assert_lines(out: &[u8], lines: usize) {
    let count = |wanted| out.iter().filter(|&&byte| byte == wanted).count();
    assert_eq!((count(b'\r'), count(b'\n')), (lines, lines));
    assert_eq!(out.windows(2).filter(|pair| pair == b"\r\n").count(), lines);
}
