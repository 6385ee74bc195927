//! The mark of a pool.

use super::Bench;
use crate::storage::posix::Mark;

const NAME: &str = ".flotilla-mark";

fn seen(mark: &str) -> Mark {
    Mark::Seen(mark.to_owned())
}

#[actix::test]
async fn the_first_mark_stays() {
    for bench in Bench::everywhere("mark") {
        assert_eq!(bench.posix.mark(None).await, Ok(Mark::Missing));
        assert_eq!(bench.posix.mark(Some("0a1b".to_owned())).await, Ok(seen("0a1b")));
        assert_eq!(bench.posix.mark(Some("ffff".to_owned())).await, Ok(seen("0a1b")));
        assert_eq!(bench.posix.mark(None).await, Ok(seen("0a1b")));
    }
}

#[actix::test]
async fn what_is_no_mark_is_told_and_gives_way() {
    let bench = Bench::new();
    for content in ["", "\n", "somebody's notes", "xyz", &"a".repeat(64), &"a".repeat(4_096)] {
        bench.write(NAME, content.as_bytes());
        assert_eq!(bench.posix.mark(None).await, Ok(Mark::Foreign), "{content:?}");
        assert_eq!(bench.posix.mark(Some("0a1b".to_owned())).await, Ok(seen("0a1b")));
        assert_eq!(bench.posix.mark(None).await, Ok(seen("0a1b")));
    }
    let path = bench.root.join(NAME);
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
    assert_eq!(bench.posix.mark(None).await, Ok(Mark::Foreign));
    assert_eq!(bench.posix.mark(Some("0a1b".to_owned())).await, Ok(seen("0a1b")));
    // Nobody removes a directory that somebody made.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    for _ in 0..2 {
        assert_eq!(bench.posix.mark(Some("0a1b".to_owned())).await, Ok(Mark::Foreign));
    }
    assert_eq!(std::fs::read_dir(&bench.root).unwrap().count(), 1);
}
