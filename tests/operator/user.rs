//! `flotilla user add|passwd|rm|ls`.

use flotilla_tests::program::Said;
use flotilla_tests::server::Builder;
use flotilla_tests::{Program, Server};

/// `flotilla user` with the configuration of this builder, which was written before.
fn user(builder: &Builder, arguments: &[&str], stdin: &str) -> Program {
    Program::flotilla()
        .args(["user", "--config"])
        .arg(builder.config_file())
        .args(arguments)
        .stdin(stdin)
}

fn users(builder: &Builder) -> serde_json::Value {
    let said: Said = user(builder, &["ls", "--json"], "").succeed();
    serde_json::from_str(&said.stdout).expect("JSON")
}

fn builder() -> Builder {
    let builder = Server::builder();
    builder.write();
    builder
}

/// A user who was added logs in, with what was said of them.
#[test]
fn an_added_user_logs_in() {
    let builder = builder();
    let add = ["add", "bob", "--password-stdin", "--permissions", "read,list", "--home", "shared"];
    user(&builder, &add, "correct horse\n").succeed();
    let listed = users(&builder);
    let bob = listed.as_array().unwrap().iter().find(|user| user["name"] == "bob").unwrap();
    assert_eq!(bob["home"], "/shared");
    assert_eq!(bob["permissions"].as_array().unwrap().len(), 2, "{bob}");

    let text = std::fs::read_to_string(builder.folder().join("users.toml")).unwrap();
    assert!(text.contains("$argon2id$") && !text.contains("correct horse"), "{text}");
    let server = builder.start_as_written();
    let mut wire = server.connect();
    wire.ask("USER bob", 331);
    wire.ask("PASS correct horse", 230);
    wire.ask("MKD d", 550);
}

/// A generated password is told and works; a changed one replaces it.
#[test]
fn a_password_can_be_made_and_changed() {
    let builder = builder();
    let said = user(&builder, &["add", "bob", "--generate"], "").succeed();
    let made =
        said.stdout.lines().find_map(|line| line.strip_prefix("password: ")).expect("a password");
    let made = made.to_owned();
    user(&builder, &["passwd", "bob", "--password-stdin"], "changed\n").succeed();
    let server = builder.start_as_written();
    let mut wire = server.connect();
    wire.ask("USER bob", 331);
    wire.ask(format!("PASS {made}"), 530);
    wire.ask("USER bob", 331);
    wire.ask("PASS changed", 230);
}

/// Removal, and what is refused: a name that is taken, one that is not there, one that can not be.
#[test]
fn mistakes_change_nothing() {
    let builder = builder();
    let before = std::fs::read_to_string(builder.folder().join("users.toml")).unwrap();
    let said = user(&builder, &["add", "alice", "--password-stdin"], "x\n").run();
    assert!(said.code != Some(0) && said.stderr.contains("alice"), "{said}");
    let said = user(&builder, &["rm", "alicia"], "").run();
    assert!(said.code != Some(0) && said.stderr.contains("alice"), "no nearest name: {said}");
    let said = user(&builder, &["passwd", "nobody", "--password-stdin"], "x\n").run();
    assert!(said.code != Some(0) && said.stderr.contains("nobody"), "{said}");
    user(&builder, &["add", "a/b", "--password-stdin"], "x\n").exit(2);
    user(&builder, &["add", "bob", "--permissions", "fly"], "").exit(2);
    assert_eq!(std::fs::read_to_string(builder.folder().join("users.toml")).unwrap(), before);
    user(&builder, &["rm", "alice"], "").succeed();
    assert!(users(&builder).as_array().unwrap().is_empty());
}

/// Comments and the other users survive an edit by command.
#[test]
fn the_rest_of_the_file_survives() {
    let builder = builder();
    let file = builder.folder().join("users.toml");
    let text = format!("# kept by hand\n{}", std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, text).unwrap();
    user(&builder, &["add", "bob", "--password-stdin"], "x\n").succeed();
    user(&builder, &["rm", "bob"], "").succeed();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("# kept by hand") && text.contains("alice") && !text.contains("bob"),
        "{text}"
    );
}

/// The table for people has names and states.
#[test]
fn the_list_is_readable() {
    let builder = builder();
    let said = user(&builder, &["ls"], "").succeed();
    assert!(said.stdout.lines().count() == 2 && said.stdout.contains("alice"), "{said}");
}
