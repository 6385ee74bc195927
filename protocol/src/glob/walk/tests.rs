//! Expansions over a tree in memory.

use super::*;

/// Directories end with a slash.
const TREE: [&str; 9] = [
    "/a/",
    "/a/one.txt",
    "/a/two.txt",
    "/a/.hidden",
    "/b/",
    "/b/one.txt",
    "/b/*",
    "/home/",
    "/home/x",
];

fn children(directory: &VirtualPath) -> Vec<&'static [u8]> {
    TREE.iter()
        .filter_map(|path| {
            let rest = path.as_bytes().strip_prefix(directory.as_bytes())?;
            let rest = rest.strip_prefix(b"/").unwrap_or(rest);
            let name = rest.strip_suffix(b"/").unwrap_or(rest);
            (!name.is_empty() && !name.contains(&b'/')).then_some(name)
        })
        .collect()
}

fn exists(path: &VirtualPath, directory: bool) -> bool {
    let with_slash = [path.as_bytes(), b"/"].concat();
    path.is_root()
        || TREE.iter().any(|known| {
            known.as_bytes() == with_slash || !directory && known.as_bytes() == path.as_bytes()
        })
}

fn expand(home: &str, pattern: &str) -> Result<Vec<String>, TooMany> {
    let home = VirtualPath::root().resolve(home.as_bytes()).unwrap();
    let mut walk = Walk::new(home, pattern.as_bytes());
    while let Some(step) = walk.poll() {
        assert_eq!(walk.poll().as_ref(), Some(&step));
        match step {
            Step::List(directory) => {
                for name in children(&directory).iter().rev() {
                    walk.on_name(name);
                }
                walk.on_end();
            }
            Step::Exists { path, directory } => walk.on_exists(exists(&path, directory)),
        }
    }
    Ok(walk.finish()?.into_iter().map(|path| String::from_utf8(path).unwrap()).collect())
}

#[test]
fn patterns_find_what_a_shell_finds() {
    for (home, pattern, found) in [
        ("/", "*", &["a", "b", "home"] as &[_]),
        ("/a", "*.txt", &["one.txt", "two.txt"]),
        ("/a", "/b/o*", &["/b/one.txt"]),
        ("/", "*/one.txt", &["a/one.txt", "b/one.txt"]),
        ("/", "?/*.txt", &["a/one.txt", "a/two.txt", "b/one.txt"]),
        ("/home", "../[ab]/t*", &["../a/two.txt"]),
        ("/", "a/.*", &["a/.hidden"]),
        ("/", "/*", &["/a", "/b", "/home"]),
        ("/", "*/", &["a/", "b/", "home/"]),
        ("/", "a/*/", &[]),
        ("/", "b/\\**", &["b/*"]),
        ("/", "none/*", &[]),
        ("/", "*/none", &[]),
        ("/", "*//x", &["home//x"]),
        ("/", "./h*/./x", &["./home/./x"]),
    ] {
        assert_eq!(expand(home, pattern).unwrap(), found, "{pattern}");
    }
}

#[test]
fn the_square_of_a_folder_is_refused() {
    assert_eq!(expand("/", &"*/../".repeat(40)), Err(TooMany));
    let mut walk = Walk::new(VirtualPath::root(), b"*");
    assert!(matches!(walk.poll(), Some(Step::List(_))));
    for number in 0..=MATCHES_MAX {
        walk.on_name(number.to_string().as_bytes());
    }
    walk.on_end();
    assert_eq!(walk.poll(), None);
    assert_eq!(walk.finish(), Err(TooMany));
}

#[test]
fn paths_longer_than_paths_can_be_are_not_there() {
    assert_eq!(expand("/", &format!("*/{}", "x".repeat(300))).unwrap(), Vec::<String>::new());
}
