//! unftp, which is made of libunftp and tokio. It runs as who starts it and has users of its own in JSON.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

use super::{Launch, PASSIVE, PASSWORD, Service, free_port};
use crate::ground::Ground;

/// One user; unftp has no other hash than PBKDF2.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum User {
    Hashed {
        username: String,
        pbkdf2_salt: &'static str,
        pbkdf2_key: &'static str,
        pbkdf2_iter: u32,
    },
    Plain {
        username: String,
        password: &'static str,
    },
}

pub(super) fn missing(ground: &Ground) -> Option<String> {
    ground.program("unftp").is_none().then(|| {
        "cargo install unftp --no-default-features --features auth_jsonfile --root DIR, then \
         --packages DIR"
            .to_owned()
    })
}

pub(super) fn launch(
    ground: &Ground,
    folder: &Path,
    port: u16,
    service: Service,
) -> Result<Launch> {
    let program = ground.program("unftp").context("no program")?;
    let users = folder.join("users.json");
    fs::write(&users, serde_json::to_vec(&users_of(service))?)?;
    let (low, high) = PASSIVE;
    let mut command = Command::new(program);
    command
        .arg(format!("--bind-address=127.0.0.1:{port}"))
        .arg(format!("--bind-address-http=127.0.0.1:{}", free_port()?))
        .arg(format!("--passive-ports={low}-{high}"))
        .args(["--auth-type=json", "--idle-session-timeout=3600", "--log-level=error"])
        .arg(argument("--auth-json-path", &users))
        .arg(argument("--root-dir", &ground.files))
        .arg(argument("--ftps-certs-file", &ground.certificate))
        .arg(argument("--ftps-key-file", &ground.key));
    Ok(Launch { command, outside: None })
}

fn argument(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

/// Where many users take turns everybody verifies a hash in each login. Where one comes again and again
/// unftp, which remembers nothing, has the password as it is: the least that it can spend.
fn users_of(service: Service) -> Vec<User> {
    let user = |username| match service.users {
        0 | 1 => User::Plain { username, password: PASSWORD },
        _ => User::Hashed { username, pbkdf2_salt: SALT, pbkdf2_key: KEY, pbkdf2_iter: ITERATIONS },
    };
    service.names().map(user).collect()
}

/// "flotilla" in base64.
const SALT: &str = "ZmxvdGlsbGE=";

/// PBKDF2 (RFC 8018) with HMAC-SHA-256 of the common password.
const KEY: &str = "E5KQn94gc/V7kDhZxvcxr4LfBNe9GJ1zQLZHwhGNqas=";

/// Takes 0.22 ms here, where sha512-crypt with its 1000 rounds takes 0.24 ms.
const ITERATIONS: u32 = 1000;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA256, derive};

    use super::*;
    use crate::client::Protocol;

    #[test]
    fn many_users_have_a_hash_and_one_has_none() {
        let json = |users| {
            serde_json::to_value(users_of(Service { protocol: Protocol::Ftp, users })).unwrap()
        };
        let one = json(1);
        assert_eq!(one, serde_json::json!([{ "username": "bench", "password": PASSWORD }]));
        let many = json(2);
        assert_eq!(many.as_array().unwrap().len(), 3);
        assert_eq!(many[2]["username"], "bench-1");
        assert_eq!(many[2]["pbkdf2_iter"], ITERATIONS);
    }

    #[test]
    fn the_key_is_that_of_the_password() {
        let mut key = [0; 32];
        let iterations = NonZeroU32::new(ITERATIONS).unwrap();
        derive(PBKDF2_HMAC_SHA256, iterations, b"flotilla", PASSWORD.as_bytes(), &mut key);
        assert_eq!(&key[..4], [0x13, 0x92, 0x90, 0x9f]);
        assert!(KEY.starts_with("E5KQn9"), "the same four bytes in base64");
    }
}
