//! Loading: defaults, the main file, `conf.d/*.toml` beside it, the environment, flags; the later
//! wins.

use std::io;
use std::path::{Path, PathBuf};

use super::Config;
use super::assemble::assemble;
use super::check::contradictions;
use super::error::{ConfigError, Fault, Origin, Problem};
use super::origins::Origins;
use super::resolve::resolve;
use super::source;

/// What the command line says about the configuration.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// The main file, which must exist; `None`: [`MAIN_FILE`] if it does.
    pub file: Option<PathBuf>,
    /// Keys and values that override everything.
    pub flags: Vec<(String, String)>,
}

/// Loads the configuration of this process.
///
/// # Errors
/// Everything that is wrong with it. Whether the files that it names can be read is not looked at:
/// see [`check_files`](super::check_files).
pub fn load(options: LoadOptions) -> Result<(Config, Origins), ConfigError> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
        .collect::<Vec<_>>();
    load_from(&options, Some(Path::new(MAIN_FILE)), &variables)
}

/// What flags alone give: no file and no environment is looked at.
#[cfg(test)]
pub(crate) fn load_flags(flags: &[(&str, &str)]) -> Result<(Config, Origins), ConfigError> {
    let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let options = LoadOptions { file: None, flags: flags.collect() };
    load_from(&options, None, &[])
}

/// Loads from surroundings that tests can make; `usual` is the main file where none is named.
pub(super) fn load_from(
    options: &LoadOptions,
    usual: Option<&Path>,
    variables: &[(String, String)],
) -> Result<(Config, Origins), ConfigError> {
    let mut origins = Origins::default();
    let mut problems = Vec::new();
    let main = options.file.as_deref().or(usual);
    let mut drop_ins = Vec::new();
    if let Some(main) = main {
        file(&mut origins, &mut problems, main, options.file.is_some());
        drop_ins = find_drop_ins(&mut problems, main);
    }
    for path in &drop_ins {
        file(&mut origins, &mut problems, path, true);
    }
    source::environment(&mut origins, &mut problems, variables);
    source::flags(&mut origins, &mut problems, &options.flags);

    let config = assemble(&origins, &mut problems).map(|mut config| {
        resolve(&mut config, &origins);
        contradictions(&config, &origins, &mut problems);
        config
    });
    problems.sort_by_key(|problem| place(&problem.origin, &drop_ins));
    match config {
        Some(config) => ConfigError::unless_empty((config, origins), problems),
        None => Err(ConfigError { problems }),
    }
}

fn file(origins: &mut Origins, problems: &mut Vec<Problem>, path: &Path, required: bool) {
    match std::fs::read_to_string(path) {
        Ok(text) => source::file(origins, problems, path, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => {}
        Err(error) => problems.push(unreadable(path, &error)),
    }
}

/// `conf.d/*.toml` beside the main file, sorted by name; no folder, no files.
fn find_drop_ins(problems: &mut Vec<Problem>, main: &Path) -> Vec<PathBuf> {
    let folder = main.parent().unwrap_or(Path::new("")).join(DROP_INS);
    let entries = std::fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match entries {
        Ok(entries) => {
            let mut paths = entries
                .iter()
                .map(std::fs::DirEntry::path)
                .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
                .collect::<Vec<_>>();
            paths.sort();
            paths
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            problems.push(unreadable(&folder, &error));
            Vec::new()
        }
    }
}

/// Sorts problems in the order of reading: the main file, the others, then what is outside files.
fn place(origin: &Origin, drop_ins: &[PathBuf]) -> (usize, usize) {
    match origin {
        Origin::Default => (0, 0),
        Origin::File(path, line) => {
            let index = drop_ins.iter().position(|drop_in| drop_in == path);
            (index.map_or(1, |index| index + 2), *line)
        }
        Origin::Environment(_) | Origin::Flag(_) => (usize::MAX, 0),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let fault = Fault::Unreadable { path: path.to_owned(), reason: error.to_string() };
    Problem { origin: Origin::Default, key: String::new(), fault }
}

/// The main file where no other is given.
pub const MAIN_FILE: &str = "/etc/flotilla/flotilla.toml";
/// The folder of drop-ins.
const DROP_INS: &str = "conf.d";
