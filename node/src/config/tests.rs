//! Loading from files, environment and flags; what is said of everything that is wrong.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::load::load_from;
use super::value::Reading;
use super::*;

/// A folder of its own, gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "flotilla-config-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn main(&self) -> PathBuf {
        self.0.join("flotilla.toml")
    }

    fn load(
        &self,
        variables: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<(Config, Origins), ConfigError> {
        let options = LoadOptions { file: None, flags: pairs(flags) };
        load_from(&options, Some(&self.main()), &pairs(variables))
    }

    /// The problems of a main file, without the folder's name in them.
    fn problems(&self, text: &str) -> Vec<String> {
        self.write("flotilla.toml", text);
        self.complaints(self.load(&[], &[]))
    }

    fn complaints(&self, result: Result<(Config, Origins), ConfigError>) -> Vec<String> {
        let text = result.unwrap_err().to_string();
        text.lines().map(|line| line.replace(&format!("{}/", self.0.display()), "")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn nothing_written_gives_the_documented_defaults() {
    let folder = Folder::new();
    let (config, origins) = folder.load(&[], &[]).unwrap();
    let here = std::env::current_dir().unwrap();
    assert_eq!(config.node.id, "auto");
    assert_eq!(config.node.data_dir, here.join("flotilla-data"));
    assert_eq!(config.users.file, here.join("flotilla-data/users.toml"));
    assert_eq!(config.storage.root, here.join("flotilla-data/files"));
    assert_eq!(config.ftp.listen, ["0.0.0.0:2121".parse().unwrap()]);
    assert_eq!(config.ftp.tls, TlsMode::Optional);
    assert_eq!(config.ftp.data_peer, DataPeer::Same);
    assert_eq!(config.ftp.data_reuse, DataReuse::Match);
    assert_eq!(config.ftp.passive_ports.count(), 1000);
    assert_eq!(config.ftp.passive_address, None);
    assert_eq!(config.tls.certificate, None);
    assert_eq!(config.storage.umask, 0o022);
    assert_eq!(config.storage.reserve, 64 << 20);
    assert_eq!(config.storage.partial_max_age, Duration::from_secs(7 * 86_400));
    assert_eq!((config.pool.name.as_str(), &config.pool.store), ("main", &Store::Embedded));
    assert!(config.pool.shared_storage && config.node.zone.is_none());
    assert_eq!(config.limits.ban_after, 10);
    assert_eq!(config.timeouts.idle, Duration::from_secs(600));
    assert_eq!(config.health.listen, Some("127.0.0.1:8081".parse().unwrap()));
    assert_eq!(config.health.tcp, None);
    assert_eq!(config.telemetry.log, LogFormat::Text);
    assert!(origins.settings().all(|(_, setting)| setting.origin == Origin::Default));
}

/// The struct's side of the agreement is the compiler's: see `section!` in `assemble.rs`.
#[test]
fn every_key_is_read_into_the_struct() {
    let source = include_str!("assemble.rs");
    for key in keys() {
        let uses = source.matches(&format!("\"{}\"", key.name)).count();
        assert_eq!(uses, 1, "{} is read {uses} times", key.name);
    }
}

#[test]
fn every_key_is_complete_and_unique() {
    let mut names = keys().map(|key| key.name).collect::<Vec<_>>();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), keys().count());
    for key in keys() {
        assert!(key.default_value().is_some(), "default of {}", key.name);
        assert!(!key.doc.is_empty() && key.doc.ends_with('.'), "{}", key.name);
        assert_ne!(key.example, key.default, "{}", key.name);
    }
}

#[test]
fn every_example_is_accepted() {
    for key in keys() {
        let folder = Folder::new();
        let (section, field) = (key.section(), key.field());
        let text = if section == "host" {
            let name = if field == "name" { "" } else { "name = \"a\"\n" };
            format!("[[host]]\n{name}{field} = {}\n", key.example)
        } else {
            format!("[{section}]\n{field} = {}\n", key.example)
        };
        folder.write("flotilla.toml", &text);
        if let Err(error) = folder.load(&[], &[]) {
            // A certificate alone lacks its key: the value itself was read.
            let contradiction =
                |problem: &Problem| matches!(problem.fault, Fault::Contradiction(_));
            assert!(error.problems.iter().all(contradiction), "{}: {error}", key.name);
        }
    }
}

#[test]
fn later_layers_win_and_each_value_knows_its_origin() {
    let folder = Folder::new();
    let main = folder.write(
        "flotilla.toml",
        "[ftp]\nbanner = \"main\"\ntls = \"required\"\n\n[limits]\nsessions = 1\nper_user = 2\n",
    );
    folder.write("conf.d/20.toml", "[ftp]\nbanner = \"twenty\"\n");
    let ten = folder.write("conf.d/10.toml", "[ftp]\nbanner = \"ten\"\n[limits]\nper_user = 10\n");
    folder.write("conf.d/30.txt", "this is no TOML");
    let (config, origins) = folder
        .load(
            &[
                ("FLOTILLA_FTP__BANNER", "environment"),
                ("FLOTILLA_FTP__PASSIVE__PORTS", "50000-50009"),
                ("FLOTILLA_UNRELATED", "x"),
                ("PATH", "/bin"),
            ],
            &[("ftp.banner", "flag")],
        )
        .unwrap();
    assert_eq!(config.ftp.banner, "flag");
    assert_eq!(config.ftp.tls, TlsMode::Required);
    assert_eq!(config.ftp.passive_ports.first(), 50_000);
    assert_eq!((config.limits.sessions, config.limits.per_user), (1, 10));
    assert_eq!(*origins.of("ftp.banner"), Origin::Flag("ftp.banner=flag".into()));
    assert_eq!(*origins.of("ftp.tls"), Origin::File(main, 3));
    assert_eq!(*origins.of("limits.per_user"), Origin::File(ten, 4));
    assert_eq!(
        *origins.of("ftp.passive.ports"),
        Origin::Environment("FLOTILLA_FTP__PASSIVE__PORTS".into())
    );
    assert_eq!(*origins.of("ftp.listen"), Origin::Default);
}

#[test]
fn text_from_outside_is_read_by_the_shape_of_the_key() {
    let folder = Folder::new();
    let (config, _) = folder
        .load(
            &[
                ("FLOTILLA_FTP__LISTEN", "127.0.0.1:0, [::1]:0"),
                ("FLOTILLA_FTP__IMPLICIT_TLS", "[\"127.0.0.1:9990\"]"),
                ("FLOTILLA_NODE__ID", "7"),
                ("FLOTILLA_TLS__MIN_VERSION", "1.3"),
                ("FLOTILLA_STORAGE__UMASK", "077"),
                ("FLOTILLA_STORAGE__RESERVE", "4096"),
                ("FLOTILLA_FTP__ANONYMOUS", "true"),
                ("FLOTILLA_FTP__PASSIVE__DATA_PEER", "[\"10.0.0.0/8\", \"fd00::/8\"]"),
            ],
            &[("limits.sessions", "9"), ("ftp.banner", "\"quoted\"")],
        )
        .unwrap();
    assert_eq!(config.ftp.listen.len(), 2);
    assert_eq!(config.ftp.implicit_tls, ["127.0.0.1:9990".parse().unwrap()]);
    assert_eq!(config.node.id, "7");
    assert_eq!(config.tls.min_version, TlsVersion::V13);
    assert_eq!(config.storage.umask, 0o077);
    assert_eq!(config.storage.reserve, 4096);
    assert!(config.ftp.anonymous);
    assert!(matches!(config.ftp.data_peer, DataPeer::Networks(networks) if networks.len() == 2));
    assert_eq!(config.limits.sessions, 9);
    assert_eq!(config.ftp.banner, "quoted");
}

#[test]
fn a_named_main_file_must_exist_and_replaces_the_usual_one() {
    let folder = Folder::new();
    folder.write("flotilla.toml", "[ftp]\nbanner = \"usual\"\n");
    let missing = LoadOptions { file: Some(folder.0.join("no.toml")), flags: Vec::new() };
    let complaints = folder.complaints(load_from(&missing, Some(&folder.main()), &[]));
    assert_eq!(complaints, ["can not read no.toml: No such file or directory (os error 2)"]);

    let other = folder.write("other/a.toml", "[ftp]\nanonymous = true\n");
    let named = LoadOptions { file: Some(other), flags: Vec::new() };
    let (config, _) = load_from(&named, Some(&folder.main()), &[]).unwrap();
    assert_eq!(config.ftp.banner, "Flotilla ready");
    assert!(config.ftp.anonymous);
}

#[test]
fn all_that_is_wrong_in_a_file_is_said_at_once() {
    let folder = Folder::new();
    let problems = folder.problems(
        "[ftp]\nlisten = \"0.0.0.0:21\"\nprots = 3\ntls = \"maybe\"\n\n[ftp.passive]\nports = \"9-1\"\n\
         \n[fpt]\nbanner = \"x\"\n\n[limits]\nsessions = -1\n\n[storage]\numask = \"089\"\nreserve = \"4 bananas\"\n\
         \n[timeouts]\nidle = \"0s\"\n\n[telemetry]\nlog = true\n",
    );
    assert_eq!(
        problems,
        [
            "flotilla.toml:2: ftp.listen: expected a list of addresses such as [\"0.0.0.0:2121\", \"[::1]:2121\"], got \"0.0.0.0:21\"",
            "flotilla.toml:3: ftp.prots: unknown key; did you mean \"ftp.passive.ports\"?",
            "flotilla.toml:4: ftp.tls: expected one of \"off\", \"optional\", \"required\", got \"maybe\"",
            "flotilla.toml:7: ftp.passive.ports: expected \"first-last\" or one port, 1 to 65535, first not above last, got \"9-1\"",
            "flotilla.toml:9: fpt: unknown key; did you mean \"ftp\"?",
            "flotilla.toml:13: limits.sessions: expected a number from 0 to 4294967295, got the number -1",
            "flotilla.toml:16: storage.umask: expected a text of three octal digits such as \"022\", got \"089\"",
            "flotilla.toml:17: storage.reserve: expected a size such as \"64MiB\", \"10GB\" or a number of bytes, got \"4 bananas\"",
            "flotilla.toml:20: timeouts.idle: expected a time above zero and up to ten years, such as \"90s\", \"10m\" or \"1h 30m\", got \"0s\"",
            "flotilla.toml:23: telemetry.log: expected one of \"text\", \"json\", got the boolean true",
        ]
    );
}

#[test]
fn broken_toml_is_placed_and_the_rest_is_still_read() {
    let folder = Folder::new();
    let problems = folder.problems("[ftp]\nbanner = \nanonimous = true\n");
    assert!(problems[0].starts_with("flotilla.toml:2: not TOML: "), "{problems:?}");
    assert!(
        problems.contains(
            &"flotilla.toml:3: ftp.anonimous: unknown key; did you mean \"ftp.anonymous\"?"
                .to_owned()
        ),
        "{problems:?}"
    );
}

#[test]
fn unknown_keys_get_the_nearest_name() {
    for (unknown, nearest) in [
        ("ftp.passive.prots", Some("ftp.passive.ports")),
        ("ftp.data_peer", Some("ftp.passive.data_peer")),
        ("ftp.passiv", Some("ftp.passive")),
        ("umask", Some("storage.umask")),
        ("tls.certifcate", Some("tls.certificate")),
        ("host.bannner", Some("host.banner")),
        ("timeout.idle", Some("timeouts.idle")),
        ("ftp.prots", Some("ftp.passive.ports")),
        ("fpt", Some("ftp")),
        ("quite.something", None),
        ("ftp.colour", None),
    ] {
        assert_eq!(key::nearest(unknown), nearest, "{unknown}");
    }
}

#[test]
fn wrong_names_outside_files_are_refused_too() {
    let folder = Folder::new();
    let result = folder.load(
        &[("FLOTILLA_FTP__LISTN", "x"), ("FLOTILLA_LIMITS__SESSIONS", "many")],
        &[("ftp.tsl", "off"), ("host.name", "x"), ("telemetry.otlp_endpoint", "x")],
    );
    assert_eq!(
        folder.complaints(result),
        [
            "environment FLOTILLA_FTP__LISTN: ftp.listn: unknown key; did you mean \"ftp.listen\"?",
            "flag ftp.tsl=off: ftp.tsl: unknown key; did you mean \"ftp.tls\"?",
            "flag host.name=x: host.name: hosts are set in files only, one [[host]] each",
            "environment FLOTILLA_LIMITS__SESSIONS: limits.sessions: expected a number from 0 to 4294967295, got \"many\"",
            "flag telemetry.otlp_endpoint=x: telemetry.otlp_endpoint: expected a URL such as \"http://127.0.0.1:4317\", or \"\" for none, got \"x\"",
        ]
    );
}

#[test]
fn a_value_in_the_place_of_a_section_is_refused() {
    let folder = Folder::new();
    assert_eq!(
        folder.problems(
            "ftp = 3\nhost = 4\nlimits = { sessions = 99999999999999999999 }\n[users.file]\na = 1\n"
        ),
        [
            "flotilla.toml:1: ftp: expected a section [ftp], got the number 3",
            "flotilla.toml:2: host: expected tables [[host]], got the number 4",
            "flotilla.toml:3: limits.sessions: expected a number of 64 bits at most, got a larger number",
            "flotilla.toml:4: users.file: expected a path, got a section",
        ]
    );
}

#[test]
fn contradictions_are_named_with_their_key() {
    let folder = Folder::new();
    let problems = folder.problems(
        "[node]\ndata_dir = \"/srv/ftp/.flotilla\"\n[ftp]\nlisten = [\"0.0.0.0:61005\", \"0.0.0.0:61005\"]\ntls = \"off\"\n\
         [ftp.passive]\ndata_reuse = \"require\"\ndata_peer = \"tls\"\n\
         [tls]\ncertificate = \"a.pem\"\nclient_ca = \"c.pem\"\n[storage]\nroot = \"/srv/ftp\"\n\
         [[host]]\nname = \"a.example\"\nkey = \"k\"\n[[host]]\nname = \"A.example\"\n",
    );
    assert_eq!(
        problems,
        [
            "flotilla.toml:4: ftp.listen: port 61005 lies in ftp.passive.ports, 61000-61999",
            "flotilla.toml:4: ftp.listen: 0.0.0.0:61005 is listened on twice",
            "flotilla.toml:4: ftp.listen: port 61005 lies in ftp.passive.ports, 61000-61999",
            "flotilla.toml:7: ftp.passive.data_reuse: \"require\" needs TLS, but ftp.tls is \"off\" and ftp.implicit_tls is empty",
            "flotilla.toml:8: ftp.passive.data_peer: \"tls\" needs TLS, but ftp.tls is \"off\" and ftp.implicit_tls is empty",
            "flotilla.toml:10: tls.certificate: needs tls.key, which is empty",
            "flotilla.toml:11: tls.client_ca: needs TLS, but ftp.tls is \"off\" and ftp.implicit_tls is empty",
            "flotilla.toml:13: storage.root: /srv/ftp would show users node.data_dir, /srv/ftp/.flotilla",
            "flotilla.toml:13: storage.root: /srv/ftp would show users users.file, /srv/ftp/.flotilla/users.toml",
            "flotilla.toml:14: host.key: needs host.certificate, which is empty",
            "flotilla.toml:17: host.name: \"a.example\" stands in two [[host]]",
        ]
    );
    assert_eq!(
        folder.problems("[ftp]\nlisten = []\n[ssh]\nlisten = []\n"),
        [
            "flotilla.toml:2: ftp.listen: no listener at all: ftp.implicit_tls and ssh.listen are empty as well, so nobody could connect"
        ]
    );
    assert_eq!(
        folder.problems("[ssh]\nlisten = [\"0.0.0.0:2121\"]\nhost_keys = [\"/srv/key\"]\n[storage]\nroot = \"/srv\"\n"),
        [
            "flotilla.toml:2: ssh.listen: 0.0.0.0:2121 is listened on twice",
            "flotilla.toml:5: storage.root: /srv would show users ssh.host_keys, /srv/key",
        ]
    );
}

#[test]
fn slips_in_ssh_are_named_with_what_was_meant() {
    let folder = Folder::new();
    let problem = |text: &str| folder.problems(&format!("[ssh]\n{text}\n")).join("\n");
    for (text, expected) in [
        (
            "ciphers = [\"aes128-gcm\"]",
            "ssh.ciphers: expected ciphers; \"aes128-gcm\" is none, did you mean \"aes128-gcm@openssh.com\"?, got the list [\"aes128-gcm\"]",
        ),
        (
            "kex = [\"curve25519-sha265\"]",
            "ssh.kex: expected key exchanges; \"curve25519-sha265\" is none, did you mean \"curve25519-sha256\"?",
        ),
        (
            "macs = [\"none\"]",
            "ssh.macs: expected MACs; \"none\" is none of hmac-sha2-256-etm@openssh.com, ",
        ),
        (
            "macs = \"hmac-sha1\"",
            "ssh.macs: expected a list of MACs, [] for the defaults, got \"hmac-sha1\"",
        ),
        (
            "host_key_algorithms = [\"ssh-dss\"]",
            "ssh.host_key_algorithms: expected host key algorithms; \"ssh-dss\" is none, did you mean \"ssh-rsa\"?",
        ),
        (
            "authentication = []",
            "ssh.authentication: expected methods to log in by (must name a method: nobody could log in), got the list []",
        ),
        (
            "authentication = [\"publickey,password\"]",
            "ssh.authentication: expected methods to log in by (\"publickey,password\" in \"publickey,password\" is none of publickey, password, keyboard-interactive",
        ),
        (
            "rekey_bytes = \"2GiB\"",
            "ssh.rekey_bytes: expected a size from \"64KiB\" to \"1GiB\", got \"2GiB\"",
        ),
        ("rekey_interval = \"10ms\"", "ssh.rekey_interval: expected a time from \"1s\" on"),
        ("channels = 0", "ssh.channels: expected a number from 1 to 4294967295, got the number 0"),
        ("host_keys = [\"\"]", "ssh.host_keys: expected a list of paths, got the list [\"\"]"),
    ] {
        let problem = problem(text);
        assert!(problem.starts_with(&format!("flotilla.toml:2: {expected}")), "{problem}");
    }
    folder.write("flotilla.toml", "[ssh]\nciphers = [\"aes128-cbc\"]\nhost_keys = [\"a\"]\nrevoked_keys = \"r\"\nuser_ca_keys = [\"/c\"]\n");
    let (config, origins) =
        folder.load(&[("FLOTILLA_SSH__AUTHENTICATION", "publickey+password")], &[]).unwrap();
    assert_eq!(config.ssh.ciphers, ["aes128-cbc"]);
    assert_eq!(config.ssh.authentication, Methods::parse(["publickey+password"]).unwrap());
    assert_eq!(config.ssh.host_keys, [folder.0.join("a")]);
    assert_eq!(config.ssh.revoked_keys, Some(folder.0.join("r")));
    let error = check_files(&config, &origins).unwrap_err();
    let keys: Vec<_> = error.problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["ssh.host_keys", "ssh.user_ca_keys", "ssh.revoked_keys"]);
    assert_eq!(error.problems[0].origin, Origin::File(folder.main(), 3));
}

