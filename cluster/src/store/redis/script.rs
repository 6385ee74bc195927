//! The scripts, and how Redis is told to run one.

use std::sync::LazyLock;

use redis::{Cmd, Script as Hashed};

/// A script with the digest that Redis knows it by.
#[derive(Debug)]
pub(super) struct Script {
    /// For the operator.
    name: &'static str,
    source: &'static str,
    hash: String,
}

/// A script with what it works on.
#[derive(Debug)]
pub(super) struct Invocation {
    script: &'static Script,
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

impl Script {
    fn new(name: &'static str, source: &'static str) -> Self {
        Self { name, source, hash: Hashed::new(source).get_hash().to_owned() }
    }
}

impl Invocation {
    /// The script with the time that it goes by; empty: that of the server.
    pub(super) fn new(script: &'static Script, clock: Vec<u8>) -> Self {
        Self { script, keys: Vec::new(), arguments: vec![clock] }
    }

    /// With one more key.
    pub(super) fn key(mut self, key: Vec<u8>) -> Self {
        self.keys.push(key);
        self
    }

    /// With more keys.
    pub(super) fn keys(mut self, keys: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.keys.extend(keys);
        self
    }

    /// With one more argument.
    pub(super) fn argument(mut self, argument: impl Into<Vec<u8>>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// With a number as one more argument.
    pub(super) fn number(self, number: impl Into<u64>) -> Self {
        self.argument(number.into().to_string())
    }

    /// The name of the script.
    pub(super) fn name(&self) -> &'static str {
        self.script.name
    }

    /// By its digest, which is short; Redis may not know it.
    pub(super) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.script.hash)
    }

    /// By its text, which Redis remembers.
    pub(super) fn by_source(&self) -> Cmd {
        self.command("EVAL", self.script.source)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len());
        for bytes in self.keys.iter().chain(&self.arguments) {
            command.arg(bytes.as_slice());
        }
        command
    }
}

/// The text of a script behind what it shares with others.
macro_rules! script {
    ($name:literal $(behind $file:literal)?) => {
        LazyLock::new(|| Script::new($name, concat!(
            include_str!("scripts/common.lua"),
            $(include_str!(concat!("scripts/", $file, ".lua")),)?
            include_str!(concat!("scripts/", $name, ".lua"))
        )))
    };
}

pub(super) static BEAT: LazyLock<Script> = script!("beat");
pub(super) static LEAVE: LazyLock<Script> = script!("leave");
pub(super) static ADMIT: LazyLock<Script> = script!("admit");
pub(super) static PUBLISH: LazyLock<Script> = script!("publish");
pub(super) static SESSIONS: LazyLock<Script> = script!("sessions");
pub(super) static SCORE: LazyLock<Script> = script!("score" behind "banning");
pub(super) static BAN: LazyLock<Script> = script!("ban" behind "banning");
pub(super) static BANS: LazyLock<Script> = script!("bans");
pub(super) static ORDER: LazyLock<Script> = script!("order");
pub(super) static ANSWER: LazyLock<Script> = script!("answer");
pub(super) static TAKE: LazyLock<Script> = script!("take");
pub(super) static SECRET: LazyLock<Script> = script!("secret");
pub(super) static POLICY: LazyLock<Script> = script!("policy");
pub(super) static GRANT: LazyLock<Script> = script!("grant");
pub(super) static RETURN: LazyLock<Script> = script!("return");
pub(super) static TIDY: LazyLock<Script> = script!("tidy" behind "banning");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;

    /// Lua can not read the constants of the store, so it has them again.
    #[test]
    fn constants_are_those_of_the_store() {
        let common = include_str!("scripts/common.lua");
        let constant = |name: &str| -> u64 {
            let line = common.lines().filter(|line| line.starts_with("local "));
            let line = line.filter_map(|line| line["local ".len()..].split_once(" = "));
            let mut pairs = line.flat_map(|(names, values)| {
                names.split(", ").zip(values.split(", ")).collect::<Vec<_>>()
            });
            pairs.find(|(found, _)| *found == name).unwrap().1.parse().unwrap()
        };
        for (name, value) in [
            ("DEAD_AFTER", store::DEAD_AFTER_MS),
            ("PAUSE", store::PAUSE_MS),
            ("TERM", store::TERM_MS),
            ("QUARANTINE", store::QUARANTINE_MS),
            ("RECLAIM_AFTER", store::RECLAIM_AFTER_MS),
            ("BANS_MAX", store::BANS_MAX as u64),
            ("BAN_NEWS_MAX", store::BAN_NEWS_MAX as u64),
            ("ORDERS_MAX", store::ORDERS_MAX as u64),
            ("ANSWERS_MAX", store::ANSWERS_MAX as u64),
            ("MAIL", store::MAIL_MS),
            ("FOREVER", store::FOREVER_MS),
        ] {
            assert_eq!(constant(name), value, "{name}");
        }
    }

    #[test]
    fn a_script_is_invoked_with_its_keys_before_its_arguments() {
        let invocation =
            Invocation::new(&TAKE, b"5".to_vec()).key(b"k".to_vec()).number(7_u8).argument("x");
        let packed = invocation.by_hash().get_packed_command();
        let hash = &TAKE.hash;
        let wanted = format!(
            "*7\r\n$7\r\nEVALSHA\r\n$40\r\n{hash}\r\n$1\r\n1\r\n$1\r\nk\r\n$1\r\n5\r\n$1\r\n7\r\n$1\r\nx\r\n"
        );
        assert_eq!(String::from_utf8(packed).unwrap(), wanted);
    }
}
