//! curl.

use flotilla_tests::{PASSWORD, Program};

use super::house::{FILES, House, Security, assert_lists, under_each_security};

/// A transfer with the options that every one needs.
fn curl(house: &House, security: Security, path: &str) -> Program {
    let address = house.authority(security);
    let scheme = if security == Security::Implicit { "ftps" } else { "ftp" };
    let encoded: String = path
        .bytes()
        .map(|byte| match byte {
            b'/' | b'.' | b'-' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let program = house
        .program("curl")
        .args(["--silent", "--show-error", "--fail", "--max-time", "100", "--globoff"])
        .args(["--user", &format!("alice:{PASSWORD}")])
        .arg(format!("{scheme}://{address}/{encoded}"));
    match security {
        Security::Clear => program,
        _ => program.arg("--ssl-reqd").arg("--cacert").arg(house.server.authority_file()),
    }
}

fn everything(security: Security) {
    let house = House::open();
    let listed = curl(&house, security, "").succeed().stdout;
    let names = curl(&house, security, "").arg("--list-only").succeed().stdout;
    for (name, length) in FILES {
        assert_lists(&names, name);
        let line = listed.lines().find(|line| line.ends_with(name)).expect("a line");
        assert_eq!(line.split_whitespace().nth(4), Some(length.to_string().as_str()), "{line}");

        curl(&house, security, name).arg("--output").arg(house.got(name)).succeed();
        house.assert_got(name);
        curl(&house, security, &format!("new/{name}"))
            .args(["--ftp-create-dirs", "--upload-file", name])
            .succeed();
        house.assert_put(name, &format!("new/{name}"));
    }

    house.half_got("big.bin");
    curl(&house, security, "big.bin")
        .args(["--continue-at", "-", "--output"])
        .arg(house.got("big.bin"))
        .succeed();
    house.assert_got("big.bin");
    house.half_put("big.bin", "half.bin");
    curl(&house, security, "half.bin")
        .args(["--continue-at", "-", "--upload-file", "big.bin"])
        .succeed();
    house.assert_put("big.bin", "half.bin");
    house.half_put("big.bin", "append.bin");
    let rest = house.ours("big.bin").split_off((3 << 20) / 2);
    house.here.write("rest", rest);
    curl(&house, security, "append.bin").args(["--append", "--upload-file", "rest"]).succeed();
    house.assert_put("big.bin", "append.bin");
    let range =
        curl(&house, security, "small.txt").args(["--range", "100-199", "--output", "range"]);
    range.succeed();
    assert_eq!(
        std::fs::read(house.here.join("range")).unwrap(),
        house.there("small.txt")[100..200]
    );

    curl(&house, security, "")
        .args(["--list-only", "--quote", "RNFR half.bin", "--quote", "RNTO renamed here.bin"])
        .args(["--quote", "DELE append.bin", "--quote", "MKD made", "--quote", "RMD made"])
        .succeed();
    house.assert_put("big.bin", "renamed here.bin");
    assert!(!house.server.file("half.bin").exists() && !house.server.file("append.bin").exists());
    house.assert_protocol(security);
}

under_each_security!(everything);

/// Active mode, by EPRT and by PORT.
#[test]
fn in_active_mode() {
    let house = House::open();
    for disable in ["--eprt", "--disable-eprt"] {
        curl(&house, Security::Clear, "big.bin")
            .args(["--ftp-port", "127.0.0.1", disable, "--output"])
            .arg(house.got("big.bin"))
            .succeed();
        house.assert_got("big.bin");
    }
    curl(&house, Security::Clear, "up.bin")
        .args(["--ftp-port", "127.0.0.1", "--upload-file", "big.bin"])
        .succeed();
    house.assert_put("big.bin", "up.bin");
}

/// A download under TLS with these flags.
#[track_caller]
fn assert_fetches(house: &House, flags: &[&str]) {
    let output = house.got("big.bin");
    curl(house, Security::Explicit, "big.bin").args(flags).arg("--output").arg(output).succeed();
    house.assert_got("big.bin");
}

/// Either version of TLS, and PASV in place of EPSV.
#[test]
fn with_either_version_of_tls() {
    let house = House::open();
    for version in [["--tlsv1.2", "--tls-max=1.2"], ["--tlsv1.3", "--disable-epsv"]] {
        let version: Vec<&str> = version.iter().flat_map(|word| word.split('=')).collect();
        assert_fetches(&house, &version);
        curl(&house, Security::Explicit, "up.bin")
            .args(&version)
            .args(["--upload-file", "big.bin"])
            .succeed();
        house.assert_put("big.bin", "up.bin");
    }
}

/// With `data_reuse = "require"` curl, which resumes its session, is served.
#[test]
fn with_required_resumption() {
    let house = House::open_with(|builder| builder.set("ftp.passive.data_reuse", "require"));
    for version in ["--tls-max=1.2", "--tlsv1.3"] {
        let version: Vec<&str> = version.split('=').collect();
        assert_fetches(&house, &version);
    }
}

/// TYPE A through curl's `;type=a`.
#[test]
fn in_ascii() {
    let house = House::open();
    std::fs::write(house.server.file("lines"), "one\ntwo\n").unwrap();
    let said = curl(&house, Security::Clear, "lines").arg("--use-ascii").succeed();
    assert_eq!(said.stdout.replace("\r\n", "\n"), "one\ntwo\n");
}
