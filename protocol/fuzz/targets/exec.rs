//! Command lines and patterns of paths: nothing panics, work is bounded, what is found is there.
#![no_main]

use flotilla_protocol::exec::{self, Exec, Word};
use flotilla_protocol::glob::{MATCHES_MAX, Step, Walk};
use flotilla_protocol::path::VirtualPath;
use flotilla_protocol::scp::Role;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let words = match exec::parse(data) {
        Ok(Exec::Hash { paths, .. }) => paths,
        Ok(Exec::HashText { text, .. }) => {
            assert!(text.ends_with(b"\n"));
            Vec::new()
        }
        Ok(Exec::Scp(invocation)) => match invocation.role {
            Role::Sink(target) => vec![target],
            Role::Source(sources) => {
                assert!(!sources.is_empty());
                sources
            }
        },
        Err(error) => {
            assert!(error.exit_status() > 0 && !error.to_string().contains(['\n', '\x1b']));
            Vec::new()
        }
    };
    for word in &words {
        let line = exec::hash_line("00", &word.text());
        assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
        if let Word::Pattern(pattern) = word {
            walk(pattern);
        }
    }
    walk(data);
});

/// Every directory holds the same names, two of them directories.
fn walk(pattern: &[u8]) {
    let mut walk = Walk::new(VirtualPath::root(), pattern);
    let mut steps = 0usize;
    while let Some(step) = walk.poll() {
        steps += 1;
        assert!(steps < 2_000_000);
        match step {
            Step::List(directory) if directory.components().count() < 3 => {
                for name in NAMES {
                    walk.on_name(name);
                }
                walk.on_end();
            }
            Step::List(_) => walk.on_end(),
            Step::Exists { path, directory } => {
                walk.on_exists(!directory || path.components().count() < 3);
            }
        }
    }
    if let Ok(found) = walk.finish() {
        assert!(found.len() <= MATCHES_MAX.max(1));
    }
}

const NAMES: [&[u8]; 4] = [b"a", b"b c", b".h", b"*\\"];
