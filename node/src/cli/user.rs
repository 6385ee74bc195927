//! `flotilla user add|passwd|rm|ls|key`: the users file by command.
//!
//! A server that runs takes changes over by itself, at the next login.

use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use crate::auth::demo::random_password;
use crate::auth::hash::{HashError, PASSWORD_BYTES_MAX, StoredHash};
use crate::auth::users::{
    EditError, Editor, NewUser, PERMISSIONS, PROTOCOLS, Table, User, UsersError, check_name,
    parse_expiry, parse_home, parse_rate,
};

pub mod key;
mod list;

/// What to do with the users file.
#[derive(Clone, Debug, Subcommand)]
pub enum UserVerb {
    /// Add a user.
    Add(Box<AddArgs>),
    /// Give a user a new password.
    Passwd(PasswdArgs),
    /// Remove a user; the files stay.
    Rm(RmArgs),
    /// List the users.
    Ls(LsArgs),
    /// Look after the SSH keys of a user.
    #[command(subcommand)]
    Key(key::KeyVerb),
}

/// Where a password comes from; asked for on the terminal without any of these.
#[derive(Clone, Debug, Default, Args)]
pub struct PasswordArgs {
    /// Read the password from the first line of standard input.
    #[arg(long, conflicts_with = "generate")]
    pub password_stdin: bool,
    /// Make a random password and print it.
    #[arg(long)]
    pub generate: bool,
}

/// `flotilla user add`.
#[derive(Clone, Debug, Args)]
pub struct AddArgs {
    /// The name; case matters.
    #[arg(value_parser = user_name)]
    pub name: String,
    /// Where the password comes from.
    #[command(flatten)]
    pub password: PasswordArgs,
    /// No login by password: for users with keys or certificates.
    #[arg(long, conflicts_with_all = ["password_stdin", "generate"])]
    pub no_password: bool,
    /// Folder under the storage root, "." for the root itself [default: the name].
    #[arg(long, value_name = "FOLDER", value_parser = home)]
    pub home: Option<String>,
    /// A storage root of the user's own.
    #[arg(long, value_name = "PATH")]
    pub root: Option<String>,
    /// What the user may do [default: everything].
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(PERMISSIONS.iter().copied()))]
    pub permissions: Vec<String>,
    /// How the user may log in [default: all].
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(PROTOCOLS.iter().copied()))]
    pub protocols: Vec<String>,
    /// From where the user may log in, such as 192.0.2.0/24 [default: anywhere].
    #[arg(long, value_delimiter = ',', value_name = "NETWORK")]
    pub networks: Vec<String>,
    /// An SSH public key, such as "ssh-ed25519 AAAA..."; may be given several times.
    #[arg(long = "key", value_name = "KEY")]
    pub keys: Vec<String>,
    /// Of which an SSH certificate must name one; may be given several times [default: the name].
    #[arg(long = "principal", value_name = "PRINCIPAL")]
    pub principals: Vec<String>,
    /// How the user logs in over SSH, such as publickey+password [default: ssh.authentication].
    #[arg(long, value_delimiter = ',', value_name = "METHODS")]
    pub authentication: Vec<String>,
    /// Sessions at once, 0 for any number.
    #[arg(long)]
    pub sessions: Option<u32>,
    /// Bytes per second from the client, such as 10MiB.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub upload: Option<String>,
    /// Bytes per second to the client, such as 10MiB.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub download: Option<String>,
    /// When the account ends, such as 2030-12-31 or 2030-12-31T18:00:00Z.
    #[arg(long, value_name = "DATE", value_parser = expiry)]
    pub expires: Option<String>,
    /// Nobody gets in until the line is removed from the file.
    #[arg(long)]
    pub disabled: bool,
    /// What a client certificate is for.
    #[arg(long, value_parser = ["off", "required", "sufficient"])]
    pub certificate: Option<String>,
    /// "sha256:" and the fingerprint of a certificate of the user's; may be given several times.
    #[arg(long = "certificate-fingerprint", value_name = "FINGERPRINT")]
    pub certificate_fingerprints: Vec<String>,
    /// A common name, DNS name or mail address in the certificate; may be given several times.
    #[arg(long = "certificate-name", value_name = "NAME")]
    pub certificate_names: Vec<String>,
    /// Text shown after login.
    #[arg(long, value_name = "TEXT")]
    pub message: Option<String>,
}

