use proptest::prelude::*;

use super::*;

fn fits(pattern: &str, name: &str) -> bool {
    matches(pattern.as_bytes(), name.as_bytes())
}

#[test]
fn patterns_fit_as_in_a_shell() {
    for (pattern, name) in [
        ("*", "a"),
        ("*", ""),
        ("a*", "a"),
        ("*.txt", "a.txt"),
        ("*.txt", "a.txt.txt"),
        ("a*b*c", "aXbXbXc"),
        ("?", "é"),
        ("[a-c]x", "bx"),
        ("[!a-c]x", "dx"),
        ("[^a-c]x", "éx"),
        ("[à-ü]", "é"),
        ("[]a]", "]"),
        ("[a-]", "-"),
        ("[", "["),
        ("[a", "[a"),
        ("\\*", "*"),
        ("\\", "\\"),
        (".*", ".profile"),
        ("\\.*", ".profile"),
        ("[\\]]", "]"),
    ] {
        assert!(fits(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in [
        ("", "a"),
        ("a", ""),
        ("?", ""),
        ("?", "ab"),
        ("*.txt", "a.txt2"),
        ("*", ".profile"),
        ("?profile", ".profile"),
        ("[.]profile", ".profile"),
        ("[!a-c]", "b"),
        ("\\*", "a"),
        ("a*b*c", "aXbXbX"),
        ("[a-c]", ""),
    ] {
        assert!(!fits(pattern, name), "{pattern} {name}");
    }
    assert!(matches(b"\xff?", b"\xff\xfe"));
}

/// Patterns that take naive matchers a time exponential in the number of stars: here the worst case
/// is some ten thousand steps.
#[test]
fn many_stars_do_not_explode() {
    let name = vec![b'a'; 255];
    let half = vec![b'a'; 127];
    for pattern in [
        [b"*a".repeat(127), b"b".to_vec()].concat(),
        b"*[b-z]?".repeat(36),
        [vec![b'*'; 254], b"b".to_vec()].concat(),
        [b"*".to_vec(), half, b"b".to_vec()].concat(),
    ] {
        assert!(pattern.len() <= PATTERN_BYTES_MAX && !matches(&pattern, &name));
    }
    assert!(matches(&vec![b'*'; PATTERN_BYTES_MAX], &name));
    assert!(!matches(&vec![b'*'; PATTERN_BYTES_MAX + 1], &name));
}

#[test]
fn pattern_characters_are_found() {
    assert!(is_pattern(b"a*") && is_pattern(b"?") && is_pattern(b"[x"));
    assert!(!is_pattern(b"a.b]\\"));
}

/// The definition, recursive; ASCII only, classes without escapes.
fn reference(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [] => name.is_empty(),
        [b'*', rest @ ..] => (0..=name.len()).any(|skip| reference(rest, &name[skip..])),
        [b'?', rest @ ..] => !name.is_empty() && reference(rest, &name[1..]),
        [b'[', rest @ ..] if rest.iter().skip(1).any(|&byte| byte == b']') && rest[0] != b'!' => {
            let end = 1 + rest[1..].iter().position(|&byte| byte == b']').unwrap();
            !name.is_empty()
                && rest[..end].contains(&name[0])
                && reference(&rest[end + 1..], &name[1..])
        }
        [b'[', b'!', rest @ ..] if rest.iter().skip(1).any(|&byte| byte == b']') => {
            let end = 1 + rest[1..].iter().position(|&byte| byte == b']').unwrap();
            !name.is_empty()
                && !rest[..end].contains(&name[0])
                && reference(&rest[end + 1..], &name[1..])
        }
        [byte, rest @ ..] => name.first() == Some(byte) && reference(rest, &name[1..]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn as_the_definition_has_it(pattern in "[ab*?\\[\\]!]{0,9}", name in "[ab\\[\\]!]{0,8}") {
        prop_assert_eq!(fits(&pattern, &name), reference(pattern.as_bytes(), name.as_bytes()));
    }

    #[test]
    fn any_bytes_are_safe_and_a_quoted_name_fits_itself(
        pattern in proptest::collection::vec(any::<u8>(), 0..40),
        name in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let _ = matches(&pattern, &name);
        prop_assert_eq!(matches(b"*", &name), name.first() != Some(&b'.'));
        let special = |byte: &u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
        let quoted: Vec<u8> = name
            .iter()
            .flat_map(|byte| if special(byte) { vec![b'\\', *byte] } else { vec![*byte] })
            .collect();
        prop_assert!(matches(&quoted, &name));
    }
}
