//! Command lines as clients write them.

use proptest::prelude::*;

use super::*;
use crate::glob;

fn literal(text: &str) -> Word {
    Word::Literal(text.as_bytes().to_vec())
}

fn pattern(text: &str) -> Word {
    Word::Pattern(text.as_bytes().to_vec())
}

fn read(command: &str) -> Result<Exec, ExecError> {
    parse(command.as_bytes())
}

fn invocation(command: &str) -> Invocation {
    match read(command) {
        Ok(Exec::Scp(invocation)) => invocation,
        other => panic!("{command}: {other:?}"),
    }
}

fn target(command: &str) -> Word {
    match invocation(command).role {
        Role::Sink(target) => target,
        other => panic!("{command}: {other:?}"),
    }
}

fn sources(command: &str) -> Vec<Word> {
    match invocation(command).role {
        Role::Source(sources) => sources,
        other => panic!("{command}: {other:?}"),
    }
}

#[test]
fn the_lines_of_known_clients() {
    // OpenSSH scp -O.
    let expected = Invocation {
        role: Role::Sink(literal("-x")),
        recursive: true,
        preserve: true,
        directory: true,
    };
    assert_eq!(invocation("scp -v -r -p -d -t -- -x"), expected);
    assert_eq!(sources("scp -f a b"), [literal("a"), literal("b")]);
    // PuTTY.
    assert_eq!(sources("scp -v -f some/file.txt"), [literal("some/file.txt")]);
    // libssh2.
    assert_eq!(target("scp -pt '/tmp/it'\"'\"'s'"), literal("/tmp/it's"));
    assert!(invocation("scp -pt 'x'").preserve);
    // Go libraries.
    assert_eq!(target("/usr/bin/scp -qrt \"a b\""), literal("a b"));
    // paramiko's scp.
    assert_eq!(sources("scp -r -p -f 'a b' c"), [literal("a b"), literal("c")]);
    // JSch.
    assert_eq!(target("scp -p -t plain"), literal("plain"));
}

