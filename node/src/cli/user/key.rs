//! `flotilla user key add|rm|ls`: a user's SSH keys.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Prompt, UserError, find, read};
use crate::auth::key::{AuthorizedKey, Fingerprint, lines};
use crate::auth::users::Editor;
use crate::cli::table::{Side, Table};

/// What to do with a user's keys.
#[derive(Clone, Debug, Subcommand)]
pub enum KeyVerb {
    /// Give a user SSH keys.
    Add(AddArgs),
    /// Take SSH keys away from a user.
    Rm(RmArgs),
    /// List a user's SSH keys.
    Ls(LsArgs),
}

/// `flotilla user key add`.
#[derive(Clone, Debug, Args)]
pub struct AddArgs {
    /// The user; case matters.
    pub name: String,
    /// File with public keys, one per line, as in authorized_keys; "-" for standard input.
    #[arg(default_value = "-")]
    pub file: PathBuf,
}

/// `flotilla user key rm`.
#[derive(Clone, Debug, Args)]
pub struct RmArgs {
    /// The user; case matters.
    pub name: String,
    /// Which: a fingerprint SHA256:... as listed, or a file with public keys; "-" for standard input.
    #[arg(default_value = "-")]
    pub key: String,
}

/// `flotilla user key ls`.
#[derive(Clone, Debug, Args)]
pub struct LsArgs {
    /// The user; case matters.
    pub name: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Does what the verb says.
pub(super) fn run(
    verb: &KeyVerb,
    users_file: &Path,
    prompt: &mut dyn Prompt,
    out: &mut dyn Write,
) -> Result<(), UserError> {
    match verb {
        KeyVerb::Add(args) => add(args, users_file, prompt, out),
        KeyVerb::Rm(args) => remove(args, users_file, prompt, out),
        KeyVerb::Ls(args) => ls(args, users_file, out),
    }
}

fn add(
    args: &AddArgs,
    users_file: &Path,
    prompt: &mut dyn Prompt,
    out: &mut dyn Write,
) -> Result<(), UserError> {
    find(&read(users_file)?, &args.name)?;
    let keys = read_keys(&args.file, prompt)?;
    let mut editor = Editor::open(users_file)?;
    let mut told = Vec::new();
    for (line, key) in &keys {
        let print = key.key.fingerprint();
        let table = editor.table()?;
        if find(&table, &args.name)?.keys.iter().any(|own| own.key == key.key) {
            writeln!(told, "key {print} is {}'s already", args.name)?;
        } else {
            editor.add_key(&args.name, line)?;
            writeln!(told, "key {print} added to {}", args.name)?;
        }
    }
    editor.save()?;
    Ok(out.write_all(&told)?)
}

fn remove(
    args: &RmArgs,
    users_file: &Path,
    prompt: &mut dyn Prompt,
    out: &mut dyn Write,
) -> Result<(), UserError> {
    find(&read(users_file)?, &args.name)?;
    let prints = match args.key.starts_with("SHA256:") {
        true => vec![Fingerprint::parse(&args.key).ok_or_else(|| UserError::Keys {
            path: users_file.to_owned(),
            reason: format!("\"{}\" is no fingerprint as listed", args.key),
        })?],
        false => {
            let keys = read_keys(Path::new(&args.key), prompt)?;
            keys.iter().map(|(_, key)| key.key.fingerprint()).collect()
        }
    };
    let mut editor = Editor::open(users_file)?;
    for print in &prints {
        let table = editor.table()?;
        let mut keys = find(&table, &args.name)?.keys.iter();
        let at = keys.position(|own| own.key.fingerprint() == *print).ok_or_else(|| {
            UserError::NoSuchKey { user: args.name.clone(), key: print.to_string() }
        })?;
        editor.remove_key(&args.name, at)?;
    }
    editor.save()?;
    for print in prints {
        writeln!(out, "key {print} taken from {}", args.name)?;
    }
    Ok(())
}

fn ls(args: &LsArgs, users_file: &Path, out: &mut dyn Write) -> Result<(), UserError> {
    let table = read(users_file)?;
    let keys = &find(&table, &args.name)?.keys;
    if args.json {
        let keys: Vec<_> = keys.iter().map(to_json).collect();
        serde_json::to_writer_pretty(&mut *out, &keys).map_err(io::Error::from)?;
        return Ok(writeln!(out)?);
    }
    let head = ["KIND", "FINGERPRINT", "COMMENT", "OPTIONS"];
    let mut table = Table::new(head.map(|name| (name, Side::Left)));
    for key in keys {
        table.row(to_row(key));
    }
    Ok(out.write_all(table.text().as_bytes())?)
}

fn to_row(key: &AuthorizedKey) -> [String; 4] {
    [
        key.key.algorithm().to_owned(),
        key.key.fingerprint().to_string(),
        key.comment.clone(),
        key.options.names().join(","),
    ]
}

fn to_json(key: &AuthorizedKey) -> serde_json::Value {
    json!({
        "kind": key.key.algorithm(),
        "fingerprint": key.key.fingerprint().to_string(),
        "comment": key.comment,
        "options": key.options.names(),
        "line": key.to_string(),
    })
}

/// The keys of a file with their lines.
fn read_keys(
    path: &Path,
    prompt: &mut dyn Prompt,
) -> Result<Vec<(String, AuthorizedKey)>, UserError> {
    let failed = |line: Option<usize>, reason: String| {
        let mut name = path.as_os_str().to_owned();
        name.push(line.map(|line| format!(":{line}")).unwrap_or_default());
        UserError::Keys { path: name.into(), reason }
    };
    let text = match path == Path::new("-") {
        true => prompt.text(),
        false => File::open(path).and_then(|file| io::read_to_string(file.take(FILE_BYTES_MAX))),
    };
    let text = text.map_err(|error| failed(None, error.to_string()))?;
    let keys = lines(&text)
        .map(|(number, line)| {
            let key = AuthorizedKey::parse(line).map_err(|why| failed(Some(number), why))?;
            Ok((line.to_owned(), key))
        })
        .collect::<Result<Vec<_>, UserError>>()?;
    match keys.is_empty() {
        true => Err(failed(None, "holds no public key".to_owned())),
        false => Ok(keys),
    }
}

/// Some thousand keys.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 20;