#[test]
fn slips_in_the_pool_are_named_and_passwords_are_not_shown() {
    let folder = Folder::new();
    let problems = folder.problems(
        "[pool]\nname = \"a b\"\nstore = \"redis://me:pass/word@host\"\nstore_ca = \"ca.pem\"\n",
    );
    assert_eq!(
        problems,
        [
            "flotilla.toml:2: pool.name: expected 1 to 64 letters, digits, dots, dashes and underscores, got \"a b\"",
            "flotilla.toml:3: pool.store: expected an address without a password, which belongs into pool.store_password_file, got \"redis://***@host\"",
        ]
    );
    let result = folder.load(&[], &[("pool.name", "a"), ("pool.store", "redis://:secret@host")]);
    assert_eq!(
        folder.complaints(result),
        [
            "flag pool.store=redis://***@host: pool.store: expected an address without a password, which belongs into pool.store_password_file, got \"redis://***@host\"",
        ]
    );
    assert_eq!(
        folder.problems("[pool]\nstore_password_file = \"p\"\nstore_ca = \"ca.pem\"\n"),
        [
            "flotilla.toml:2: pool.store_password_file: pool.store is \"embedded\", which takes none",
            "flotilla.toml:3: pool.store_ca: pool.store is not reached over TLS (rediss://)",
        ]
    );
    assert_eq!(
        folder.problems("[storage]\nroot = \"/srv\"\n[pool]\nsecret_file = \"/srv/s\"\n"),
        ["flotilla.toml:2: storage.root: /srv would show users pool.secret_file, /srv/s"]
    );
}

