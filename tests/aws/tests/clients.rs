//! The fake as the official clients see it: scripts in Python with boto3, and dig.

#![expect(clippy::unwrap_used, reason = "it is a test")]

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use flotilla_aws_fake::{Fake, Settings};

/// Runs a script of `clients` against a fake of its own.
#[track_caller]
fn run(script: &str) {
    let settings = Settings {
        pending_ms: 100,
        check_speed_percent: 5000,
        private_is_public: true,
        throttle: false,
        ..Settings::default()
    };
    let fake = Fake::start(settings).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let output = Command::new(python())
        .arg(folder.join(script))
        .env("FAKE_URL", fake.url())
        .env("FAKE_DNS", fake.dns().to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} failed:\n{said}");
}

/// The Python that `tests/run` has put boto3 into.
fn python() -> String {
    env::var("FLOTILLA_PYTHON").unwrap_or_else(|_| {
        let cache = env::var("XDG_CACHE_HOME")
            .unwrap_or_else(|_| format!("{}/.cache", env::var("HOME").unwrap_or_default()));
        let python = format!("{cache}/flotilla/python/bin/python3");
        assert!(fs::exists(&python).unwrap(), "{python} is not there: tests/run installs it");
        python
    })
}

#[test]
fn route53() {
    run("route53.py");
}

#[test]
fn metadata() {
    run("metadata.py");
}

#[test]
fn ec2() {
    run("ec2.py");
}

#[test]
fn balancing() {
    run("balancing.py");
}

#[test]
fn scaling() {
    run("scaling.py");
}
