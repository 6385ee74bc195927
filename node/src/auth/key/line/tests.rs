use time::macros::datetime;

use super::*;

/// Of `ssh-keygen -t ed25519`.
const ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

fn parse(before: &str) -> Result<AuthorizedKey, String> {
    AuthorizedKey::parse(&format!("{before}{ED25519} bob@laptop, old"))
}

fn holds(key: &AuthorizedKey, client: &str) -> bool {
    key.holds(client.parse().unwrap(), datetime!(2030-06-01 12:00 UTC))
}

#[test]
fn a_plain_key_has_its_comment_and_no_conditions() {
    let key = parse("").unwrap();
    assert_eq!(key.key.algorithm(), "ssh-ed25519");
    assert_eq!(key.comment, "bob@laptop, old");
    assert_eq!(key.options, Options::default());
    assert!(holds(&key, "192.0.2.1"));
    assert_eq!(AuthorizedKey::parse(&key.to_string()), Ok(key));
    assert_eq!(AuthorizedKey::parse(ED25519).unwrap().comment, "");
}

#[test]
fn networks_and_times_are_conditions() {
    let key = parse("from=\"192.0.2.0/24,!192.0.2.9,2001:db8::1\" ").unwrap();
    assert!(holds(&key, "192.0.2.1") && holds(&key, "::ffff:192.0.2.1"));
    assert!(holds(&key, "2001:db8::1"));
    assert!(!holds(&key, "192.0.2.9") && !holds(&key, "198.51.100.1"));
    assert!(!holds(&parse("from=\"!192.0.2.9\" ").unwrap(), "192.0.2.1"));
    for (time, still) in [
        ("20300601", false),
        ("20300602Z", true),
        ("203006011200", false),
        ("20300601120001", true),
    ] {
        let key = parse(&format!("expiry-time=\"{time}\" ")).unwrap();
        assert_eq!(holds(&key, "192.0.2.1"), still, "{time}");
        assert_eq!(AuthorizedKey::parse(&key.to_string()), Ok(key));
    }
    let twice = parse("expiry-time=\"20300101\",expiry-time=\"20400101\" ").unwrap();
    assert!(!holds(&twice, "192.0.2.1"));
}

#[test]
fn authorities_have_principals() {
    let key = parse("cert-authority,principals=\"ops,dev\",no-pty ").unwrap();
    assert!(key.options.cert_authority);
    assert_eq!(key.options.principals, ["ops", "dev"]);
    assert_eq!(AuthorizedKey::parse(&key.to_string()), Ok(key));
    let quoted = parse("cert-authority,principals=\"a \\\"b\\\", c\" ").unwrap();
    assert_eq!(quoted.options.principals, ["a \"b\"", " c"]);
    assert_eq!(parse("restrict,No-X11-forwarding\t").unwrap().options, Options::default());
}

#[test]
fn what_can_not_be_honoured_is_refused() {
    for (line, why) in [
        ("command=\"ls\" ", "option \"command\" is not honoured"),
        ("pty ", "option \"pty\" is not honoured"),
        ("verify-required ", "option \"verify-required\" is not honoured"),
        ("from=\"*.example.org\" ", "no address or network"),
        ("from=192.0.2.1 ", "unknown option or kind of key \"from\""),
        ("from=\"192.0.2.1 ", "does not end"),
        ("from=\"192.0.2.1\"x ", "followed by neither"),
        ("expiry-time=\"soon\" ", "is not YYYYMMDD"),
        ("principals=\"x\" ", "belongs to \"cert-authority\""),
        ("ssh-edd25519 ", "unknown option or kind of key \"ssh-edd25519\""),
        ("ssh-ed25519-cert-v01@openssh.com ", "a certificate is no key"),
        ("ssh-dss ", "DSA keys are not safe"),
        ("-----BEGIN OPENSSH PRIVATE KEY----- ", "that is a private key"),
        ("restrict ssh-dss ", "DSA keys are not safe"),
        ("restrict x ", "no public key of the form"),
        ("ssh-rsa ", "no base64"),
    ] {
        let error = parse(line).unwrap_err();
        assert!(error.contains(why), "{line}: {error}");
    }
    for (line, why) in [
        ("", "unknown option"),
        ("ssh-ed25519", "another kind"),
        ("ssh-ed25519 AAAA", "another kind"),
        (
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH",
            "another kind",
        ),
        ("ssh-ed25519 A\nB", "control characters"),
    ] {
        let error = AuthorizedKey::parse(line).unwrap_err();
        assert!(error.contains(why), "{line:?}: {error}");
    }
}

#[test]
fn comments_and_empty_lines_are_none() {
    let text = "# keys\n\n  a b \n\t#c\nd\n";
    assert_eq!(lines(text).collect::<Vec<_>>(), [(3, "a b"), (5, "d")]);
}

proptest::proptest! {
    #[test]
    fn no_line_breaks_the_parser(line in ".{0,200}") {
        if let Ok(key) = AuthorizedKey::parse(&line) {
            proptest::prop_assert_eq!(AuthorizedKey::parse(&key.to_string()), Ok(key));
        }
    }

    #[test]
    fn no_options_break_the_parser(before in "[a-z,=\"\\\\! ]{0,40}") {
        let _ = AuthorizedKey::parse(&format!("{before} {ED25519}"));
    }
}