#[test]
fn files_of_secrets_must_be_guarded_and_hold_one() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let write = |name: &str, text: &str, mode: u32| {
        let path = folder.write(name, text);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let long = "0123456789abcdef0123456789abcdef\n";
    folder.write(
        "flotilla.toml",
        "[pool]\nstore = \"rediss://a\"\nstore_password_file = \"p\"\nstore_ca = \"ca.pem\"\nsecret_file = \"s\"\n\
         [admin]\ntoken_file = \"o\"\nread_token_file = \"r\"\n",
    );
    let (config, origins) = folder.load(&[], &[]).unwrap();
    assert_eq!(config.pool.secret_file, Some(folder.0.join("s")));
    let check = || {
        let problems = check_files(&config, &origins).map_err(|error| error.problems);
        let line = |problem: &Problem| {
            problem.to_string().replace(&format!("{}/", folder.0.display()), "")
        };
        problems.unwrap_err().iter().map(line).collect::<Vec<_>>()
    };
    write("p", "pass", 0o644);
    write("s", "short", 0o600);
    write("o", long, 0o640);
    write("r", long, 0o640);
    assert_eq!(
        check(),
        [
            "flotilla.toml:4: pool.store_ca: can not read ca.pem: No such file or directory (os error 2)",
            "flotilla.toml:3: pool.store_password_file: p: others can use it (mode 644); `chmod 600` it",
            "flotilla.toml:5: pool.secret_file: s: is too short to be secret: 5 bytes, 32 at least",
            "flotilla.toml:8: admin.read_token_file: holds the token of admin.token_file, with which everything is allowed",
        ]
    );
    write("p", "pass", 0o600);
    write("s", long, 0o600);
    write("r", "fedcba9876543210", 0o600);
    folder.write("ca.pem", "");
    check_files(&config, &origins).unwrap();
}

