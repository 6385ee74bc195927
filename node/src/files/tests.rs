use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::auth::Permissions;
use crate::blocking::{Lane, LaneLimits};
use crate::config::OnAbort;
use crate::storage::Edit;
use crate::storage::posix::{Posix, PosixOptions};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("flotilla-files-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn files(&self, permissions: Permissions) -> Files {
        let lane = Lane::new(LaneLimits::new(1, Duration::from_secs(30)));
        let (atomic_uploads, on_abort) = (true, OnAbort::Keep);
        let options = PosixOptions { atomic_uploads, on_abort, umask: 0o022, reserve: 0 };
        let posix = Posix::open(&self.0, lane, options).unwrap().view("ann");
        let account = Account {
            name: "ann".into(),
            root: None,
            home: VirtualPath::root(),
            permissions,
            sessions: 0,
            upload_rate: 0,
            download_rate: 0,
            anonymous: false,
            message: Vec::new(),
        };
        Files::new(Arc::new(posix), Arc::new(account))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn path(text: &str) -> VirtualPath {
    VirtualPath::root().resolve(text.as_bytes()).unwrap()
}

async fn create(files: &Files, name: &str, mode: CreateMode) -> Result<(), Failure> {
    files.create(&path(name), CreateOptions::new(mode)).await.map(drop)
}

#[tokio::test]
async fn every_operation_needs_its_permission() {
    let folder = Folder::new("permissions");
    std::fs::write(folder.0.join("file"), b"1").unwrap();
    let denied = |name| Err(Failure::Denied(name));
    let (file, other) = (path("file"), path("other"));

    let files = folder.files(Permissions { read: false, ..Permissions::ALL });
    assert_eq!(files.open(&file).await.map(drop), denied("read permission"));
    assert_eq!(files.copy(&file, &other, false).await, denied("read permission"));
    let digest = files.digest(&file, Algorithm::Md5, 0, None).await;
    assert_eq!(digest.map(drop), denied("read permission"));
    assert_eq!(files.attributes(&file, true).await.map(|found| found.size), Ok(1));

    let files = folder.files(Permissions { write: false, ..Permissions::ALL });
    let modes = [CreateMode::Replace, CreateMode::New, CreateMode::Unique, CreateMode::Resume(0)];
    for mode in modes {
        assert_eq!(create(&files, "other", mode).await, denied("write permission"));
    }
    assert_eq!(create(&files, "file", CreateMode::Append).await, Ok(()));
    assert_eq!(files.copy(&file, &other, false).await, denied("write permission"));
    let change = AttributeChange::default();
    assert_eq!(files.set_attributes(&file, change, true).await, denied("write permission"));
    std::fs::write(folder.0.join("there"), b"2").unwrap();
    assert_eq!(files.rename(&file, &path("there"), true).await, Err(Failure::Exists));
    files.rename(&file, &other, true).await.unwrap();
    files.rename(&other, &file, true).await.unwrap();

    let edit = |edit| CreateMode::Edit(edit);
    let random = Edit { create: true, ..Edit::default() };
    let append = Edit { append: true, ..random };
    for refused in [random, Edit { truncate: true, ..append }] {
        assert_eq!(create(&files, "file", edit(refused)).await, denied("write permission"));
    }
    assert_eq!(create(&files, "file", edit(append)).await, Ok(()));
    assert_eq!(files.symlink(b"file", &other).await, denied("write permission"));
    assert_eq!(files.hard_link(&file, &other).await, denied("write permission"));

    let files = folder.files(Permissions { read: false, ..Permissions::ALL });
    let reading = Edit { read: true, ..random };
    assert_eq!(create(&files, "file", edit(reading)).await, denied("read permission"));
    assert_eq!(create(&files, "file", edit(random)).await, Ok(()));
    assert_eq!(files.hard_link(&file, &other).await, denied("read permission"));
    assert_eq!(files.symlink(b"file", &path("link")).await, Ok(()));
    assert!(files.file_system(&file).await.is_ok());

    let files = folder.files(Permissions { append: false, ..Permissions::ALL });
    assert_eq!(create(&files, "file", edit(append)).await, denied("append permission"));
    assert_eq!(create(&files, "file", CreateMode::Append).await, denied("append permission"));
    assert_eq!(create(&files, "file", CreateMode::Resume(1)).await, Ok(()));

    let files = folder.files(Permissions { delete: false, ..Permissions::ALL });
    assert_eq!(files.remove_file(&file).await, denied("delete permission"));
    assert_eq!(files.remove_directory(&file).await, denied("delete permission"));
    assert_eq!(create(&files, "file", CreateMode::Replace).await, Ok(()));

    let files = folder.files(Permissions { rename: false, ..Permissions::ALL });
    assert_eq!(files.rename(&file, &other, false).await, denied("rename permission"));
    assert_eq!(files.check_rename(&file).await, denied("rename permission"));

    let files = folder.files(Permissions { mkdir: false, ..Permissions::ALL });
    assert_eq!(files.make_directory(&other).await, denied("mkdir permission"));
    assert!(!files.rights().make_directory && files.rights().rename);

    let files = folder.files(Permissions { list: false, ..Permissions::ALL });
    let listed = files.read_directory(&path("/")).await;
    assert_eq!(listed.map(drop), denied("list permission"));
    assert_eq!(files.enter(&path("/")).await, Ok(()));
    assert_eq!(files.enter(&file).await, Err(Failure::NotDirectory));
    assert_eq!(files.check_rename(&other).await, Err(Failure::NotFound));
    files.remove_file(&file).await.unwrap();
}

struct Names(Vec<Vec<u8>>);

impl Visit for Names {
    fn entry(&mut self, entry: &Entry<'_>) -> bool {
        self.0.push(entry.name.to_vec());
        false
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

async fn names(files: &Files) -> Vec<Vec<u8>> {
    let mut directory = files.read_directory(&path("/")).await.unwrap();
    let mut visitor: Visitor = Box::new(Names(Vec::new()));
    loop {
        let (back, visited, more) = directory.next_batch(visitor).await.unwrap();
        (directory, visitor) = (back, visited);
        if !more {
            let mut names = visitor.into_any().downcast::<Names>().unwrap().0;
            names.sort();
            return names;
        }
    }
}

#[tokio::test]
async fn hidden_names_are_veiled() {
    let folder = Folder::new("hidden");
    std::fs::create_dir(folder.0.join(".dir")).unwrap();
    for name in [".dir/file", ".file", "a", "b"] {
        std::fs::write(folder.0.join(name), b"1").unwrap();
    }
    let files = folder.files(Permissions { hidden: false, ..Permissions::ALL });
    assert_eq!(names(&files).await, [b"a", b"b"]);
    for name in [".file", ".dir", ".dir/file"] {
        assert_eq!(files.attributes(&path(name), true).await.map(drop), Err(Failure::NotFound));
        assert_eq!(files.open(&path(name)).await.map(drop), Err(Failure::NotFound));
        assert_eq!(files.remove_file(&path(name)).await, Err(Failure::NotFound));
        assert_eq!(files.rename(&path("a"), &path(name), true).await, Err(Failure::BadName));
        assert_eq!(create(&files, name, CreateMode::Replace).await, Err(Failure::BadName));
        assert_eq!(files.make_directory(&path(name)).await, Err(Failure::BadName));
    }
    for target in [".file", "/.dir/file", "a/../.file"] {
        assert_eq!(files.symlink(target.as_bytes(), &path("x")).await, Err(Failure::BadName));
    }
    assert_eq!(files.symlink(b"a", &path(".x")).await, Err(Failure::BadName));
    assert_eq!(files.hard_link(&path(".file"), &path("x")).await, Err(Failure::NotFound));
    assert_eq!(files.hard_link(&path("a"), &path(".x")).await, Err(Failure::BadName));
    let files = folder.files(Permissions::ALL);
    assert_eq!(names(&files).await, [b".dir".as_slice(), b".file", b"a", b"b"]);
    assert_eq!(files.attributes(&path(".dir/file"), true).await.map(drop), Ok(()));
}
