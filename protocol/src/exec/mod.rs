//! Commands of SSH `exec` requests, parsed and never given to a shell.
//!
//! [`parse`] takes a command line apart as a shell would ([`Word`]) and recognises the few programs
//! that this server carries out itself. Everything else is refused with a text for the client.

#[cfg(test)]
mod tests;
mod word;

pub use crate::glob::Word;

use crate::digest::Algorithm;
use crate::scp::{Invocation, Role};

/// A command that this server carries out itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exec {
    /// `scp -t`, `scp -f`.
    Scp(Invocation),
    /// `md5sum`, `sha1sum`, `sha256sum`, `sha512sum`, and `rclone md5sum`, `rclone sha1sum`,
    /// `rclone hashsum NAME`. One line of [`hash_line`] for each file.
    Hash {
        /// Of which hash.
        algorithm: Algorithm,
        /// The files; none: the channel's own input up to its end, shown as `-`.
        paths: Vec<Word>,
    },
    /// `echo TEXT | md5sum` and its kin, by which old releases of rclone try out the hash commands.
    /// Shown as `-`.
    HashText {
        /// Of which hash.
        algorithm: Algorithm,
        /// What is hashed, its line end included.
        text: Vec<u8>,
    },
}

/// Why a command is refused. The text is for the client's stderr.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// Not a program that this server knows.
    #[error("only scp and hash commands are served here")]
    UnknownCommand,
    /// The command is longer than [`COMMAND_BYTES_MAX`].
    #[error("command is longer than {COMMAND_BYTES_MAX} bytes")]
    TooLong,
    /// A NUL byte.
    #[error("command holds a NUL byte")]
    Nul,
    /// Outside quotes something that only a shell could do.
    #[error("{0:?} needs quotes: there is no shell here")]
    Power(char),
    /// A quote without its end.
    #[error("a quote has no end")]
    OpenQuote,
    /// An option that does not exist or is of no use on a server.
    #[error("{program}: option {option:?} is not served here")]
    BadOption {
        /// The program.
        program: &'static str,
        /// The option as text.
        option: String,
    },
    /// `scp` without `-t` or `-f`, or with both.
    #[error("scp: needs one of -t and -f")]
    NoRole,
    /// Too few or too many paths.
    #[error("{program}: wrong number of paths")]
    Paths {
        /// The program.
        program: &'static str,
    },
}

impl ExecError {
    /// What a shell would have ended with: 127 if there is no such program, 2 if the line makes no
    /// sense, 1 if the program refuses its arguments.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::UnknownCommand => 127,
            Self::TooLong | Self::Nul | Self::Power(_) | Self::OpenQuote => 2,
            Self::BadOption { .. } | Self::NoRole | Self::Paths { .. } => 1,
        }
    }
}

/// Parses the command of an `exec` request.
pub fn parse(command: &[u8]) -> Result<Exec, ExecError> {
    if command.len() > COMMAND_BYTES_MAX {
        return Err(ExecError::TooLong);
    }
    let mut parts = word::split(command)?.into_iter();
    match (parts.next(), parts.next(), parts.next()) {
        (Some(words), None, None) => simple(words),
        (Some(echo), Some(words), None) => piped(&echo, words),
        _ => Err(ExecError::Power('|')),
    }
}

/// The line that `md5sum` and its kin write: digits, two spaces, the name. A backslash in front
/// says that in the name backslash, LF and CR are written as `\\`, `\n` and `\r`.
pub fn hash_line(hex: &str, path: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(hex.len() + path.len() + 4);
    if path.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r')) {
        line.push(b'\\');
    }
    line.extend_from_slice(hex.as_bytes());
    line.extend_from_slice(b"  ");
    for &byte in path {
        match byte {
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            _ => line.push(byte),
        }
    }
    line.push(b'\n');
    line
}

fn simple(words: Vec<Word>) -> Result<Exec, ExecError> {
    let mut words = words.into_iter();
    let program = words.next().ok_or(ExecError::UnknownCommand)?;
    let program = program.literal().ok_or(ExecError::UnknownCommand)?;
    // Wherever the client believes it to be installed.
    let name = program.rsplit(|&byte| byte == b'/').next().unwrap_or(program);
    match name {
        b"scp" => scp(words).map(Exec::Scp),
        b"rclone" => {
            let verb = words.next().ok_or(ExecError::UnknownCommand)?;
            let algorithm = match verb.literal() {
                Some(b"hashsum") => words.next().and_then(|word| Algorithm::parse(word.literal()?)),
                Some(verb) => sum(verb).map(|(_, algorithm)| algorithm),
                None => None,
            };
            hash("rclone", algorithm.ok_or(ExecError::UnknownCommand)?, words)
        }
        name => {
            let (program, algorithm) = sum(name).ok_or(ExecError::UnknownCommand)?;
            hash(program, algorithm, words)
        }
    }
}