#[test]
fn relative_paths_start_where_the_reference_says() {
    let folder = Folder::new();
    folder.write(
        "flotilla.toml",
        "[node]\ndata_dir = \"./data\"\n[tls]\ncertificate = \"tls/chain.pem\"\nkey = \"/abs/key.pem\"\n\
         [[host]]\nname = \"a.example\"\nroot = \"a\"\n",
    );
    folder.write(
        "conf.d/b.toml",
        "[[host]]\nname = \"b.example\"\ncertificate = \"b.pem\"\nkey = \"b.key\"\n[users]\nfile = \"u.toml\"\n",
    );
    let (config, origins) = folder.load(&[], &[("telemetry.xferlog", "x.log")]).unwrap();
    let root = &folder.0;
    assert_eq!(config.node.data_dir, root.join("data"));
    assert_eq!(config.users.file, root.join("data/u.toml"));
    assert_eq!(config.storage.root, root.join("data/files"));
    assert_eq!(config.tls.certificate, Some(root.join("tls/chain.pem")));
    assert_eq!(config.tls.key, Some("/abs/key.pem".into()));
    assert_eq!(config.telemetry.xferlog, Some(std::env::current_dir().unwrap().join("x.log")));
    assert_eq!(config.hosts[0].root, Some(root.join("data/a")));
    assert_eq!(config.hosts[1].certificate, Some(root.join("conf.d/b.pem")));

    let error = check_files(&config, &origins).unwrap_err();
    let keys = error.problems.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>();
    assert_eq!(keys, ["tls.certificate", "tls.key", "host.certificate", "host.key"]);
    assert!(
        error.to_string().contains("flotilla.toml:4: tls.certificate: can not read "),
        "{error}"
    );
}