/// `flotilla user passwd`.
#[derive(Clone, Debug, Args)]
pub struct PasswdArgs {
    /// The name; case matters.
    pub name: String,
    /// Where the password comes from.
    #[command(flatten)]
    pub password: PasswordArgs,
}

/// `flotilla user rm`.
#[derive(Clone, Debug, Args)]
pub struct RmArgs {
    /// The name; case matters.
    pub name: String,
}

/// `flotilla user ls`.
#[derive(Clone, Debug, Args)]
pub struct LsArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Why a verb failed; nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The file or the user in it.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The file is wrong.
    #[error(transparent)]
    Users(#[from] UsersError),
    /// The hash could not be made.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A file of keys.
    #[error("{}: {reason}", path.display())]
    Keys {
        /// The file; `-` for standard input.
        path: PathBuf,
        /// What is wrong, with the line.
        reason: String,
    },
    /// The user has no such key.
    #[error("{user} has no key {key}")]
    NoSuchKey {
        /// The user.
        user: String,
        /// The fingerprint.
        key: String,
    },
    /// The password will not do.
    #[error("the password {0}")]
    Password(&'static str),
    /// Nobody can be asked.
    #[error(
        "no password can be asked for on a terminal ({0}); see --password-stdin and --generate"
    )]
    Terminal(io::Error),
    /// Standard input or output.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Where passwords are typed.
pub trait Prompt {
    /// A line from the terminal, not echoed, after this text.
    fn ask(&mut self, text: &str) -> io::Result<Zeroizing<String>>;
    /// The first line of standard input, without its end.
    fn line(&mut self) -> io::Result<Zeroizing<String>>;
    /// All of standard input.
    fn text(&mut self) -> io::Result<String>;
}

/// The real terminal and standard input.
#[derive(Clone, Copy, Debug)]
pub struct Terminal;

impl Prompt for Terminal {
    fn ask(&mut self, text: &str) -> io::Result<Zeroizing<String>> {
        rpassword::prompt_password(text).map(Zeroizing::new)
    }

    fn line(&mut self) -> io::Result<Zeroizing<String>> {
        let mut line = Zeroizing::new(String::new());
        io::stdin().lock().read_line(&mut line)?;
        let end = line.trim_end_matches(['\r', '\n']).len();
        line.truncate(end);
        Ok(line)
    }

    fn text(&mut self) -> io::Result<String> {
        io::read_to_string(io::stdin().lock().take(key::FILE_BYTES_MAX))
    }
}

/// Does what the verb says, with passwords from the terminal or standard input.
///
/// # Errors
/// [`UserError`]; the file is as it was then.
pub fn run(verb: &UserVerb, users_file: &Path, out: &mut dyn Write) -> Result<(), UserError> {
    run_with(verb, users_file, &mut Terminal, out)
}

/// [`run`] with passwords from elsewhere.
///
/// # Errors
/// [`UserError`]; the file is as it was then.
pub fn run_with(
    verb: &UserVerb,
    users_file: &Path,
    prompt: &mut dyn Prompt,
    out: &mut dyn Write,
) -> Result<(), UserError> {
    match verb {
        UserVerb::Add(args) => add(args, users_file, prompt, out),
        UserVerb::Passwd(args) => passwd(args, users_file, prompt, out),
        UserVerb::Rm(args) => {
            let mut editor = Editor::open(users_file)?;
            editor.remove(&args.name)?;
            editor.save()?;
            Ok(writeln!(out, "user {} removed", args.name)?)
        }
        UserVerb::Ls(args) => list::run(args, &read(users_file)?, out),
        UserVerb::Key(verb) => key::run(verb, users_file, prompt, out),
    }
}

