use time::macros::datetime;

use super::*;
use crate::auth::Protocol;
use crate::auth::users::Demand;

const HASH: &str = "$6$rounds=1000$B5Yno355e12J02K.$VFm6Ylo9mxcByO0l8ttShSXG2EQi3cgqTtDqY2JZhrHxGzKRLokLZ6vO/Dd8AmVgZfNlCAeHZoEc61Z9gqqUF/";

fn parse(text: &str) -> Result<Table, UsersError> {
    Table::parse(Path::new("users.toml"), text)
}

fn refuse(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn one(text: &str) -> Arc<User> {
    Arc::clone(parse(text).unwrap_or_else(|error| panic!("{error}")).users()[0])
}

#[test]
fn defaults_are_generous_and_safe() {
    let user = one("[[user]]\nname = \"bob\"");
    assert_eq!(user.account.home.as_bytes(), b"/bob");
    assert_eq!(user.account.permissions, Permissions::ALL);
    assert_eq!((user.account.sessions, user.account.upload_rate), (0, 0));
    assert_eq!(user.policy.protocols, [Protocol::Ftp, Protocol::Ftps, Protocol::Ssh]);
    assert!(user.password.is_none() && user.account.root.is_none());
    assert_eq!(user.certificate.demand, Demand::Off);
}

#[test]
fn every_key_is_read() {
    let user = one(&format!(
        r#"
        [[user]]
        name = "bob"
        password = "{HASH}"
        keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH bob@laptop"]
        home = "projects//bob/"
        root = "/srv/other"
        permissions = ["read", "list"]
        protocols = ["ftps"]
        networks = ["192.0.2.0/24", "2001:db8::1"]
        limits = {{ sessions = 4, upload = "10MiB", download = 1_000 }}
        expires = 2030-12-31T18:00:00+01:00
        disabled = true
        certificate = "required"
        certificate_fingerprints = ["sha256:{}"]
        certificate_names = "bob@example.org"
        message = "Welcome\nto the server"
        "#,
        "ab".repeat(32)
    ));
    let account = &user.account;
    assert_eq!(account.home.as_bytes(), b"/projects/bob");
    assert_eq!(account.root.as_deref(), Some(Path::new("/srv/other")));
    assert_eq!(account.permissions, Permissions::READ_ONLY);
    assert_eq!(account.sessions, 4);
    assert_eq!((account.upload_rate, account.download_rate), (10 << 20, 1000));
    assert_eq!(account.message, ["Welcome", "to the server"]);
    assert_eq!(user.keys.len(), 1);
    assert_eq!(user.keys[0].comment, "bob@laptop");
    assert_eq!(user.policy.protocols, [Protocol::Ftps]);
    assert_eq!(user.policy.networks[1].to_string(), "2001:db8::1/128");
    assert_eq!(user.policy.expires, Some(datetime!(2030-12-31 17:00 UTC)));
    assert!(user.policy.disabled);
    assert_eq!(user.certificate.fingerprints, [[0xab; 32]]);
    assert_eq!(user.certificate.names, ["bob@example.org"]);
    assert_eq!(user.line, 2);
}

#[test]
fn a_dot_is_the_root() {
    for home in [".", "/", "./"] {
        let user = one(&format!("[[user]]\nname = \"bob\"\nhome = \"{home}\""));
        assert!(user.account.home.is_root(), "{home}");
    }
}

#[test]
fn limits_may_stand_in_a_table_of_their_own() {
    let user =
        one("[[user]]\nname = \"bob\"\n[user.limits]\nupload = \"64 kB/s\"\nsessions = 0x10");
    assert_eq!((user.account.upload_rate, user.account.sessions), (64_000, 16));
}

#[test]
fn expiry_is_a_date_or_a_date_time() {
    for (text, moment) in [
        ("2030-12-31", datetime!(2030-12-31 0:00 UTC)),
        ("\"2030-12-31\"", datetime!(2030-12-31 0:00 UTC)),
        ("2030-12-31T18:00:00Z", datetime!(2030-12-31 18:00 UTC)),
        ("2030-12-31 18:00:00-01:00", datetime!(2030-12-31 19:00 UTC)),
        ("\"2030-12-31T18:00:00Z\"", datetime!(2030-12-31 18:00 UTC)),
    ] {
        let user = one(&format!("[[user]]\nname = \"bob\"\nexpires = {text}"));
        assert_eq!(user.policy.expires, Some(moment), "{text}");
    }
}

#[test]
fn faults_name_file_line_user_and_key() {
    let bob = |line: &str| refuse(&format!("# top\n[[user]]\nname = \"bob\"\n{line}\n"));
    let cases = [
        ("pasword = \"x\"", "unknown key \"pasword\", did you mean \"password\"?"),
        ("zzz = 1", "unknown key \"zzz\""),
        ("limits = { uplod = 1 }", "unknown key \"limits.uplod\", did you mean \"limits.upload\"?"),
        ("limits = { sessions = -1 }", "\"limits.sessions\": must lie between 0 and 4294967295"),
        (
            "limits = { upload = \"fast\" }",
            "\"limits.upload\": must be bytes per second: a number from 0 up, or one with a unit such as \"10MiB\"",
        ),
        ("limits = 3", "\"limits\" must be a table, not integer"),
        ("home = 3", "\"home\" must be a string, not integer"),
        ("home = \"../bob\"", "\"home\": must not contain \"..\""),
        ("home = \"\"", "\"home\": must not be empty; \".\" is the root"),
        ("root = \"files\"", "\"root\": must be an absolute path"),
        ("disabled = \"yes\"", "\"disabled\" must be true or false, not string"),
        (
            "permissions = [\"raed\"]",
            "\"permissions\": \"raed\" is none of read, write, append, delete, rename, mkdir, list, hidden, did you mean \"read\"?",
        ),
        (
            "protocols = [\"sftp\"]",
            "\"protocols\": \"sftp\" is none of ftp, ftps, ssh, did you mean \"ftp\"?",
        ),
        (
            "networks = [\"here\"]",
            "\"networks\": \"here\" is no network such as 192.0.2.0/24 or 2001:db8::/32",
        ),
        (
            "expires = 2030-12-31T18:00:00",
            "\"expires\": \"2030-12-31T18:00:00\" is neither a date such as 2030-12-31 nor a date-time with its offset such as 2030-12-31T18:00:00Z",
        ),
        (
            "certificate = \"required\"",
            "\"certificate\": \"required\" asks for a password as well, and there is none; \"sufficient\" lets a certificate do alone",
        ),
        (
            "certificate_fingerprints = [\"ab\"]",
            "\"certificate_fingerprints\": each must be \"sha256:\" and 64 hexadecimal digits",
        ),
        (
            "keys = [\"AAAA\"]",
            "\"keys\": unknown option or kind of key \"AAAA\"; a key is one line of the form \"ssh-ed25519 AAAA... comment\"",
        ),
        (
            "message = \"\\u001b[2J\"",
            "\"message\": must not contain control characters other than the ends of lines",
        ),
    ];
    for (line, fault) in cases {
        assert_eq!(bob(line), format!("users.toml:4: user \"bob\": {fault}"));
    }
    assert!(bob("password = \"secret\"").starts_with(
        "users.toml:4: user \"bob\": \"password\": not a password hash that is known here"
    ),);
    assert!(!bob("password = \"secret\"").contains("secret"), "nothing of a password is told");
}

#[test]
fn the_shape_of_the_file_is_checked() {
    assert_eq!(refuse("[[users]]"), "users.toml:1: unknown key \"users\", did you mean \"user\"?");
    assert_eq!(refuse("\n[[user]]\nhome = \".\""), "users.toml:2: \"name\" is missing");
    assert!(refuse("user = 3").contains("\"user\" must be a list of tables"));
    assert!(refuse("[user.bob]").contains("\"user\" must be a list of tables"));
    assert!(refuse("\n\n[[user]]\nname = ").starts_with("users.toml:4: "));
    let twice = "[[user]]\nname = \"bob\"\n\n[[user]]\nname = \"Bob\"\n\n[[user]]\nname = \"bob\"";
    assert_eq!(refuse(twice), "users.toml:7: user \"bob\": this name is already taken in line 1");
    assert!(parse("").unwrap().users().is_empty());
}

#[test]
fn names_that_can_not_be_are_refused() {
    for name in ["", "a/b", "a\\u0000", "a\\n", ".", "..", " a", &"x".repeat(256)] {
        let text = refuse(&format!("[[user]]\nname = \"{name}\""));
        assert!(text.contains("\"name\": "), "{text}");
    }
    for name in ["bob@example.org", "Bob", "bob smith", "日本", "a.b-c_d+e"] {
        assert_eq!(&*one(&format!("[[user]]\nname = \"{name}\"")).account.name, name);
    }
}

#[test]
fn the_decoy_is_of_the_most_common_kind() {
    let other = HASH.replace("rounds=1000", "rounds=2000");
    let hashes = [HASH, &other, &other];
    let text: String = hashes
        .iter()
        .enumerate()
        .map(|(number, hash)| format!("[[user]]\nname = \"u{number}\"\npassword = \"{hash}\"\n"))
        .collect();
    assert_eq!(parse(&text).unwrap().decoy().unwrap().profile(), "$6$rounds=2000");
    assert!(parse("[[user]]\nname = \"bob\"").unwrap().decoy().is_none());
}

#[test]
fn rates_have_units() {
    for (text, rate) in [
        ("0", Some(0)),
        ("512", Some(512)),
        ("512B", Some(512)),
        ("10 KB", Some(10_000)),
        ("10kib", Some(10_240)),
        ("1MiB/s", Some(1 << 20)),
        ("2 GB", Some(2_000_000_000)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551615GiB", None),
        ("", None),
        ("-1", None),
        ("1.5MiB", None),
        ("10 parsecs", None),
        ("MiB", None),
    ] {
        assert_eq!(parse_rate(text), rate, "{text}");
    }
}

proptest::proptest! {
    /// Whatever is written, it is understood or refused.
    #[test]
    fn no_text_is_too_strange(text in "[ -~\n]{0,120}", key in "(name|password|keys|home|root|permissions|protocols|networks|limits|expires|certificate|message)") {
        let _ = parse(&text);
        let _ = parse(&format!("[[user]]\nname = \"bob\"\n{key} = {text}"));
    }
}