#[test]
fn quotes_are_those_of_a_shell() {
    assert_eq!(target(r"scp -t a\ b\\\'"), literal(r"a b\'"));
    assert_eq!(target(r#"scp -t "a\b\$\`\"\\ '""#), literal(r#"a\b$`"\ '"#));
    assert_eq!(target(r"scp -t a'b'\''c'"), literal("ab'c"));
    assert_eq!(target("scp -t ''"), literal(""));
    assert_eq!(target("scp\t-t  a\\\nb \n"), literal("ab"));
    assert_eq!(target("scp -t 'a\nb'"), literal("a\nb"));
    assert_eq!(target("scp -t '$HOME;`x`|&<>()#'"), literal("$HOME;`x`|&<>()#"));
    assert_eq!(target("scp -t a~#{b,c}"), literal("a~#{b,c}"));
    assert_eq!(target("scp -t a\\"), literal("a\\"));
    assert_eq!(read("scp -t 'a"), Err(ExecError::OpenQuote));
    assert_eq!(read("scp -t \"a\\\""), Err(ExecError::OpenQuote));
    assert_eq!(read("scp -t a\0b"), Err(ExecError::Nul));
}

#[test]
fn home_is_where_relative_paths_begin() {
    assert_eq!(target("scp -t ~"), literal("."));
    assert_eq!(target("scp -t ~/a"), literal("./a"));
    assert_eq!(target("scp -t '~'"), literal("~"));
    assert_eq!(sources("scp -f ~/*"), [pattern("./*")]);
    assert_eq!(read("scp -t ~root/a"), Err(ExecError::Power('~')));
}

#[test]
fn only_patterns_outside_quotes_are_patterns() {
    assert_eq!(sources("scp -f *.txt"), [pattern("*.txt")]);
    assert_eq!(sources("scp -f '*.txt'"), [literal("*.txt")]);
    assert_eq!(sources(r"scp -f \*.txt"), [literal("*.txt")]);
    assert_eq!(sources(r"scp -f '[a-b]'*'\'"), [pattern(r"\[a\-b\]*\\")]);
    assert_eq!(sources(r"scp -f '[a-b]'*'\'").first().unwrap().text(), br"[a-b]*\");
    assert_eq!(sources("scp -f [ab]?"), [pattern("[ab]?")]);
}

#[test]
fn what_only_a_shell_could_do_is_refused() {
    for (command, power) in [
        ("scp -t $HOME", '$'),
        ("scp -t \"$HOME\"", '$'),
        ("scp -t `id`", '`'),
        ("scp -t \"`id`\"", '`'),
        ("scp -t a; id", ';'),
        ("scp -t a && id", '&'),
        ("scp -t a &", '&'),
        ("scp -f a > b", '>'),
        ("scp -t a < b", '<'),
        ("scp -t a\nid", '\n'),
        ("(scp -t a)", '('),
        ("scp -t a #b", '#'),
        ("scp -f a | cat", '|'),
        ("echo 'a' | md5sum | cat", '|'),
        ("echo ${ShellId}%ComSpec%", '$'),
        ("echo -n a | md5sum", '|'),
        ("echo 'a\\n' | md5sum", '|'),
        ("echo a | md5sum b", '|'),
        ("cat a | md5sum", '|'),
        ("| md5sum", '|'),
    ] {
        let expected = match command {
            "scp -f a | cat" => ExecError::UnknownCommand,
            _ => ExecError::Power(power),
        };
        assert_eq!(read(command), Err(expected), "{command}");
    }
}

#[test]
fn other_programs_are_refused() {
    for command in ["", " ", "sh", "ls -la", "sudo scp -t a", "*", "rclone", "rclone ls", "df -k /"]
    {
        let error = read(command).unwrap_err();
        assert_eq!((&error, error.exit_status()), (&ExecError::UnknownCommand, 127), "{command}");
    }
}

#[test]
fn options_of_scp() {
    let refused = |option: &str| ExecError::BadOption { program: "scp", option: option.to_owned() };
    assert_eq!(read("scp -S evil -t a"), Err(refused("-S")));
    assert_eq!(read("scp -to x=y a"), Err(refused("-to")));
    assert_eq!(read("scp -*"), Err(refused("-*")));
    assert_eq!(read("scp a b"), Err(ExecError::NoRole));
    assert_eq!(read("scp -t -f a"), Err(ExecError::NoRole));
    for command in ["scp -t", "scp -t a b", "scp -f", "scp -f --"] {
        assert_eq!(read(command), Err(ExecError::Paths { program: "scp" }), "{command}");
    }
    // A hyphen alone is a name, and options end at the first name.
    assert_eq!(target("scp -t -"), literal("-"));
    assert_eq!(sources("scp -f a -r"), [literal("a"), literal("-r")]);
    assert_eq!(sources("scp -f -- -a --"), [literal("-a"), literal("--")]);
}

#[test]
fn hashes() {
    let hash = |algorithm, paths: &[Word]| Ok(Exec::Hash { algorithm, paths: paths.to_vec() });
    assert_eq!(read("md5sum a\\ b"), hash(Algorithm::Md5, &[literal("a b")]));
    assert_eq!(read("/usr/bin/sha1sum -b -- -a"), hash(Algorithm::Sha1, &[literal("-a")]));
    assert_eq!(read("sha256sum *.iso"), hash(Algorithm::Sha256, &[pattern("*.iso")]));
    assert_eq!(read("sha512sum"), hash(Algorithm::Sha512, &[]));
    assert_eq!(read("sha512sum -"), hash(Algorithm::Sha512, &[]));
    assert_eq!(read("rclone md5sum a"), hash(Algorithm::Md5, &[literal("a")]));
    assert_eq!(read("rclone hashsum sha256 a"), hash(Algorithm::Sha256, &[literal("a")]));
    assert_eq!(read("rclone hashsum crc32"), hash(Algorithm::Crc32, &[]));
    assert_eq!(read("rclone hashsum blake3"), Err(ExecError::UnknownCommand));
    assert_eq!(read("md5sum - a"), Err(ExecError::Paths { program: "md5sum" }));
    assert!(matches!(read("md5sum -c list"), Err(ExecError::BadOption { .. })));
    // rclone escapes all but letters, digits and some signs, and puts a line end in quotes.
    assert_eq!(read("md5sum /a\\ \\$b'\n'\\*"), hash(Algorithm::Md5, &[literal("/a $b\n*")]));
    assert_eq!(
        read("echo 'abc' | md5sum"),
        Ok(Exec::HashText { algorithm: Algorithm::Md5, text: b"abc\n".to_vec() })
    );
    assert_eq!(
        read("echo a b|sha1sum"),
        Ok(Exec::HashText { algorithm: Algorithm::Sha1, text: b"a b\n".to_vec() })
    );
}

#[test]
fn lines_of_hashes_end_where_they_should() {
    assert_eq!(hash_line("00ff", b"a b"), b"00ff  a b\n");
    assert_eq!(hash_line("00ff", b"a\nb\\\r"), b"\\00ff  a\\nb\\\\\\r\n");
}

#[test]
fn long_commands_are_refused() {
    let command = [b"md5sum ".as_slice(), &[b'a'; COMMAND_BYTES_MAX]].concat();
    assert_eq!(parse(&command), Err(ExecError::TooLong));
    assert!(parse(command.get(..COMMAND_BYTES_MAX).unwrap()).is_ok());
}

/// A word in quotes of one of three kinds.
fn quote(text: &[u8], kind: u8) -> Vec<u8> {
    let mut out = Vec::new();
    match kind {
        0 => {
            out.push(b'\'');
            for &byte in text {
                out.extend_from_slice(if byte == b'\'' {
                    b"'\\''"
                } else {
                    std::slice::from_ref(&byte)
                });
            }
            out.push(b'\'');
        }
        1 => {
            out.push(b'"');
            for &byte in text {
                if matches!(byte, b'$' | b'`' | b'"' | b'\\') {
                    out.push(b'\\');
                }
                out.push(byte);
            }
            out.push(b'"');
        }
        _ => {
            for &byte in text {
                match byte {
                    b'\n' => out.extend_from_slice(b"'\n'"),
                    _ => out.extend_from_slice(&[b'\\', byte]),
                }
            }
        }
    }
    out
}

proptest! {
    #[test]
    fn nothing_panics(command in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&command);
        let _ = parse(&[b"scp -f ".as_slice(), &command].concat());
    }

    #[test]
    fn quoted_words_come_back(
        words in proptest::collection::vec((proptest::collection::vec(1u8.., 1..20), 0u8..3), 1..5)
    ) {
        let mut command = b"scp -f --".to_vec();
        for (word, kind) in &words {
            command.push(b' ');
            command.extend_from_slice(&quote(word, *kind));
        }
        let expected: Vec<Word> = words.into_iter().map(|(word, _)| Word::Literal(word)).collect();
        let Ok(Exec::Scp(invocation)) = parse(&command) else { panic!("refused") };
        prop_assert_eq!(invocation.role, Role::Source(expected));
    }

    #[test]
    fn quoted_parts_of_patterns_mean_themselves(
        text in proptest::collection::vec(proptest::sample::select(b"ab*?[]\\-!^.".to_vec()), 1..12),
        kind in 0u8..3,
    ) {
        let command = [b"scp -f -- ".as_slice(), &quote(&text, kind), b"*"].concat();
        let Ok(Exec::Scp(Invocation { role: Role::Source(words), .. })) = parse(&command) else {
            panic!("refused")
        };
        let [Word::Pattern(pattern)] = words.as_slice() else {
            panic!("no pattern: {words:?}")
        };
        prop_assert!(glob::matches(pattern, &text));
        prop_assert!(glob::matches(pattern, &[&text, b"x".as_slice()].concat()));
    }
}
