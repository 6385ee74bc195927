//! Whatever comes, however it is cut; and both ends against each other.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Runs a command over a stream in pieces; gives what was asked, said, and the exit status.
fn run(command: &str, disk: Disk, stream: &[u8], cuts: &[usize]) -> (Vec<String>, String, u8) {
    let mut bench = Bench::new(command, disk);
    let mut rest = stream;
    let mut cuts = cuts.iter().copied().cycle();
    while !rest.is_empty() && bench.machine.exit_status().is_none() {
        let cut = cuts.next().unwrap_or(usize::MAX).clamp(1, rest.len());
        let taken = bench.machine.on_bytes(rest.get(..cut).unwrap());
        bench.settle();
        assert!(taken > 0 || !bench.machine.wants_input() || cut == 0);
        rest = rest.get(taken..).unwrap();
    }
    bench.machine.on_end();
    bench.settle();
    bench.disk.assert_idle();
    let status = bench.machine.exit_status().expect("over");
    // How the file's bytes were cut is no matter, nor how many of a bad file were written.
    let mut asked: Vec<String> = Vec::new();
    for text in bench.asked() {
        if text == "abandon false" {
            asked.pop_if(|last| last.starts_with("write "));
        }
        match (asked.last_mut(), text.strip_prefix("write ")) {
            (Some(last), Some(data)) if last.starts_with("write ") => last.push_str(data),
            _ => asked.push(text),
        }
    }
    (asked, bench.said(), status)
}

/// Streams that look like uploads most of the time.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => (0u32..0o10000, 0usize..40, "[a-c]{1,2}").prop_map(|(mode, size, name)| {
            let data = "x".repeat(size);
            format!("C{mode:04o} {size} {name}\n{data}\0").into_bytes()
        }),
        2 => "[a-c]{1,2}".prop_map(|name| format!("D0755 0 {name}\n").into_bytes()),
        2 => Just(b"E\n".to_vec()),
        1 => (0u32..10, 0u32..10).prop_map(|(m, a)| format!("T{m} 0 {a} 0\n").into_bytes()),
        1 => Just(b"C0644 3 a\nxyz\x01no\n".to_vec()),
        1 => Just(b"\x01oops\n".to_vec()),
        1 => "C0644 1 (\\.\\.|a/b|\\.|\x01)\n".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..30),
    ];
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

/// A tree under `/home`, of names, modes and times that both sides can keep.
fn tree() -> impl Strategy<Value = Disk> {
    let data = proptest::collection::vec(any::<u8>(), 0..300);
    let node = (proptest::option::weighted(0.7, data), 0u32..0o10000, 0i64..1 << 40, 0i64..99);
    let name = proptest::collection::vec(32u8.., 1..6);
    let path = proptest::collection::vec(name, 1..5);
    proptest::collection::btree_map(path, node, 0..12).prop_map(|paths| {
        let mut disk = home().directory("/home/top", 0o750);
        for (names, (data, mode, modified, accessed)) in paths {
            let mut path = b"/home/top".to_vec();
            let last = names.len() - 1;
            for (index, name) in names.into_iter().enumerate() {
                if line::check_name(&name).is_err() {
                    break;
                }
                path.push(b'/');
                path.extend_from_slice(&name);
                let data = data.clone().filter(|_| index == last);
                let node = Node { data, mode, times: (modified, accessed) };
                if disk.nodes.entry(path.clone()).or_insert(node).data.is_some() {
                    break;
                }
            }
        }
        disk
    })
}

/// Copies from one disk to another, moving at most so many bytes at a time.
fn copy(from: Disk, to: Disk, options: &str, max: usize) -> (Disk, Option<u8>, Option<u8>) {
    let mut source = Bench::new(&format!("scp {options} -f top"), from);
    let mut sink = Bench::new(&format!("scp {options} -t copy"), to);
    source.machine.set_read_bytes(7);
    let (mut down, mut up) = (std::mem::take(&mut source.said), std::mem::take(&mut sink.said));
    loop {
        source.disk.serve(&mut source.machine);
        sink.disk.serve(&mut sink.machine);
        let before = (down.len(), up.len());
        down.extend(source.machine.output(max).unwrap_or_default());
        up.extend(sink.machine.output(max).unwrap_or_default());
        let taken = sink.machine.on_bytes(&down);
        down.drain(..taken);
        let given = source.machine.on_bytes(&up);
        up.drain(..given);
        let still = taken == 0 && given == 0 && before == (down.len(), up.len());
        if still && source.machine.exit_status().is_some() {
            break;
        }
    }
    sink.machine.on_end();
    sink.settle();
    source.disk.assert_idle();
    sink.disk.assert_idle();
    (sink.disk, source.machine.exit_status(), sink.machine.exit_status())
}

/// What lies under `/home/top` or `/home/copy`.
fn below(disk: &Disk, top: &str) -> BTreeMap<Vec<u8>, Node> {
    let inside = |(path, node): (&Vec<u8>, &Node)| {
        Some((path.strip_prefix(top.as_bytes())?.to_vec(), node.clone()))
    };
    disk.nodes.iter().filter_map(inside).collect()
}

proptest! {
    #[test]
    fn the_cut_of_the_stream_changes_nothing(
        stream in stream(),
        cuts in proptest::collection::vec(1usize..20, 1..5),
        options in proptest::sample::select(vec!["-t .", "-rt .", "-rpt new", "-dt a"]),
    ) {
        let command = format!("scp {options}");
        let whole = run(&command, home(), &stream, &[usize::MAX]);
        prop_assert_eq!(run(&command, home(), &stream, &cuts), whole.clone());
        prop_assert_eq!(run(&command, home(), &stream, &[1]), whole);
    }

    #[test]
    fn garbage_does_no_harm(
        stream in proptest::collection::vec(prop_oneof![3 => Just(0u8), 1 => any::<u8>()], 0..200),
        cuts in proptest::collection::vec(1usize..20, 1..5),
        command in proptest::sample::select(vec!["scp -rt .", "scp -rpf a top", "scp -f * a"]),
    ) {
        let disk = home().directory("/home/top", 0o755).file("/home/top/a", "abc");
        let whole = run(command, disk.clone(), &stream, &[usize::MAX]);
        prop_assert_eq!(run(command, disk, &stream, &cuts), whole);
    }

    #[test]
    fn trees_arrive_as_they_were(tree in tree(), max in 1usize..50) {
        let expected = below(&tree, "/home/top");
        let (disk, source, sink) = copy(tree, home(), "-r -p", max);
        prop_assert_eq!((source, sink), (Some(0), Some(0)));
        prop_assert_eq!(below(&disk, "/home/copy"), expected);
    }
}
