use std::io::Read;

use flotilla_protocol::ftp::Facts;

use super::super::twin::{TwinStorage, pair, run, terms};
use super::*;

fn path(text: &str) -> VirtualPath {
    VirtualPath::root().resolve(text.as_bytes()).unwrap()
}

fn request(at: &str, format: ListFormat) -> ListRequest {
    ListRequest {
        path: path(at),
        pattern: None,
        prefix: Vec::new(),
        format,
        all: false,
        recursive: false,
        directory: false,
    }
}

fn rights() -> Rights {
    Rights { read: true, list: true, ..Rights::default() }
}

fn collect(storage: TwinStorage, request: &ListRequest) -> Result<String, Failure> {
    run(async {
        let listing = Listing::open(Arc::new(storage), request, rights(), 0).await?;
        let collected = listing.collect(1024 * 1024).await?;
        assert!(!collected.truncated);
        Ok(String::from_utf8(collected.lines).unwrap())
    })
}

fn names(storage: TwinStorage, request: &ListRequest) -> Vec<String> {
    collect(storage, request).unwrap().lines().map(str::to_owned).collect()
}

fn tree() -> TwinStorage {
    TwinStorage::new([
        "/.hidden",
        "/a.txt",
        "/b.bin",
        "/sub/",
        "/sub/.dot",
        "/sub/c.txt",
        "/sub/deep/",
        "/sub/deep/d.txt",
        "/link@",
        "/zoo/",
        "/zoo/e.txt",
    ])
}

#[test]
fn names_of_a_directory() {
    let request = request("/", ListFormat::Names);
    assert_eq!(names(tree(), &request), ["a.txt", "b.bin", "link", "sub", "zoo"]);
    let request = ListRequest { all: true, ..request };
    assert_eq!(names(tree(), &request), [".hidden", "a.txt", "b.bin", "link", "sub", "zoo"]);
}

#[test]
fn a_pattern_chooses_and_a_prefix_stands_before() {
    let request = ListRequest {
        pattern: Some(b"*.txt".to_vec()),
        prefix: b"/sub/".to_vec(),
        ..request("/sub", ListFormat::Names)
    };
    assert_eq!(names(tree(), &request), ["/sub/c.txt"]);
}

#[test]
fn recursion_names_paths_and_leaves_links_alone() {
    let request = ListRequest { recursive: true, ..request("/", ListFormat::Names) };
    assert_eq!(
        names(tree(), &request),
        [
            "a.txt",
            "b.bin",
            "link",
            "sub",
            "zoo",
            "sub/c.txt",
            "sub/deep",
            "sub/deep/d.txt",
            "zoo/e.txt"
        ]
    );
}

#[test]
fn recursion_of_long_lines_has_headings() {
    let request = ListRequest { recursive: true, ..request("/", ListFormat::Long) };
    let lines = names(tree(), &request);
    let headings: Vec<_> = lines.iter().filter(|line| line.ends_with(':')).collect();
    assert_eq!(headings, ["sub:", "sub/deep:", "zoo:"]);
    let first = lines.iter().position(|line| line == "sub:").unwrap();
    assert_eq!(lines[first - 1], "");
    assert!(lines[first + 1].ends_with(" c.txt"));
}

#[test]
fn recursion_passes_over_what_is_locked() {
    let mut storage = tree();
    storage.locked.push(b"/sub".to_vec());
    let request = ListRequest { recursive: true, ..request("/", ListFormat::Names) };
    assert_eq!(names(storage, &request), ["a.txt", "b.bin", "link", "sub", "zoo", "zoo/e.txt"]);
}

#[test]
fn recursion_ends_at_its_depth() {
    let mut paths = Vec::new();
    let mut at = String::new();
    for _ in 0..DEPTH_MAX + 5 {
        at.push_str("/d");
        paths.push(format!("{at}/"));
    }
    let storage = TwinStorage::new(paths.iter().map(String::as_str));
    let request = ListRequest { recursive: true, ..request("/", ListFormat::Names) };
    assert_eq!(names(storage, &request).len(), DEPTH_MAX + 1);
}

#[test]
fn mlsd_tells_itself_its_parent_and_hidden_names() {
    let request = request("/sub", ListFormat::Facts(Facts::default()));
    let lines = names(tree(), &request);
    assert!(lines[0].contains("type=cdir;"), "{lines:?}");
    assert!(lines[1].contains("type=pdir;"), "{lines:?}");
    let names: Vec<_> = lines.iter().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(names, [".", "..", ".dot", "c.txt", "deep"]);
    let root = ListRequest { path: VirtualPath::root(), ..request };
    assert!(!collect(tree(), &root).unwrap().contains("pdir"));
}

#[test]
fn a_file_is_one_line() {
    let file =
        ListRequest { prefix: b"sub/c.txt/".to_vec(), ..request("/sub/c.txt", ListFormat::Names) };
    assert_eq!(names(tree(), &file), ["sub/c.txt"]);
    assert!(names(tree(), &request("/sub/c.txt", ListFormat::Long))[0].ends_with(" c.txt"));
    let facts = request("/sub/c.txt", ListFormat::Facts(Facts::default()));
    assert_eq!(collect(tree(), &facts), Err(Failure::NotDirectory));
}

#[test]
fn a_directory_itself_is_one_line() {
    let request = ListRequest { directory: true, ..request("/sub", ListFormat::Long) };
    let lines = names(tree(), &request);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with('d') && lines[0].ends_with(" sub"));
}

#[test]
fn what_is_not_there_fails_before_anything_is_sent() {
    assert_eq!(collect(tree(), &request("/none", ListFormat::Long)), Err(Failure::NotFound));
    let mut locked = tree();
    locked.locked.push(b"/sub".to_vec());
    let failed = collect(locked, &request("/sub", ListFormat::Long));
    assert!(matches!(failed, Err(Failure::Denied(_))));
}

fn many(count: usize) -> TwinStorage {
    let paths: Vec<_> = (0..count).map(|number| format!("/file-{number:06}")).collect();
    TwinStorage::new(paths.iter().map(String::as_str))
}

#[test]
fn a_long_listing_arrives_whole_and_in_order() {
    let (socket, mut client) = pair();
    let client = std::thread::spawn(move || {
        let mut all = String::new();
        client.read_to_string(&mut all).unwrap();
        all
    });
    let sent = run(async {
        let request = request("/", ListFormat::Names);
        let listing = Listing::open(Arc::new(many(30_000)), &request, rights(), 0).await.unwrap();
        listing.send(Connection::Clear(socket), &terms()).await
    });
    let all = client.join().unwrap();
    assert_eq!(sent, Ok(all.len() as u64));
    assert_eq!(all.lines().count(), 30_000);
    assert!(all.lines().is_sorted());
}

#[test]
fn an_empty_directory_is_an_empty_listing() {
    assert_eq!(collect(TwinStorage::new([]), &request("/", ListFormat::Long)).unwrap(), "");
}

#[test]
fn a_listing_in_memory_is_bounded() {
    run(async {
        let request = request("/", ListFormat::Names);
        let listing = Listing::open(Arc::new(many(30_000)), &request, rights(), 0).await.unwrap();
        let collected = listing.collect(100_000).await.unwrap();
        assert!(collected.truncated);
        assert!(collected.lines.len() <= 100_000 + TRUNCATED.len());
        let text = String::from_utf8(collected.lines).unwrap();
        let text = text.strip_suffix(std::str::from_utf8(TRUNCATED).unwrap()).unwrap();
        assert!(text.split_terminator("\r\n").all(|line| line.len() == "file-000000".len()));
    });
}
