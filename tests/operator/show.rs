//! `flotilla config show --origin`: the values in force and where each comes from.

use flotilla_tests::Server;

/// Default, file, environment and flag, the later ones winning.
#[test]
fn each_value_has_its_origin() {
    let builder = Server::builder().set("ftp.banner", "from the file").set("timeouts.idle", "5m");
    let said = builder
        .verb(&["config", "show", "--origin", "--set", "timeouts.login=7s"])
        .env("FLOTILLA_FTP__BANNER", "from the environment")
        .succeed();
    let line = |key: &str| {
        let found = said.stdout.lines().find(|line| line.starts_with(&format!("{key} = ")));
        found.unwrap_or_else(|| panic!("no {key}: {said}")).to_owned()
    };
    assert!(line("banner").contains("from the environment"));
    assert!(line("banner").contains("FLOTILLA_FTP__BANNER"));
    assert!(line("idle").contains("5m") && line("idle").contains("flotilla.toml:"));
    assert!(line("login").contains("7s") && line("login").contains("flag"));
    assert!(line("stalled").contains("default"));
}

/// Without `--origin` it is a configuration file that means the same.
#[test]
fn what_is_shown_can_be_loaded() {
    let builder = Server::builder().set("ftp.banner", "a \"quoted\" \\ banner");
    let shown = builder.verb(&["config", "show"]).succeed().stdout;
    let again = builder.folder().write("again.toml", &shown);
    let said = flotilla_tests::Program::flotilla()
        .args(["config", "show", "--config"])
        .arg(again)
        .succeed();
    assert_eq!(said.stdout, shown);
}

/// `--json` is JSON.
#[test]
fn it_is_there_as_json() {
    let said = Server::builder().verb(&["config", "show", "--json"]).succeed();
    let json: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    let item = json.as_array().unwrap().iter().find(|item| item["key"] == "ftp.tls").unwrap();
    assert_eq!(item["value"], "optional");
    assert_eq!(item["origin"], "default");
}

/// `conf.d` beside the main file is read in order, and wins over it.
#[test]
fn files_of_conf_d_are_read() {
    let builder = Server::builder().set("ftp.banner", "main");
    builder.folder().write("conf.d/10-first.toml", "[ftp]\nbanner = \"first\"\n");
    builder.folder().write("conf.d/20-second.toml", "[ftp]\nbanner = \"second\"\n");
    let said = builder.verb(&["config", "show", "--origin"]).succeed();
    let line = said.stdout.lines().find(|line| line.starts_with("banner")).unwrap();
    assert!(line.contains("second") && line.contains("20-second.toml:2"), "{line}");
}
