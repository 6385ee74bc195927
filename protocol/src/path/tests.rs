use proptest::prelude::*;

use super::*;

fn resolve(from: &str, argument: &[u8]) -> Result<String, PathError> {
    let from = VirtualPath::root().resolve(from.as_bytes()).unwrap();
    from.resolve(argument).map(|path| String::from_utf8(path.as_bytes().to_vec()).unwrap())
}

#[test]
fn arguments_are_resolved_lexically() {
    for (from, argument, expected) in [
        ("/", "", "/"),
        ("/a/b", "", "/a/b"),
        ("/a/b", "c", "/a/b/c"),
        ("/a/b", "/c", "/c"),
        ("/a/b", "..", "/a"),
        ("/a/b", "../../../..", "/"),
        ("/a/b", "../../../../etc/passwd", "/etc/passwd"),
        ("/a/b", "./c//d/./e/..", "/a/b/c/d"),
        ("/a", "/", "/"),
        ("/a", "//", "/"),
        ("/", "a/", "/a"),
        ("/", "...", "/..."),
        ("/", " a ", "/ a "),
        ("/", "~", "/~"),
        ("/", "-l", "/-l"),
    ] {
        assert_eq!(
            resolve(from, argument.as_bytes()).as_deref(),
            Ok(expected),
            "{from} {argument}"
        );
    }
}

#[test]
fn limits_hold_for_names_and_paths() {
    let name = vec![b'n'; NAME_BYTES_MAX];
    assert!(resolve("/", &name).is_ok());
    assert_eq!(resolve("/", &[&name[..], b"n"].concat()), Err(PathError::NameTooLong));
    assert_eq!(resolve("/", b"a\0b"), Err(PathError::Nul));
    // 15 times 256 bytes and 255 more are the longest path that fits.
    let long = [b"/".as_slice(), &name].concat().repeat(15);
    let longest = [&long[..], b"/", &name[1..]].concat();
    assert_eq!(longest.len(), PATH_BYTES_MAX);
    assert!(resolve("/", &longest).is_ok());
    assert_eq!(resolve("/", &[&long[..], b"/", &name].concat()), Err(PathError::TooLong));
    let full = VirtualPath::root().resolve(&longest).unwrap();
    assert_eq!(full.child(b"a"), Err(PathError::TooLong));
    assert_eq!(full.resolve(b"..").unwrap(), full.parent());
}

#[test]
fn parts_of_a_path() {
    let path = VirtualPath::root().resolve(b"a/b/c").unwrap();
    assert_eq!(path.file_name(), Some(&b"c"[..]));
    assert_eq!(path.parent().as_bytes(), b"/a/b");
    assert_eq!(path.parent().parent().parent().as_bytes(), b"/");
    assert_eq!(path.relative(), b"a/b/c");
    assert_eq!(VirtualPath::root().relative(), b".");
    assert_eq!(VirtualPath::root().file_name(), None);
    assert_eq!(VirtualPath::root().parent(), VirtualPath::root());
    assert!(path.is_within(&path.parent()) && path.is_within(&path));
    assert!(path.is_within(&VirtualPath::root()));
    assert!(!path.parent().is_within(&path));
    let alike = VirtualPath::root().resolve(b"a/bc").unwrap();
    assert!(!alike.is_within(&path.parent()));
}

#[test]
fn child_is_one_component() {
    let home = VirtualPath::root().resolve(b"home").unwrap();
    assert_eq!(home.child(b"a b").unwrap().as_bytes(), b"/home/a b");
    assert_eq!(home.child(b"..").unwrap().as_bytes(), b"/");
    assert_eq!(home.child(b".").unwrap(), home);
    assert_eq!(VirtualPath::root().child(b"x").unwrap().as_bytes(), b"/x");
    assert_eq!(home.child(b"a\0"), Err(PathError::Nul));
}

#[test]
fn display_stays_on_one_line() {
    let path = VirtualPath::root().resolve(b"a\r\n\x1bb\xff\xc3\xa9").unwrap();
    assert!(!path.to_string().chars().any(char::is_control));
}

fn is_normal(path: &VirtualPath) -> bool {
    let bytes = path.as_bytes();
    bytes.starts_with(b"/")
        && bytes.len() <= PATH_BYTES_MAX
        && !bytes.contains(&0)
        && (bytes == b"/"
            || bytes[1..]
                .split(|&byte| byte == b'/')
                .all(|name| !matches!(name, b"" | b"." | b"..") && name.len() <= NAME_BYTES_MAX))
}

/// Pieces from which the awkward paths are made.
fn argument() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"/".to_vec()),
        Just(b"..".to_vec()),
        Just(b".".to_vec()),
        Just(b"a".to_vec()),
        Just(vec![b'n'; 200]),
        proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// The obvious way: a stack of names.
fn reference(from: &VirtualPath, argument: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = Vec::new();
    if !argument.starts_with(b"/") {
        names.extend(from.components());
    }
    for name in argument.split(|&byte| byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            _ => names.push(name),
        }
    }
    let mut path: Vec<u8> = names.iter().flat_map(|name| [b"/", *name].concat()).collect();
    if path.is_empty() {
        path.push(b'/');
    }
    path
}

proptest! {
    #[test]
    fn resolution_is_normal_idempotent_and_as_a_stack_does_it(
        first in argument(),
        second in argument(),
    ) {
        let Ok(from) = VirtualPath::root().resolve(&first) else { return Ok(()) };
        prop_assert!(is_normal(&from));
        prop_assert_eq!(&VirtualPath::root().resolve(from.as_bytes()).unwrap(), &from);
        prop_assert_eq!(&from.resolve(b"").unwrap(), &from);
        if let Ok(path) = from.resolve(&second) {
            prop_assert!(is_normal(&path));
            prop_assert_eq!(path.as_bytes(), reference(&from, &second));
            prop_assert!(!path.relative().starts_with(b"/"));
            prop_assert!(path.is_within(&path.parent()));
            if let Some(name) = path.file_name() {
                prop_assert_eq!(&path.parent().child(name).unwrap(), &path);
            }
        }
    }

    #[test]
    fn a_child_is_normal_whatever_the_name(name in argument()) {
        let home = VirtualPath::root().resolve(b"home/user").unwrap();
        if let Ok(path) = home.child(&name) {
            prop_assert!(is_normal(&path));
        }
    }
}
