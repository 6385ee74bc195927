use std::path::PathBuf;

use flotilla_protocol::path::VirtualPath;

use super::*;
use crate::auth::Permissions;
use crate::config::OnAbort;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("flotilla-roots-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn storages(&self) -> Storages {
        Storages {
            default: self.0.clone(),
            options: PosixOptions {
                atomic_uploads: true,
                on_abort: OnAbort::Keep,
                umask: 0o022,
                reserve: 0,
            },
            timeout: Duration::from_secs(30),
            arbiters: 1,
            waits: Waits::default(),
            roots: Arc::default(),
            homes: Arc::default(),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn account(home: &str, root: Option<PathBuf>) -> Account {
    Account {
        name: "ann".into(),
        root,
        home: VirtualPath::root().resolve(home.as_bytes()).unwrap(),
        permissions: Permissions::ALL,
        sessions: 0,
        upload_rate: 0,
        download_rate: 0,
        anonymous: false,
        message: Vec::new(),
    }
}

#[tokio::test]
async fn a_home_is_made_and_shared_by_its_sessions() {
    let folder = Folder::new("homes");
    let storages = folder.storages();
    let one = storages.view(&account("people/ann", None), None).await.unwrap();
    let two = storages.view(&account("people/ann", None), None).await.unwrap();
    let other = storages.view(&account("people/bob", None), None).await.unwrap();
    let made = VirtualPath::root().resolve(b"made").unwrap();
    one.make_directory(&made).await.unwrap();
    assert!(folder.0.join("people/ann/made").is_dir());
    assert!(two.attributes(&made, true).await.is_ok());
    assert_eq!(other.attributes(&made, true).await.err(), Some(Failure::NotFound));
    assert_eq!(lock(&storages.homes).values().filter(|home| home.strong_count() > 0).count(), 2);

    // A home that was replaced while a session was in the old one.
    std::fs::rename(folder.0.join("people/ann"), folder.0.join("gone")).unwrap();
    let new = storages.view(&account("people/ann", None), None).await.unwrap();
    assert_eq!(new.attributes(&made, true).await.err(), Some(Failure::NotFound));
    assert!(one.attributes(&made, true).await.is_ok());
}

#[tokio::test]
async fn accounts_and_hosts_have_roots_of_their_own() {
    let (folder, own, host) = (Folder::new("default"), Folder::new("own"), Folder::new("host"));
    let storages = folder.storages();
    let with_root = account("/", Some(own.0.clone()));
    for (account, host, path) in [
        (&with_root, Some(host.0.as_path()), &own.0),
        (&account("/", None), Some(host.0.as_path()), &host.0),
        (&account("/", None), None, &folder.0),
    ] {
        let view = storages.view(account, host).await.unwrap();
        view.make_directory(&VirtualPath::root().resolve(b"mark").unwrap()).await.unwrap();
        assert!(path.join("mark").is_dir());
    }
    assert_eq!(lock(&storages.roots).len(), 3);
    let missing = account("/", Some(own.0.join("none")));
    let refused = storages.view(&missing, None).await.map(drop);
    assert_eq!(refused, Err(Failure::StorageError));
    std::fs::create_dir(own.0.join("none")).unwrap();
    assert!(storages.view(&missing, None).await.is_ok());
}

#[tokio::test]
async fn a_hanging_root_takes_only_its_own_threads() {
    let folder = Folder::new("stuck");
    let mut storages = folder.storages();
    storages.timeout = Duration::from_millis(500);
    let other = Folder::new("well");
    let stuck = storages.view(&account("/", None), None).await.unwrap();
    let well = storages.view(&account("/", Some(other.0.clone())), None).await.unwrap();
    let file = VirtualPath::root().resolve(b"file").unwrap();
    for folder in [&folder, &other] {
        std::fs::write(folder.0.join("file"), b"1").unwrap();
    }
    let mut ends = Vec::new();
    let mut jobs = Vec::new();
    let source: Arc<dyn crate::storage::Source> = Arc::from(stuck.open(&file).await.unwrap());
    for _ in 0..16 {
        let (mut reader, writer) = std::io::pipe().unwrap();
        ends.push(writer);
        let hang = Box::new(move |_: std::os::fd::BorrowedFd<'_>| {
            let _ = std::io::Read::read(&mut reader, &mut [0]);
            Ok(0)
        });
        let job = Arc::clone(&source).with_descriptor(hang);
        jobs.push(job);
    }
    let local = tokio::task::LocalSet::new();
    let jobs: Vec<_> = jobs.into_iter().map(|job| local.spawn_local(job)).collect();
    local
        .run_until(async {
            for job in jobs {
                assert_eq!(job.await.unwrap(), Err(Failure::StorageTimeout));
            }
        })
        .await;
    assert_eq!((storages.health().stuck, storages.health().stalled), (16, true));
    let made = stuck.make_directory(&VirtualPath::root().resolve(b"made").unwrap());
    assert_eq!(made.await, Err(Failure::StorageTimeout));
    well.remove_file(&file).await.unwrap();

    drop(ends);
    while storages.health().stuck > 0 {
        tokio::task::yield_now().await;
    }
    assert!(!storages.health().stalled);
    stuck.remove_file(&file).await.unwrap();
}
