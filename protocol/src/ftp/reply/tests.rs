use proptest::prelude::*;

use super::*;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

#[test]
fn forms_of_replies() {
    assert_eq!(written(|out| Reply::line(out, Code(200), b"Fine.")), b"200 Fine.\r\n");
    assert_eq!(
        written(|out| Reply::lines(out, Code(211), b"Features:", [&b"UTF8"[..], b"SIZE"], b"End")),
        b"211-Features:\r\n UTF8\r\n SIZE\r\n211 End\r\n"
    );
    assert_eq!(
        written(|out| Reply::quoted(out, Code(257), b"/a \"b\"/", b"created.")),
        b"257 \"/a \"\"b\"\"/\" created.\r\n"
    );
    assert_eq!(written(|out| Reply::quoted(out, Code(257), b"/", b"")), b"257 \"/\"\r\n");
    assert_eq!(
        written(|out| Reply::passive(out, Ipv4Addr::new(192, 0, 2, 1), 61_000)),
        b"227 Entering Passive Mode (192,0,2,1,238,72).\r\n"
    );
    assert_eq!(
        written(|out| Reply::extended_passive(out, 61_000)),
        b"229 Entering Extended Passive Mode (|||61000|)\r\n"
    );
}

#[test]
fn text_can_not_end_a_line() {
    assert_eq!(
        written(|out| Reply::line(out, Code(550), b"x\r\n226 Done\0\x1b[2J\xff\t\x7f")),
        b"550 x??226 Done??[2J\xff\xff??\r\n"
    );
}

proptest! {
    #[test]
    fn one_reply_stays_one_reply(
        first in proptest::collection::vec(any::<u8>(), 0..40),
        middle in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..4),
        last in proptest::collection::vec(any::<u8>(), 0..40),
        code in 100_u16..600,
    ) {
        let middle_lines = middle.iter().map(Vec::as_slice);
        let out = written(|out| Reply::lines(out, Code(code), &first, middle_lines, &last));
        let text = out.strip_suffix(b"\r\n").unwrap();
        let lines: Vec<_> = text.split(|&byte| byte == b'\n').collect();
        prop_assert_eq!(lines.len(), middle.len() + 2);
        for (place, line) in lines.iter().enumerate() {
            let is_last = place + 1 == lines.len();
            let line = if is_last { line } else { line.strip_suffix(b"\r").unwrap() };
            prop_assert!(!line.iter().any(|byte| byte.is_ascii_control()));
            let begin = match place {
                _ if is_last => format!("{code} "),
                0 => format!("{code}-"),
                _ => " ".to_owned(),
            };
            prop_assert!(line.starts_with(begin.as_bytes()));
        }
    }

    #[test]
    fn a_quoted_path_is_read_back(path in proptest::collection::vec(any::<u8>(), 0..40)) {
        let out = written(|out| Reply::quoted(out, Code(257), &path, b"created."));
        let quoted = out.strip_prefix(b"257 \"").unwrap().strip_suffix(b"\" created.\r\n").unwrap();
        let mut shown = Vec::new();
        let mut bytes = quoted.iter();
        while let Some(&byte) = bytes.next() {
            if byte == b'"' || byte == IAC {
                prop_assert_eq!(bytes.next(), Some(&byte));
            }
            shown.push(byte);
        }
        let expected: Vec<_> =
            path.iter().map(|&byte| if byte.is_ascii_control() { b'?' } else { byte }).collect();
        prop_assert_eq!(shown, expected);
    }
}
