//! `flotilla gen man|completion|unit`, and `flotilla ping`.

use flotilla_tests::{Program, Server};

/// The manual page names every verb.
#[test]
fn the_manual_page_is_complete() {
    let page = Program::flotilla().args(["gen", "man"]).succeed().stdout;
    assert!(page.contains(".TH flotilla") || page.contains(".TH FLOTILLA"), "{page}");
    for word in ["serve", "check", "user", "ping", "USERS", "SIGNALS", "FILES", "EXIT"] {
        assert!(page.contains(word), "{word} is not in the manual page");
    }
}

/// Completions for the usual shells; bash takes its own.
#[test]
fn completions_are_made() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Program::flotilla().args(["gen", "completion", shell]).succeed().stdout;
        assert!(script.contains("serve"), "{shell}");
        if shell == "bash" {
            Program::new("bash").arg("-n").stdin(script).succeed();
        }
    }
}

/// The unit runs the server with this configuration and leaves it the time to drain.
#[test]
fn a_unit_is_made() {
    let builder = Server::builder();
    let unit = builder.verb(&["gen", "unit"]).succeed().stdout;
    assert!(unit.contains("[Service]") && unit.contains("ExecStart="), "{unit}");
    assert!(unit.contains(&builder.config_file().display().to_string()), "{unit}");
    for line in ["ExecReload=", "TimeoutStopSec=", "NoNewPrivileges=", "LimitNOFILE="] {
        assert!(unit.contains(line), "{line} is not in {unit}");
    }
}

/// `ping` is 0 for a node that serves and 1 for one that does not.
#[test]
fn a_node_can_be_pinged() {
    let mut server = Server::start();
    let listen = format!("ftp.listen=[\"{}\"]", server.ftp());
    let health = format!("health.listen={}", server.health());
    let ping = |file: &std::path::Path| {
        Program::flotilla()
            .args(["ping", "--json", "--timeout", "5s", "--set", &listen, "--set", &health])
            .arg("--config")
            .arg(file)
    };
    let said = ping(&server.config_file()).succeed();
    let probes: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert!(probes.as_array().unwrap().iter().all(|probe| probe["ok"] == true), "{said}");
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.wait(flotilla_tests::DEADLINE), Some(0));
    ping(&server.config_file()).exit(1);
}