/// The name and the algorithm of a command such as `md5sum`.
fn sum(name: &[u8]) -> Option<(&'static str, Algorithm)> {
    match name {
        b"md5sum" => Some(("md5sum", Algorithm::Md5)),
        b"sha1sum" => Some(("sha1sum", Algorithm::Sha1)),
        b"sha256sum" => Some(("sha256sum", Algorithm::Sha256)),
        b"sha512sum" => Some(("sha512sum", Algorithm::Sha512)),
        _ => None,
    }
}

/// `echo` with words that every `echo` writes alike, into a hash of its input.
fn piped(echo: &[Word], words: Vec<Word>) -> Result<Exec, ExecError> {
    let [program, arguments @ ..] = echo else { return Err(ExecError::Power('|')) };
    let arguments: Option<Vec<&[u8]>> = arguments.iter().map(Word::literal).collect();
    let arguments = arguments.ok_or(ExecError::Power('|'))?;
    let plain = !arguments.first().is_some_and(|first| first.starts_with(b"-"))
        && !arguments.iter().any(|argument| argument.contains(&b'\\'));
    match (program.literal(), simple(words)?) {
        (Some(b"echo"), Exec::Hash { algorithm, paths }) if plain && paths.is_empty() => {
            let mut text = arguments.join(&b' ');
            text.push(b'\n');
            Ok(Exec::HashText { algorithm, text })
        }
        _ => Err(ExecError::Power('|')),
    }
}

fn hash(
    program: &'static str,
    algorithm: Algorithm,
    words: impl Iterator<Item = Word>,
) -> Result<Exec, ExecError> {
    let mut paths = Vec::new();
    let mut options = true;
    for word in words {
        match word.literal() {
            Some(b"--") if options => options = false,
            // How bytes are read: there is only one way.
            Some(b"-b" | b"-t" | b"--binary" | b"--text") if options => {}
            Some(b"-") => paths.push(word),
            _ if options && starts_with_hyphen(&word) => {
                let option = shown(&word.text());
                return Err(ExecError::BadOption { program, option });
            }
            _ => paths.push(word),
        }
    }
    let input = |word: &Word| word.literal() == Some(b"-");
    match paths.as_slice() {
        [only] if input(only) => paths.clear(),
        paths if paths.iter().any(input) => return Err(ExecError::Paths { program }),
        _ => {}
    }
    Ok(Exec::Hash { algorithm, paths })
}

fn scp(words: impl Iterator<Item = Word>) -> Result<Invocation, ExecError> {
    let (mut sink, mut source) = (false, false);
    let (mut recursive, mut preserve, mut directory) = (false, false, false);
    let mut words = words.peekable();
    while let Some(word) = words.next_if(starts_with_hyphen) {
        let refused = || ExecError::BadOption { program: "scp", option: shown(&word.text()) };
        let option = word.literal().ok_or_else(refused)?;
        if option == b"--" {
            break;
        }
        for letter in option.iter().skip(1) {
            match letter {
                b't' => sink = true,
                b'f' => source = true,
                b'r' => recursive = true,
                b'p' => preserve = true,
                b'd' => directory = true,
                // Said to the client's end, and passed on by some.
                b'v' | b'q' | b'1' | b'2' | b'3' | b'4' | b'6' | b'A' | b'B' | b'C' | b'O'
                | b'R' | b'T' => {}
                _ => return Err(refused()),
            }
        }
    }
    let mut paths: Vec<Word> = words.collect();
    let role = match (sink, source) {
        (true, false) => match (paths.pop(), paths.is_empty()) {
            (Some(target), true) => Role::Sink(target),
            _ => return Err(ExecError::Paths { program: "scp" }),
        },
        (false, true) if paths.is_empty() => return Err(ExecError::Paths { program: "scp" }),
        (false, true) => Role::Source(paths),
        _ => return Err(ExecError::NoRole),
    };
    Ok(Invocation { role, recursive, preserve, directory })
}

/// An option; a hyphen alone is none.
fn starts_with_hyphen(word: &Word) -> bool {
    let (Word::Literal(text) | Word::Pattern(text)) = word;
    // In a pattern a quoted hyphen has a backslash.
    let text = text.strip_prefix(b"\\").filter(|rest| rest.starts_with(b"-")).unwrap_or(text);
    text.len() > 1 && text.starts_with(b"-")
}

/// Bytes of the client as the text of an error.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..OPTION_BYTES_SHOWN).unwrap_or(bytes)).into_owned()
}

/// The longest command in bytes: several of the longest paths, and what one SSH packet must be able
/// to carry (RFC 4253, 6.1).
pub const COMMAND_BYTES_MAX: usize = 32 * 1024;
/// How much of a wrong option is told, in bytes.
const OPTION_BYTES_SHOWN: usize = 40;
