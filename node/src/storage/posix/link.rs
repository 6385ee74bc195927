//! Links: symbolic ones that lead nowhere outside, and second names of plain files.

use std::os::fd::AsRawFd as _;

use flotilla_protocol::ftp::Failure;
use flotilla_protocol::path::VirtualPath;
use rustix::fs::{AtFlags, CWD, OFlags};

use super::fault::failure;
use super::root::{Place, Root, split};
use super::{attribute, name};

/// Makes a symbolic link. The kernel keeps every view inside its root, whatever its links say; what
/// is stored keeps other programs of the machine inside as well, as far as the target's own words
/// go.
pub(super) fn symbolic(root: &Root, target: &[u8], link: &VirtualPath) -> Result<(), Failure> {
    if link.is_root() {
        return Err(Failure::Exists);
    }
    let Place { directory, name } = root.open_parent(link)?;
    let stored = stored(target, &root.path_of(&directory)?)?;
    rustix::fs::symlinkat(stored.as_slice(), &directory, &name).map_err(failure)
}

/// Gives a published plain file a second name.
pub(super) fn hard(root: &Root, from: &VirtualPath, to: &VirtualPath) -> Result<(), Failure> {
    // The root has no name, and is no plain file.
    split(from).map_err(|_| Failure::IsDirectory)?;
    if to.is_root() {
        return Err(Failure::Exists);
    }
    let file = root.open_at(from.as_bytes(), OFlags::PATH | OFlags::NOFOLLOW).map_err(failure)?;
    attribute::regular(&attribute::of_descriptor(&file).map_err(failure)?)?;
    let Place { directory, name } = root.open_parent(to)?;
    // The file that was looked at, whatever bears its name by now.
    let pinned = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, pinned.as_str(), &directory, &name, AtFlags::SYMLINK_FOLLOW)
        .map_err(failure)
}

/// What a link in this folder holds so that it leads to the target.
fn stored(target: &[u8], folder: &VirtualPath) -> Result<Vec<u8>, Failure> {
    let names = || target.split(|&byte| byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
    // A link must not show what no path may name.
    let is_bad = target.is_empty()
        || target.len() > TARGET_BYTES_MAX
        || target.contains(&0)
        || names().any(name::is_reserved);
    if is_bad {
        return Err(Failure::BadName);
    }
    if target.starts_with(b"/") {
        let target = VirtualPath::root().resolve(target).map_err(|_| Failure::BadName)?;
        return Ok(relative(&target, folder));
    }
    let mut depth = folder.components().count();
    for name in names() {
        depth = match name {
            b".." => depth.checked_sub(1).ok_or(Failure::Denied("the link leaves the root"))?,
            _ => depth + 1,
        };
    }
    Ok(target.to_vec())
}

/// The way from a folder to a path.
fn relative(path: &VirtualPath, folder: &VirtualPath) -> Vec<u8> {
    let common = path.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(common).map(|_| b"..".as_slice());
    let way: Vec<_> = up.chain(path.components().skip(common)).collect();
    if way.is_empty() { b".".to_vec() } else { way.join(&b'/') }
}

/// The longest target that Linux stores (`PATH_MAX` with its NUL).
const TARGET_BYTES_MAX: usize = 4095;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> VirtualPath {
        VirtualPath::root().resolve(text.as_bytes()).unwrap()
    }

    fn stored_text(target: &str, folder: &str) -> Result<String, Failure> {
        stored(target.as_bytes(), &path(folder)).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn absolute_targets_become_ways() {
        for (target, folder, expected) in [
            ("/c/d", "/a/b", "../../c/d"),
            ("/a/c", "/a/b", "../c"),
            ("/a/b/c", "/a/b", "c"),
            ("/a/b", "/a/b", "."),
            ("/a", "/a/b", ".."),
            ("/", "/", "."),
            ("/", "/a", ".."),
            ("/../x/./y//z/..", "/", "x/y"),
        ] {
            assert_eq!(stored_text(target, folder), Ok(expected.to_owned()), "{target} {folder}");
        }
    }

    #[test]
    fn relative_targets_stay_as_they_are_or_are_refused() {
        for (target, folder) in [("x", "/"), ("../x", "/a"), ("a/../b/..", "/"), (".", "/")] {
            assert_eq!(stored_text(target, folder), Ok(target.to_owned()));
        }
        for (target, folder) in [("..", "/"), ("../../x", "/a"), ("x/../../y", "/")] {
            assert!(matches!(stored_text(target, folder), Err(Failure::Denied(_))), "{target}");
        }
        for target in ["", "a\0b", ".flotilla-x", "/a/.flotilla-x/b", &"x".repeat(4096)] {
            assert_eq!(stored_text(target, "/"), Err(Failure::BadName), "{target:?}");
        }
    }

    proptest! {
        /// Whoever follows what is stored, step by step, ends at the target and is never outside.
        #[test]
        fn what_is_stored_leads_there_inside(
            target in "(/|)((a|b|\\.|\\.\\.|)/){0,5}(a|b|\\.\\.|)",
            folder in "(/(a|b)){0,4}",
        ) {
            let folder = path(&folder);
            let Ok(stored) = stored(target.as_bytes(), &folder) else { return Ok(()) };
            let mut depth = folder.components().count();
            for name in stored.split(|&byte| byte == b'/') {
                match name {
                    b"" | b"." => {}
                    b".." => {
                        prop_assert!(depth > 0);
                        depth -= 1;
                    }
                    _ => depth += 1,
                }
            }
            prop_assert!(!stored.starts_with(b"/"));
            let led = folder.resolve(&stored).unwrap();
            prop_assert_eq!(led, folder.resolve(target.as_bytes()).unwrap());
        }
    }
}