#[test]
fn files_that_exist_pass_and_folders_do_not() {
    let folder = Folder::new();
    folder.write("chain.pem", "");
    folder.write("key/x", "");
    folder.write("flotilla.toml", "[tls]\ncertificate = \"chain.pem\"\nkey = \"key\"\n");
    let (config, origins) = folder.load(&[], &[]).unwrap();
    let problems = check_files(&config, &origins).unwrap_err().problems;
    assert_eq!(problems.len(), 1);
    assert!(problems[0].to_string().ends_with("/key: not a plain file"), "{}", problems[0]);
}

#[test]
fn what_is_shown_loads_to_the_same() {
    let folder = Folder::new();
    folder.write(
        "flotilla.toml",
        "[node]\ndata_dir = \"/d\"\n[ftp]\nlisten = [\"127.0.0.1:0\"]\nbanner = \"a \\\"b\\\"\"\n[[host]]\nname = \"a.example\"\n",
    );
    let (first, origins) = folder.load(&[], &[]).unwrap();
    let shown = show::toml(&origins, true);
    assert!(shown.contains("tls = \"optional\"  # default\n"), "{shown}");
    assert!(shown.contains("flotilla.toml:4\n"), "{shown}");
    folder.write("flotilla.toml", &shown);
    let (second, origins) = folder.load(&[], &[]).unwrap();
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    let json = show::json(&origins);
    let find = |key: &str| {
        json.as_array().unwrap().iter().find(|item| item["key"] == key).unwrap().clone()
    };
    assert_eq!(find("ftp.listen")["value"], serde_json::json!(["127.0.0.1:0"]));
    assert_eq!(find("host[0].name")["value"], "a.example");
}

