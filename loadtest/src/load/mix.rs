//! What sessions do: tasks with weights.

use std::time::Duration;

use anyhow::{Result, bail};

use super::keys::Keys;
use super::quantity::{show_size, show_time};
use crate::chance::Chance;
use crate::client::Protocol;

/// The tasks of a scenario; their order is that of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Mix {
    tasks: Vec<Task>,
}

/// One task.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Task {
    /// What reports call it; no two tasks have the same.
    pub(super) name: String,
    /// How often it is drawn beside the others.
    weight: u64,
    /// What is done.
    pub(super) action: Action,
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Ends the session and opens a new one.
    Login,
    /// LIST, READDIR of this folder.
    List(String),
    /// MLSD of this folder; not over SFTP.
    Mlsd(String),
    /// RETR, or OPEN, READ, CLOSE, of so many bytes.
    Download(u64),
    /// STOR, or OPEN, WRITE, CLOSE, of so many bytes.
    Upload(u64),
    /// RNFR and RNTO, RENAME.
    Rename,
    /// DELE, REMOVE.
    Delete,
    /// NOOP, REALPATH.
    Noop,
    /// PWD, STAT.
    Pwd,
    /// Nothing for so long, then NOOP, which is timed.
    Idle(Duration),
}

impl Mix {
    /// Reads the tasks.
    pub(super) fn read(tables: Vec<Keys>) -> Result<Self> {
        let mut mix = Self::default();
        for mut keys in tables {
            let task = Task::read(&mut keys)?;
            if task.name == LOGIN && task.action != Action::Login {
                bail!("{}: the login of each session is called so", keys.name("name"));
            }
            if mix.tasks.iter().any(|other| other.name == task.name) {
                let key = keys.name("name");
                bail!("{key}: another task is called {:?} as well; give it a name", task.name);
            }
            mix.tasks.push(task);
        }
        Ok(mix)
    }

    /// All tasks.
    pub(super) fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Whether there is something to do over a protocol.
    pub(super) fn serves(&self, protocol: Protocol) -> bool {
        self.total(protocol) > 0
    }

    fn total(&self, protocol: Protocol) -> u64 {
        self.tasks.iter().map(|task| task.share(protocol)).sum()
    }

    /// Draws a task, by its place.
    pub(super) fn draw(&self, protocol: Protocol, chance: &mut Chance) -> Option<usize> {
        let mut left = chance.below(self.total(protocol));
        self.tasks.iter().position(|task| {
            let share = task.share(protocol);
            let here = left < share;
            left = left.saturating_sub(share);
            here
        })
    }
}

impl Task {
    fn read(keys: &mut Keys) -> Result<Self> {
        let action = keys.choice("do", &ACTIONS)?.ok_or_else(|| keys.missing("do"))?;
        let (taken, others): (_, &[&str]) = match action {
            Kind::List | Kind::Mlsd => ("path", &["size", "time"]),
            Kind::Download | Kind::Upload => ("size", &["path", "time"]),
            Kind::Idle => ("time", &["path", "size"]),
            _ => ("nothing", &["path", "size", "time"]),
        };
        keys.refuse(others, &format!("of these three this task takes {taken}"))?;
        let action = match action {
            Kind::Login => Action::Login,
            Kind::List => Action::List(folder(keys)?),
            Kind::Mlsd => Action::Mlsd(folder(keys)?),
            Kind::Download => Action::Download(keys.size("size")?.unwrap_or(FILE_BYTES)),
            Kind::Upload => Action::Upload(keys.size("size")?.unwrap_or(FILE_BYTES)),
            Kind::Rename => Action::Rename,
            Kind::Delete => Action::Delete,
            Kind::Noop => Action::Noop,
            Kind::Pwd => Action::Pwd,
            Kind::Idle => Action::Idle(keys.time("time")?.unwrap_or(IDLE)),
        };
        let weight = keys.whole("weight", 1..=WEIGHT_MAX)?.unwrap_or(1);
        let name = keys.text("name")?.unwrap_or_else(|| action.describe());
        Ok(Self { name, weight, action })
    }

    fn share(&self, protocol: Protocol) -> u64 {
        if self.action.fits(protocol) { self.weight } else { 0 }
    }
}

impl Action {
    /// Whether the protocol has it.
    fn fits(&self, protocol: Protocol) -> bool {
        !(matches!(self, Self::Mlsd(_)) && protocol == Protocol::Sftp)
    }

