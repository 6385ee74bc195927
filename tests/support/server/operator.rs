//! What an operator does to a server that runs.

use serde_json::Value;

use super::Server;
use crate::{Program, health};

impl Server {
    /// `flotilla VERB --config FILE`, to be run.
    pub fn verb(&self, verb: &[&str]) -> Program {
        self.setup
            .local(Program::flotilla())
            .args(verb)
            .arg("--config")
            .arg(self.setup.config_file())
    }

    /// What a verb says with `--json`.
    ///
    /// # Panics
    /// If it fails, or says no JSON.
    #[track_caller]
    pub fn tell(&self, verb: &[&str]) -> Value {
        let said = self.verb(verb).arg("--json").succeed();
        match serde_json::from_str(&said.stdout) {
            Ok(value) => value,
            Err(error) => panic!("no JSON ({error}): {said}"),
        }
    }

    /// As [`Server::tell`]; `None` if it fails.
    pub fn try_tell(&self, verb: &[&str]) -> Option<Value> {
        let said = self.verb(verb).arg("--json").run();
        (said.code == Some(0)).then(|| serde_json::from_str(&said.stdout).ok()).flatten()
    }

    /// Status and body of `GET path` on its health port, asked where it runs.
    ///
    /// # Panics
    /// If it does not answer.
    #[track_caller]
    pub fn get(&self, path: &str) -> (u16, String) {
        let answer = self.setup.there(|| health::get(self.health(), path));
        answer.expect("the health port answers")
    }

    /// The value of a metric, the sum over all its labels; 0 where there is none.
    #[track_caller]
    pub fn metric(&self, name: &str) -> u64 {
        self.metric_where(name, "")
    }

    /// As [`Server::metric`], of those lines alone that hold this label (`reason="replayed"`).
    #[track_caller]
    pub fn metric_where(&self, name: &str, label: &str) -> u64 {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200, "{text}");
        let value = |line: &str| -> Option<f64> {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            let fits = labels.is_empty() || labels.starts_with('{');
            (fits && labels.contains(label)).then(|| value.parse().ok()).flatten()
        };
        text.lines().filter_map(value).sum::<f64>() as u64
    }

    /// What it knows of a node of its pool.
    pub fn knows(&self, node: &str) -> Option<Value> {
        let told = self.try_tell(&["nodes"])?;
        told["nodes"].as_array()?.iter().find(|row| row["id"] == node).cloned()
    }

    /// The state of a node as it knows it; empty: it knows no such node.
    pub fn state_of(&self, node: &str) -> String {
        let row = self.knows(node).unwrap_or_default();
        row["state"].as_str().unwrap_or_default().to_owned()
    }

    /// How it gets on with the store: `fine` or `degraded`.
    pub fn store_state(&self) -> String {
        let told = self.try_tell(&["nodes"]).unwrap_or_default();
        told["store"]["state"].as_str().unwrap_or_default().to_owned()
    }

    /// The sessions of its pool.
    #[track_caller]
    pub fn who(&self) -> Vec<Value> {
        let told = self.tell(&["who"]);
        told["sessions"].as_array().cloned().unwrap_or_default()
    }
}