#[test]
fn sizes_times_and_names_have_their_limits() {
    fn read<T>(read: impl Fn(&toml::Value) -> Reading<T>, text: &str) -> Option<T> {
        read(&toml::Value::String(text.to_owned())).ok()
    }
    assert_eq!(read(value::size, "1GiB"), Some(1 << 30));
    assert_eq!(read(value::size, "10 MB"), Some(10_000_000));
    assert_eq!(read(value::size, "7"), Some(7));
    assert_eq!(read(value::size, "99999999999TiB"), None);
    assert_eq!(read(value::size, "-1"), None);
    assert_eq!(read(value::size, ""), None);
    assert_eq!(read(value::duration, "1h 30m"), Some(Duration::from_secs(5400)));
    assert_eq!(read(value::duration, "100years"), None);
    assert_eq!(read(value::duration_or_zero, "0s"), Some(Duration::ZERO));
    assert_eq!(read(value::umask, "1000"), None);
    assert_eq!(read(value::umask, "+22"), None);
    assert_eq!(read(value::host_name, "*.Example.org").as_deref(), Some("*.example.org"));
    assert_eq!(read(value::host_name, "a..b"), None);
    assert_eq!(read(value::host_name, "ex*mple.org"), None);
    assert_eq!(read(value::node_id, "a b"), None);
    assert_eq!(read(value::line, "a\r\nb"), None);
    assert_eq!(read(value::filter, "info,flotilla=debug").as_deref(), Some("info,flotilla=debug"));
    assert_eq!(read(value::filter, "WARN").as_deref(), Some("WARN"));
    assert_eq!(read(value::filter, "inof"), None);
    assert_eq!(read(value::filter, "info,flotilla=loud"), None);
    assert_eq!(read(value::filter, ""), None);
}
