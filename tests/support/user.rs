//! Users for the users file.

use crate::config::Value;

/// The password of every user made here.
pub const PASSWORD: &str = "swordfish";

/// One `[[user]]` of the users file.
#[derive(Clone, Debug)]
pub struct User {
    name: String,
    keys: Vec<(String, Value)>,
}

impl User {
    /// A user with [`PASSWORD`], every permission, and the storage root itself as home.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), keys: Vec::new() }.set("password", HASH).set("home", ".")
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets a key; a dot leads into a sub-table.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.keys.retain(|(present, _)| present != key);
        self.keys.push((key.to_owned(), value.into()));
        self
    }

    /// Takes a key away.
    pub fn unset(mut self, key: &str) -> Self {
        self.keys.retain(|(present, _)| present != key);
        self
    }

    /// The user may do this and nothing else.
    pub fn permissions(self, permissions: &[&str]) -> Self {
        self.set("permissions", permissions)
    }

    /// The lines of the users file.
    pub fn to_toml(&self) -> String {
        let mut text = format!("[[user]]\nname = {}\n", Value::from(self.name.as_str()));
        for (key, value) in &self.keys {
            text.push_str(&format!("{key} = {value}\n"));
        }
        text
    }
}

/// sha512-crypt of [`PASSWORD`] with the fewest rounds it allows: a login in a test costs a
/// millisecond.
pub const HASH: &str = "$6$rounds=1000$flotillatests$qFuXmhtvBM2XCwFCJED6CXhxFm38E7Xz6KcsKktxkC8xgw3zDrN899DcvDIc4RtoNNPKVDBbLS6Lb4Q7.uRYt.";
