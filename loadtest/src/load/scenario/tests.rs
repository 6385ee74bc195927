use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;

fn message(text: &str) -> String {
    format!("{:#}", Scenario::parse(text, "test").unwrap_err())
}

#[test]
fn the_examples_are_scenarios() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut titles = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let scenario = Scenario::parse(&text, "untitled")
            .unwrap_or_else(|error| panic!("{}: {error:#}", path.display()));
        assert!(scenario.title != "untitled", "{}", path.display());
        assert!(titles.insert(scenario.title), "{}", path.display());
    }
    assert!(titles.len() >= 5, "{titles:?}");
}

#[test]
fn every_key_is_in_the_readme() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let protocols = PROTOCOLS.map(|(name, _)| name);
    let with = |table: &str, keys: &[&str]| -> Vec<_> {
        keys.iter().map(|key| format!("| `{table}{key}` |")).collect()
    };
    let all = [
        with("", &KEYS[..6]),
        with("protocols.", &protocols),
        with("pacing.", &PACING_KEYS),
        with("ramp.", &STAGE_KEYS),
        with("session.", &SESSION_KEYS),
        with("mix.", &mix::KEYS),
    ];
    for row in all.iter().flatten() {
        assert!(readme.contains(row), "no row {row}");
    }
}

#[test]
fn little_is_needed_and_the_rest_has_defaults() {
    let scenario = Scenario::parse("[[mix]]\ndo = \"noop\"", "little").unwrap();
    assert_eq!(scenario.title, "little");
    assert_eq!(scenario.duration, Duration::from_secs(60));
    assert_eq!(scenario.protocols, [(Protocol::Ftp, 1)]);
    assert_eq!(scenario.pacing, Pacing::Closed { clients: 1 });
    assert_eq!(scenario.visit.tasks, None);
}

#[test]
fn open_pacing_needs_a_rate_and_a_bound() {
    assert_eq!(message("[pacing]\nmode = \"open\""), "pacing.rate: missing");
    let error = message("[pacing]\nmode = \"open\"\nrate = 5");
    assert_eq!(error, "pacing.concurrency: missing");
    assert!(message("[pacing]\nrate = 5").starts_with("pacing.rate: only with pacing.mode"));
    let open = "[pacing]\nmode = \"open\"\nrate = 5\nconcurrency = 2\n";
    assert!(message(&format!("{open}clients = 2")).contains("see pacing.concurrency"));
    let error = message(&format!("{open}[session]\nthink = \"1s\""));
    assert!(error.starts_with("session.think: tasks arrive by themselves"), "{error}");
    let sessions = format!("{open}arrivals = \"sessions\"\n[[mix]]\ndo = \"noop\"");
    let scenario = Scenario::parse(&sessions, "test").unwrap();
    assert_eq!(scenario.visit.tasks, Some((1, 1)));
    // Whoever is free can open a session of any protocol, but one that is open has its own.
    let all = "[protocols]\nftp = 1\nftps = 1\nsftp = 1\n";
    let error = message(&format!("{all}{open}[[mix]]\ndo = \"noop\""));
    assert!(error.contains("one for each protocol is needed, 3, not 2"), "{error}");
    assert!(Scenario::parse(&format!("{all}{sessions}"), "test").is_ok());
}

#[test]
fn mistakes_are_told_with_their_key() {
    assert!(message("dration = \"5s\"").contains("did you mean \"duration\"?"));
    assert!(message("[pacing]\nclents = 5").starts_with("pacing.clents: no such key"));
    assert!(message("[protocols]\nsfpt = 1").contains("did you mean \"sftp\"?"));
    assert!(message("duration = \"0s\"").starts_with("duration: a time above 0"));
    assert!(message("sources = [\"x\"]").starts_with("sources: \"x\" is neither"));
    assert_eq!(message("[[ramp]]\nto = 1"), "ramp 1.for: missing");
    assert!(message("[[ramp]]\nfor = \"1s\"\nto = 2").contains("from 0 to 1, not 2"));
    assert!(message("seed = ").contains("TOML parse error at line 1"));
    assert!(message("").starts_with("mix: missing"));
    let only_mlsd = "[protocols]\nsftp = 1\n[[mix]]\ndo = \"mlsd\"";
    assert_eq!(message(only_mlsd), "mix: no task for SFTP");
}

#[test]
fn protocols_and_lengths_are_drawn_within_their_bounds() {
    let text = "[protocols]\nsftp = 3\nftp = 1\n[session]\ntasks = [2, 4]\nthink = \"1s\"\n\
                shape = \"exponential\"\n[[mix]]\ndo = \"noop\"";
    let scenario = Scenario::parse(text, "test").unwrap();
    let mut chance = Chance::new(scenario.seed, 0);
    let drawn: usize = (0..1000).map(|_| scenario.draw_protocol(&mut chance)).sum();
    assert!((700..800).contains(&drawn), "{drawn} of 1000 speak SFTP");
    assert!((0..100).all(|_| (2..=4).contains(&scenario.visit.draw(&mut chance))));
    assert_ne!(scenario.visit.think(&mut chance), scenario.visit.think(&mut chance));
}
