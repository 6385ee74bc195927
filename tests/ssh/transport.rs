//! What is negotiated, judged by `ssh-audit` and by clients that insist.

use flotilla_tests::{Program, Server, Ssh};
use serde_json::json;

/// The default configuration gets no failure and no warning, with the keys that the server makes.
#[test]
fn the_defaults_stand_an_audit() {
    let server = Server::builder().ssh().unset("ssh.host_keys").start();
    let address = server.ssh();
    let said = Program::python()
        .args(["-m", "ssh_audit", "-jj", "-n", "-p", &address.port().to_string()])
        .arg(address.ip().to_string())
        .run();
    let report: serde_json::Value =
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let mut bad = Vec::new();
    let mut judged = 0;
    for part in ["kex", "key", "enc", "mac"] {
        let list = report[part].as_array().unwrap_or_else(|| panic!("{part} is not in {report}"));
        assert!(!list.is_empty(), "{report}");
        for algorithm in list {
            judged += 1;
            for verdict in ["fail", "warn"] {
                let said = &algorithm["notes"][verdict];
                // Clients of this year know no other exchange: it stays beside mlkem768x25519.
                let classic = algorithm["algorithm"].as_str().unwrap_or_default();
                if classic.starts_with("curve25519-sha256") && *said == json!([POST_QUANTUM]) {
                    continue;
                }
                if !said.is_null() {
                    bad.push(format!("{part} {} {verdict}: {said}", algorithm["algorithm"]));
                }
            }
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
    assert!(judged >= 10, "{report}");
    assert!(report["cves"].as_array().is_none_or(Vec::is_empty), "{}", report["cves"]);
    let names = report.to_string();
    assert!(names.contains("kex-strict-s-v00@openssh.com"), "{report}");
    assert!(names.contains("mlkem768x25519-sha256"), "{report}");
}

/// Weak algorithms are not there, by whatever name a client insists on them.
#[test]
fn weak_algorithms_are_off() {
    let server = Server::start_ssh();
    for (option, weak) in [
        ("Ciphers", "aes128-cbc"),
        ("Ciphers", "3des-cbc"),
        ("MACs", "hmac-sha1"),
        ("MACs", "umac-64-etm@openssh.com"),
        ("KexAlgorithms", "diffie-hellman-group14-sha1"),
        ("KexAlgorithms", "diffie-hellman-group1-sha1"),
        ("HostKeyAlgorithms", "ssh-rsa"),
    ] {
        let ssh = Ssh::new(&server).set(option, weak);
        let ssh = if option == "MACs" { ssh.set("Ciphers", "aes128-ctr") } else { ssh };
        let said = ssh.sftp("pwd\n").exit(255);
        // Unless the server was quicker to hang up.
        let told = ["no matching", "Connection closed", "Connection reset"];
        assert!(told.iter().any(|text| said.stderr.contains(text)), "{said}");
    }
}

/// Every exchange and kind of host key that is offered works.
#[test]
fn what_is_offered_works() {
    let server = Server::builder().ssh().unset("ssh.host_keys").start();
    let host_keys = ["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"];
    for algorithm in host_keys {
        Ssh::new(&server).set("HostKeyAlgorithms", algorithm).sftp("pwd\n").succeed();
    }
    for exchange in ["curve25519-sha256", "curve25519-sha256@libssh.org"] {
        Ssh::new(&server).set("KexAlgorithms", exchange).sftp("pwd\n").succeed();
    }
    // Compression is not offered; a client that would like it does without.
    Ssh::new(&server).set("Compression", "yes").sftp("pwd\n").succeed();
}

/// What is listed is what there is, weak or not.
#[test]
fn lists_are_obeyed() {
    let server = Server::builder()
        .ssh()
        .set("ssh.ciphers", ["aes256-ctr"])
        .set("ssh.macs", ["hmac-sha2-512"])
        .set("ssh.kex", ["ecdh-sha2-nistp256"])
        .start();
    let ssh = Ssh::new(&server).set("LogLevel", "DEBUG");
    let said = ssh.sftp("pwd\n").succeed().stderr;
    for part in ["algorithm: ecdh-sha2-nistp256", "cipher: aes256-ctr MAC: hmac-sha2-512 "] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    Ssh::new(&server).set("Ciphers", "aes128-gcm@openssh.com").sftp("pwd\n").exit(255);
}

/// What new releases of `ssh-audit` say of every exchange but the newest.
const POST_QUANTUM: &str = "does not provide protection against post-quantum attacks";
