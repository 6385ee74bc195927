use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use clap::Parser;
use serde_json::json;

use super::*;
use crate::auth::users::permission_names;
use crate::auth::users::tests::Folder;

#[derive(Parser)]
struct Command {
    #[command(subcommand)]
    verb: UserVerb,
}

/// Typed lines, each used once.
struct Typed(VecDeque<&'static str>);

impl Prompt for Typed {
    fn ask(&mut self, _: &str) -> io::Result<Zeroizing<String>> {
        self.line()
    }

    fn line(&mut self) -> io::Result<Zeroizing<String>> {
        let line = self.0.pop_front().ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Zeroizing::new(line.to_owned()))
    }

    fn text(&mut self) -> io::Result<String> {
        Ok(self.line()?.to_string())
    }
}

fn user(file: &Path, words: &str, typed: &[&'static str]) -> Result<String, String> {
    let words = std::iter::once("user").chain(words.split_whitespace());
    let command = Command::try_parse_from(words).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    run_with(&command.verb, file, &mut Typed(typed.iter().copied().collect()), &mut out)
        .map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

fn table(file: &Path) -> Table {
    Table::parse(file, &fs::read_to_string(file).unwrap()).unwrap()
}

fn is_password(file: &Path, name: &str, password: &str) -> bool {
    table(file)
        .find(name.as_bytes())
        .unwrap()
        .password
        .as_ref()
        .unwrap()
        .verify(password.as_bytes())
}

const COMMENTED: &str = "\
# All of us.

# The boss.
[[user]]
name = \"alice\"   # since 2001
home = \".\"
  # deep inside
[user.limits]
sessions = 2

# The other one.
[[user]]
name = \"bob\"
password = \"$2b$04$nmhTg.kr7zzJyTWPu67kF.ZTXkrWkH4Utd4ErpQ1VmkQgy2//GyK.\" # old

# The end.
";

#[test]
fn a_user_is_added_with_everything() {
    let folder = Folder::new();
    let file = folder.path().join("new/users.toml");
    let out = user(
        &file,
        "add bob --home projects --permissions read,list --protocols ftps,ssh --networks 192.0.2.0/24 \
         --sessions 3 --upload 10MiB --download 5000 --expires 2030-12-31 --disabled \
         --certificate required --certificate-name bob@example.org --root /srv --message hello",
        &["secret", "secret"],
    );
    assert_eq!(out.unwrap(), "user bob added\n");
    let users = table(&file);
    let bob = users.find(b"bob").unwrap();
    assert!(is_password(&file, "bob", "secret"));
    assert_eq!(bob.account.home.as_bytes(), b"/projects");
    assert_eq!(permission_names(bob.account.permissions), ["read", "list"]);
    assert_eq!((bob.account.sessions, bob.account.upload_rate), (3, 10 << 20));
    assert_eq!(bob.account.download_rate, 5000);
    assert!(bob.policy.disabled && bob.policy.expires.is_some());
    assert_eq!(bob.policy.networks.len(), 1);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn passwords_come_from_three_places() {
    let folder = Folder::new();
    let file = folder.path().join("users.toml");
    user(&file, "add a --password-stdin", &["from stdin"]).unwrap();
    assert!(is_password(&file, "a", "from stdin"));
    let out = user(&file, "add b --generate", &[]).unwrap();
    let password = out.lines().find_map(|line| line.strip_prefix("password: ")).unwrap();
    assert_eq!(password.len(), 20);
    assert!(is_password(&file, "b", password));
    user(&file, "add c --no-password", &[]).unwrap();
    assert!(table(&file).find(b"c").unwrap().password.is_none());
    for (typed, why) in [
        (&["one", "two"] as &[_], "the password was not the same both times"),
        (&["", ""], "the password is empty"),
    ] {
        assert_eq!(user(&file, "add d", typed).unwrap_err(), why);
    }
    let no_terminal = user(&file, "add d", &[]).unwrap_err();
    assert!(no_terminal.contains("see --password-stdin"), "{no_terminal}");
    assert!(user(&file, "add d --generate --password-stdin", &[]).is_err());
    assert!(table(&file).find(b"d").is_none());
}

#[test]
fn slips_are_refused_and_change_nothing() {
    let folder = Folder::new();
    let file = folder.path().join("users.toml");
    fs::write(&file, COMMENTED).unwrap();
    for (words, why) in [
        ("add bob --generate", "there is already a user \"bob\""),
        ("passwd bop --generate", "there is no user \"bop\", did you mean \"bob\"?"),
        ("rm alise", "there is no user \"alise\", did you mean \"alice\"?"),
        ("rm zzzz", "there is no user \"zzzz\""),
        ("add x --generate --permissions raed", "invalid value 'raed'"),
        ("add x --generate --home ../y", "must not contain \"..\""),
        ("add x --generate --upload fast", "expected bytes per second"),
        ("add x --generate --expires soon", "expected a date"),
        ("add a/b --generate", "must not contain \"/\""),
        ("add x --generate --networks here", "user \"x\": \"networks\": \"here\" is no network"),
        ("add x --no-password --certificate required", "\"required\" asks for a password"),
    ] {
        let error = user(&file, words, &[]).unwrap_err();
        assert!(error.contains(why), "{words}: {error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), COMMENTED, "{words}");
    }
}

#[test]
fn comments_and_order_stay() {
    let folder = Folder::new();
    let file = folder.path().join("users.toml");
    fs::write(&file, COMMENTED).unwrap();
    user(&file, "passwd bob --password-stdin", &["secret"]).unwrap();
    user(&file, "passwd alice --password-stdin", &["hers"]).unwrap();
    user(&file, "add carol --no-password --sessions 1", &[]).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    for comment in [
        "# All of us.",
        "# The boss.",
        "# since 2001",
        "# deep inside",
        "# The other one.",
        "# old",
        "# The end.",
    ] {
        assert!(text.contains(comment), "{comment} is lost:\n{text}");
    }
    assert!(is_password(&file, "bob", "secret") && is_password(&file, "alice", "hers"));
    let users = table(&file);
    let names: Vec<_> = users.users().iter().map(|user| &*user.account.name).collect();
    assert_eq!(names, ["alice", "bob", "carol"]);
    assert_eq!(users.find(b"alice").unwrap().account.sessions, 2);
    assert_eq!(users.find(b"carol").unwrap().account.sessions, 1);
    user(&file, "rm bob", &[]).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("# The boss.") && !text.contains("The other one"), "{text}");
    assert!(table(&file).find(b"bob").is_none());
}

#[test]
fn a_broken_file_is_not_touched() {
    let folder = Folder::new();
    let file = folder.path().join("users.toml");
    fs::write(&file, "[[user]]\nnam = \"bob\"\n").unwrap();
    for words in ["add x --generate", "rm bob", "passwd bob --generate", "ls"] {
        let error = user(&file, words, &[]).unwrap_err();
        assert!(error.contains("users.toml:2: unknown key \"nam\""), "{error}");
    }
    fs::write(&file, "user = [{ name = \"bob\" }]\n").unwrap();
    assert!(user(&file, "rm bob", &[]).unwrap_err().contains("not written as [[user]] tables"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "user = [{ name = \"bob\" }]\n");
}

#[test]
fn a_symbolic_link_stays_one() {
    let folder = Folder::new();
    let real = folder.path().join("real.toml");
    let file = folder.path().join("users.toml");
    fs::write(&real, "").unwrap();
    std::os::unix::fs::symlink(&real, &file).unwrap();
    user(&file, "add bob --no-password", &[]).unwrap();
    assert!(file.symlink_metadata().unwrap().is_symlink());
    assert!(table(&real).find(b"bob").is_some());
}

#[test]
fn commands_at_once_take_turns() {
    let folder = Folder::new();
    let file = folder.path().join("users.toml");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let file = &file;
            scope.spawn(move || {
                user(file, &format!("add user{number} --no-password"), &[]).unwrap()
            });
        }
    });
    assert_eq!(table(&file).users().len(), 8);
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn users_are_listed() {
    let folder = Folder::new();
    let file = folder.path().join("users.toml");
    assert_eq!(
        user(&file, "ls", &[]).unwrap(),
        "NAME  HOME  LOGIN  PROTOCOLS  PERMISSIONS  STATE\n"
    );
    fs::write(
        &file,
        format!("{COMMENTED}[[user]]\nname = \"eve\"\npermissions = [\"list\"]\ndisabled = true"),
    )
    .unwrap();
    let out = user(&file, "ls", &[]).unwrap();
    assert_eq!(
        out,
        "NAME   HOME  LOGIN     PROTOCOLS     PERMISSIONS  STATE\n\
         alice  /               ftp,ftps,ssh  all          active\n\
         bob    /bob  password  ftp,ftps,ssh  all          active\n\
         eve    /eve            ftp,ftps,ssh  list         disabled\n"
    );
    let json: serde_json::Value =
        serde_json::from_str(&user(&file, "ls --json", &[]).unwrap()).unwrap();
    assert_eq!(json[1]["name"], "bob");
    assert_eq!(json[1]["login"], json!(["password"]));
    assert_eq!(json[2]["disabled"], true);
    assert!(!json.to_string().contains("$2b$"), "hashes are not listed");
}

const ONE: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
const TWO: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";

fn prints(file: &Path, name: &str) -> Vec<String> {
    let table = table(file);
    let keys = &table.find(name.as_bytes()).unwrap().keys;
    keys.iter().map(|key| key.key.fingerprint().to_string()).collect()
}

#[test]
fn keys_come_and_go_and_comments_stay() {
    let folder = Folder::new();
    let file = folder.path().join("users.toml");
    fs::write(&file, COMMENTED).unwrap();
    let keys = folder.path().join("keys.pub");
    fs::write(&keys, format!("# mine\n{ONE} bob@laptop\n\nfrom=\"192.0.2.0/24\" {TWO}\n")).unwrap();
    let out = user(&file, &format!("key add bob {}", keys.display()), &[]).unwrap();
    assert_eq!(out.lines().count(), 2, "{out}");
    assert!(out.starts_with("key SHA256:") && out.ends_with(" added to bob\n"), "{out}");
    let found = prints(&file, "bob");
    assert_eq!(found.len(), 2);
    let again = user(&file, "key add bob -", &[ONE]).unwrap();
    assert_eq!(again, format!("key {} is bob's already\n", found[0]));

    let list = user(&file, "key ls bob", &[]).unwrap();
    let lines: Vec<_> = list.lines().collect();
    assert!(lines[0].starts_with("KIND         FINGERPRINT"), "{list}");
    assert_eq!(lines[1], format!("ssh-ed25519  {}  bob@laptop", found[0]));
    assert!(lines[2].ends_with("from=\"192.0.2.0/24\""), "{list}");
    let json: serde_json::Value =
        serde_json::from_str(&user(&file, "key ls bob --json", &[]).unwrap()).unwrap();
    assert_eq!(json[0]["fingerprint"], found[0].as_str());
    assert_eq!(json[0]["comment"], "bob@laptop");
    assert_eq!(json[1]["options"], json!(["from=\"192.0.2.0/24\""]));

    let out = user(&file, &format!("key rm bob {}", found[0]), &[]).unwrap();
    assert_eq!(out, format!("key {} taken from bob\n", found[0]));
    assert_eq!(prints(&file, "bob"), found[1..]);
    user(&file, "key rm bob -", &[TWO]).unwrap();
    assert!(prints(&file, "bob").is_empty());
    let text = fs::read_to_string(&file).unwrap();
    for comment in ["# All of us.", "# since 2001", "# The other one.", "# old", "# The end."] {
        assert!(text.contains(comment), "{comment} is lost:\n{text}");
    }
}

#[test]
fn a_single_key_becomes_a_list() {
    let folder = Folder::new();
    let file = folder.path().join("users.toml");
    fs::write(&file, format!("[[user]]\nname = \"bob\"\nkeys = \"{ONE}\"\n")).unwrap();
    user(&file, "key add bob", &[TWO]).unwrap();
    assert_eq!(prints(&file, "bob").len(), 2);
}

#[test]
fn slips_with_keys_change_nothing() {
    let folder = Folder::new();
    let file = folder.path().join("users.toml");
    fs::write(&file, COMMENTED).unwrap();
    for (words, typed, why) in [
        ("key add bop -", ONE, "there is no user \"bop\", did you mean \"bob\"?"),
        ("key ls bop", "", "there is no user \"bop\""),
        ("key add bob -", "", "-: holds no public key"),
        ("key add bob -", "# c\nssh-ed25519 AAAA", "-:2: the base64 text is of another kind"),
        ("key add bob -", "command=\"x\" ssh-rsa A", "-:1: option \"command\" is not honoured"),
        ("key add bob -", "-----BEGIN OPENSSH PRIVATE KEY-----", "that is a private key"),
        ("key add bob /nonexistent", "", "/nonexistent: No such file"),
        ("key rm bob SHA256:x", "", "\"SHA256:x\" is no fingerprint"),
        ("key rm bob -", ONE, "bob has no key SHA256:"),
    ] {
        let error = user(&file, words, &[typed]).unwrap_err();
        assert!(error.contains(why), "{words}: {error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), COMMENTED, "{words}");
    }
}