    /// A name for tasks that were given none.
    fn describe(&self) -> String {
        match self {
            Self::Login => LOGIN.to_owned(),
            Self::List(path) => format!("list {path}"),
            Self::Mlsd(path) => format!("mlsd {path}"),
            Self::Download(size) => format!("download {}", show_size(*size)),
            Self::Upload(size) => format!("upload {}", show_size(*size)),
            Self::Rename => "rename".to_owned(),
            Self::Delete => "delete".to_owned(),
            Self::Noop => "noop".to_owned(),
            Self::Pwd => "pwd".to_owned(),
            Self::Idle(time) => format!("idle {}", show_time(*time)),
        }
    }
}

fn folder(keys: &mut Keys) -> Result<String> {
    let path = keys.text("path")?.unwrap_or_else(|| ".".to_owned());
    if path.contains(['\r', '\n']) {
        bail!("{}: a path has no line breaks", keys.name("path"));
    }
    Ok(path)
}

/// An action without what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Login,
    List,
    Mlsd,
    Download,
    Upload,
    Rename,
    Delete,
    Noop,
    Pwd,
    Idle,
}

const ACTIONS: [(&str, Kind); 10] = [
    ("login", Kind::Login),
    ("list", Kind::List),
    ("mlsd", Kind::Mlsd),
    ("download", Kind::Download),
    ("upload", Kind::Upload),
    ("rename", Kind::Rename),
    ("delete", Kind::Delete),
    ("noop", Kind::Noop),
    ("pwd", Kind::Pwd),
    ("idle", Kind::Idle),
];

/// The keys of a task.
pub(super) const KEYS: [&str; 6] = ["do", "weight", "size", "path", "time", "name"];

/// What reports call the login of each session, whether a task asked for it or not.
pub(super) const LOGIN: &str = "login";

/// The largest weight: the sum over all tasks stays far below 2^64.
const WEIGHT_MAX: u64 = 1_000_000;

/// A file when nothing else is said.
const FILE_BYTES: u64 = 1024;

/// Nothing is done for so long when nothing else is said.
const IDLE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn mix(text: &str) -> Result<Mix> {
        Mix::read(Keys::file(text, &["mix"])?.tables("mix", &KEYS)?)
    }

    const OFFICE: &str = "[[mix]]\ndo = \"mlsd\"\nweight = 5\n[[mix]]\ndo = \"download\"\n\
                          weight = 3\n[[mix]]\ndo = \"upload\"\nsize = \"2 MiB\"\nweight = 2\n";

    #[test]
    fn a_seed_gives_the_same_tasks_again() {
        let mix = mix(OFFICE).unwrap();
        let draw = |seed| -> Vec<_> {
            let mut chance = Chance::new(seed, 0);
            (0..12).map(|_| mix.draw(Protocol::Ftp, &mut chance).unwrap()).collect()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        // What a seed means is not to change from version to version.
        assert_eq!(draw(1), EXPECTED);
    }

    const EXPECTED: [usize; 12] = [1, 2, 0, 2, 0, 2, 2, 0, 0, 0, 0, 0];

    #[test]
    fn tasks_are_drawn_by_weight_and_protocol() {
        let mix = mix(OFFICE).unwrap();
        let mut chance = Chance::new(1, 0);
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            counts[mix.draw(Protocol::Ftps, &mut chance).unwrap()] += 1;
        }
        for (count, expected) in counts.iter().zip([5000, 3000, 2000]) {
            assert!(i32::abs(count - expected) < 200, "{counts:?}");
        }
        let drawn = (0..1000).map(|_| mix.draw(Protocol::Sftp, &mut chance).unwrap());
        assert!(drawn.min() == Some(1), "there is no MLSD over SFTP");
    }

    #[test]
    fn tasks_have_names_that_say_what_they_do() {
        let mix = mix(OFFICE).unwrap();
        let names: Vec<_> = mix.tasks().iter().map(|task| task.name.as_str()).collect();
        assert_eq!(names, ["mlsd .", "download 1 KiB", "upload 2 MiB"]);
    }

    #[test]
    fn mistakes_are_named() {
        let message = |text: &str| mix(text).unwrap_err().to_string();
        assert_eq!(message("[[mix]]\nweight = 1"), "mix 1.do: missing");
        assert!(message("[[mix]]\ndo = \"donwload\"").contains("did you mean \"download\"?"));
        let error = message("[[mix]]\ndo = \"noop\"\nsize = 5");
        assert_eq!(error, "mix 1.size: of these three this task takes nothing");
        let error = message("[[mix]]\ndo = \"noop\"\n[[mix]]\ndo = \"noop\"");
        assert!(error.starts_with("mix 2.name: another task is called \"noop\""), "{error}");
        assert!(message("[[mix]]\ndo = \"noop\"\nname = \"login\"").starts_with("mix 1.name"));
        assert!(message("[[mix]]\ndo = \"list\"\npath = \"a\\nb\"").starts_with("mix 1.path"));
    }
}
