//! What is typed, and what is generated.

use clap::{CommandFactory, Parser};

use super::*;
use crate::config::{Fault, Origin, Problem};
use crate::tls::TlsError;

fn parse(words: &str) -> Result<Verb, clap::Error> {
    Cli::try_parse_from(words.split(' ')).map(|cli| cli.verb)
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn flags_become_keys_and_the_direct_ones_win() {
    let Ok(Verb::Serve(args)) = parse(
        "flotilla serve -c f.toml --set ftp.tls=off --set ftp.banner=a=b --data-dir /d --listen 127.0.0.1:0 --listen [::1]:0 --log json",
    ) else {
        panic!("serve");
    };
    assert_eq!(args.config, Some("f.toml".into()));
    let flags = args.flags();
    let flags = flags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>();
    assert_eq!(
        flags,
        [
            ("ftp.tls", "off"),
            ("ftp.banner", "a=b"),
            ("node.data_dir", "/d"),
            ("ftp.listen", "127.0.0.1:0,[::1]:0"),
            ("telemetry.log", "json"),
        ]
    );
}

#[test]
fn every_verb_of_the_design_is_understood() {
    for words in [
        "flotilla serve",
        "flotilla check --config x",
        "flotilla config show --origin",
        "flotilla config show --json --set ftp.tls=off",
        "flotilla ping --json --timeout 2s",
        "flotilla nodes --json --admin 127.0.0.1:8081 --token-file t",
        "flotilla who --user ann --address ::1 --node n1 --data-dir d",
        "flotilla kick n1/7",
        "flotilla kick --user ann --address 192.0.2.1",
        "flotilla kick --all",
        "flotilla ban ls --json",
        "flotilla ban add 192.0.2.1 --for 1h",
        "flotilla ban rm 2001:db8::/64",
        "flotilla drain",
        "flotilla drain n2 --grace 0s --wait --json",
        "flotilla undrain n2",
        "flotilla ports -c f.toml",
        "flotilla policy",
        "flotilla gen man",
        "flotilla gen completion bash",
        "flotilla gen unit",
        "flotilla gen nftables --nodes 10.0.0.0/24,10.0.1.7 --nodes 2001:db8::/64 --monitors ::1",
        "flotilla gen metrics",
        "flotilla gen reference",
        #[cfg(feature = "aws")]
        "flotilla gen cloudformation --front nlb --zones 3 -c f.toml",
    ] {
        parse(words).unwrap_or_else(|error| panic!("{words}: {error}"));
    }
}

#[test]
fn wrong_usage_exits_with_two() {
    for words in [
        "flotilla",
        "flotilla fly",
        "flotilla serve --set x",
        "flotilla serve --set =x",
        "flotilla gen completion tcsh",
        "flotilla gen nftables --nodes ten",
        "flotilla gen cloudformation --zones 1",
        "flotilla ping --timeout soon",
        "flotilla nodes --admin http://a:80",
        "flotilla kick",
        "flotilla kick 7",
        "flotilla kick n1/7 --all",
        "flotilla kick --node a/b",
        "flotilla ban add here",
        "flotilla ban add 192.0.2.0/24",
        "flotilla ban add 192.0.2.1 --for ever",
        "flotilla drain n1 n2",
    ] {
        assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words}");
    }
}

#[test]
fn each_failure_has_its_exit_code_and_names_what_it_is_about() {
    let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
    let problem = Problem {
        origin: Origin::Default,
        key: "ftp.listen".to_owned(),
        fault: Fault::Contradiction("wrong".to_owned()),
    };
    let config = ConfigError { problems: vec![problem.clone(), problem] };
    for (error, code, text) in [
        (ServeError::Config(config), 2, "flotilla: ftp.listen: wrong\nflotilla: ftp.listen: wrong"),
        (
            ServeError::Bind { address: "127.0.0.1:21".parse().unwrap(), source: denied() },
            3,
            "flotilla: can not listen on 127.0.0.1:21: permission denied",
        ),
        (
            ServeError::Storage { path: "/srv".into(), source: denied() },
            1,
            "flotilla: can not use /srv: permission denied",
        ),
        (
            ServeError::Tls(TlsError::Absent {
                key: "tls.key".to_owned(),
                path: "/k.pem".into(),
                wanted: "private key",
            }),
            2,
            "flotilla: tls.key: /k.pem holds no private key in PEM form",
        ),
        (ServeError::Runtime("lost".to_owned()), 1, "flotilla: lost"),
    ] {
        assert_eq!(error.exit_code(), code);
        assert_eq!(complaint(&error), text);
    }
}

#[test]
fn the_manual_page_holds_every_verb_and_key() {
    let page = generate::man().unwrap();
    for words in ["flotilla serve", "flotilla config show", "flotilla gen completion"] {
        assert!(page.contains(&format!(".SS {words}\n")), "{words}");
    }
    for key in config::keys() {
        assert!(page.contains(&format!("\\fB{}\\fR", key.name)), "{}", key.name);
    }
    let breaks = |line: &&str| line.starts_with('\'') || line.starts_with("..");
    assert_eq!(page.lines().find(breaks), None);
}

#[test]
fn the_reference_in_the_manual_is_up_to_date() {
    let written = include_str!("../manual/reference.md");
    assert!(
        written == generate::reference(),
        "run \"flotilla gen reference\" into node/src/manual/reference.md"
    );
}

#[test]
fn the_unit_names_what_must_be_written() {
    let args = ConfigArgs {
        config: Some("/etc/flotilla/my config.toml".into()),
        set: vec![("storage.root".to_owned(), "/srv/ftp".to_owned())],
        data_dir: Some("/var/lib/flotilla".to_owned()),
        ..ConfigArgs::default()
    };
    let flags = args.flags();
    let flags = flags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>();
    let (config, _) = config::load_flags(&flags).unwrap();
    let unit = unit::unit("/usr/bin/flotilla".as_ref(), &args, &config);
    for line in [
        "ExecStart=/usr/bin/flotilla serve --config \"/etc/flotilla/my config.toml\" --set storage.root=/srv/ftp --set node.data_dir=/var/lib/flotilla",
        "ProtectHome=yes",
        "ReadWritePaths=/srv/ftp /var/lib/flotilla",
        "TimeoutStopSec=660",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "SystemCallFilter=@system-service",
    ] {
        assert!(unit.lines().any(|written| written == line), "{line} in\n{unit}");
    }
}