fn add(
    args: &AddArgs,
    file: &Path,
    prompt: &mut dyn Prompt,
    out: &mut dyn Write,
) -> Result<(), UserError> {
    // Whether there is such a user is said before a password is asked for, and checked again under
    // the lock: nobody should hold that while they think of a password.
    if read(file)?.find(args.name.as_bytes()).is_some() {
        return Err(EditError::Exists(args.name.clone()).into());
    }
    let password = match args.no_password {
        true => None,
        false => Some(new_password(&args.password, prompt)?),
    };
    let hash = password.as_ref().map(|password| StoredHash::make(password.as_bytes()));
    let user = NewUser {
        name: args.name.clone(),
        password: hash.transpose()?,
        keys: args.keys.clone(),
        principals: args.principals.clone(),
        authentication: args.authentication.clone(),
        home: args.home.clone(),
        root: args.root.clone(),
        permissions: args.permissions.clone(),
        protocols: args.protocols.clone(),
        networks: args.networks.clone(),
        sessions: args.sessions,
        upload: args.upload.clone(),
        download: args.download.clone(),
        expires: args.expires.clone(),
        disabled: args.disabled,
        certificate: args.certificate.clone(),
        certificate_fingerprints: args.certificate_fingerprints.clone(),
        certificate_names: args.certificate_names.clone(),
        message: args.message.clone(),
    };
    let mut editor = Editor::open(file)?;
    editor.add(&user)?;
    editor.save()?;
    writeln!(out, "user {} added", args.name)?;
    tell(&args.password, password, out)
}

fn passwd(
    args: &PasswdArgs,
    file: &Path,
    prompt: &mut dyn Prompt,
    out: &mut dyn Write,
) -> Result<(), UserError> {
    find(&read(file)?, &args.name)?;
    let password = new_password(&args.password, prompt)?;
    let hash = StoredHash::make(password.as_bytes())?;
    let mut editor = Editor::open(file)?;
    editor.set_password(&args.name, &hash)?;
    editor.save()?;
    writeln!(out, "password of {} changed", args.name)?;
    tell(&args.password, Some(password), out)
}

fn new_password(
    args: &PasswordArgs,
    prompt: &mut dyn Prompt,
) -> Result<Zeroizing<String>, UserError> {
    let password = if args.generate {
        Zeroizing::new(random_password()?)
    } else if args.password_stdin {
        prompt.line()?
    } else {
        let password = prompt.ask("password: ").map_err(UserError::Terminal)?;
        if *prompt.ask("once more: ").map_err(UserError::Terminal)? != *password {
            return Err(UserError::Password("was not the same both times"));
        }
        password
    };
    if password.is_empty() {
        return Err(UserError::Password("is empty"));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(UserError::Password("is longer than 512 bytes"));
    }
    if password.contains(['\0', '\r', '\n']) {
        return Err(UserError::Password("holds a character that no client can send"));
    }
    Ok(password)
}

/// Prints a password that was made here: it is told once.
fn tell(
    args: &PasswordArgs,
    password: Option<Zeroizing<String>>,
    out: &mut dyn Write,
) -> Result<(), UserError> {
    match password {
        Some(password) if args.generate => Ok(writeln!(out, "password: {}", *password)?),
        _ => Ok(()),
    }
}

/// The user of this name.
fn find<'a>(table: &'a Table, name: &str) -> Result<&'a Arc<User>, UserError> {
    table.find(name.as_bytes()).ok_or_else(|| {
        let users = table.users();
        let names = users.iter().map(|user| &*user.account.name);
        EditError::no_such_user(name, names).into()
    })
}

/// The users; a file that does not exist yet has none.
fn read(file: &Path) -> Result<Table, UserError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Table::parse(file, &text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Table::default()),
        Err(source) => Err(UsersError::Read { path: file.to_owned(), source }.into()),
    }
}

// What clap checks, so that a slip is called by the name of its option. Other values are checked
// by reading the file as it would be.

fn user_name(text: &str) -> Result<String, String> {
    check_name(text).map(|()| text.to_owned()).map_err(|why| format!("a user name {why}"))
}

fn home(text: &str) -> Result<String, String> {
    parse_home(text).map(|_| text.to_owned()).map_err(|why| format!("a home {why}"))
}

fn rate(text: &str) -> Result<String, String> {
    let known = parse_rate(text).map(|_| text.to_owned());
    known.ok_or_else(|| "expected bytes per second such as 10MiB or 500000".to_owned())
}

fn expiry(text: &str) -> Result<String, String> {
    let known = parse_expiry(text).map(|_| text.to_owned());
    known.ok_or_else(|| "expected a date such as 2030-12-31 or 2030-12-31T18:00:00Z".to_owned())
}

#[cfg(test)]
mod tests;
