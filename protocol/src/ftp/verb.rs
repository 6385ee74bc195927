//! The one table of verbs: name, syntax, when it is allowed, and how its argument is read.

use super::command::{Command, ParseError};
use super::parse;
use crate::digest::Algorithm;

/// When a verb may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Before login and after.
    Always,
    /// Only after login (530 before).
    LoggedIn,
}

/// A row of the verb table.
#[derive(Clone, Copy, Debug)]
pub struct VerbInfo {
    /// The verb in upper case.
    pub name: &'static str,
    /// What HELP says: `RETR <path>`.
    pub syntax: &'static str,
    /// When it is allowed.
    pub access: Access,
    /// Taken while a transfer or another request is under way (ABOR, STAT, NOOP, QUIT).
    pub during_transfer: bool,
    /// Reads the argument: what follows the verb and one space, empty if there is nothing.
    pub(crate) parse: Parser,
}

/// A known verb: an index into the verb table, with its name for logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Verb(u8);

impl Verb {
    /// Looks up the first word of a line, in any case.
    pub fn lookup(word: &[u8]) -> Option<Self> {
        let place = KEYS.binary_search(&key(word)).ok()?;
        u8::try_from(place).ok().map(Self)
    }

    /// Every verb in the order of HELP.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).take(VERBS.len()).map(Self)
    }

    /// How many there are.
    pub const COUNT: usize = VERBS.len();

    /// Its place among [`all`](Self::all), below [`COUNT`](Self::COUNT).
    pub fn place(self) -> usize {
        usize::from(self.0)
    }

    /// Its row.
    pub fn info(self) -> &'static VerbInfo {
        // Both makers of a `Verb` keep it inside the table, so the first row never stands in.
        VERBS.get(usize::from(self.0)).unwrap_or(&VERBS[0])
    }
}

/// Reads one argument.
pub(crate) type Parser = for<'a> fn(&'a [u8]) -> Result<Command<'a>, Refusal>;

/// Why a parser refuses its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 501 with the verb's own syntax.
    Syntax,
    /// Anything else.
    Because(ParseError),
}

impl Refusal {
    pub(crate) fn named(self, info: &VerbInfo) -> ParseError {
        match self {
            Self::Syntax => ParseError::Syntax(info.syntax),
            Self::Because(error) => error,
        }
    }
}

/// A word as a big-endian number of its upper-case bytes, which orders as the words do; 0 for what
/// can be no verb (empty, longer than eight bytes, with a NUL inside).
const fn key(mut word: &[u8]) -> u64 {
    if word.is_empty() || word.len() > 8 {
        return 0;
    }
    let mut key = 0;
    let mut free = 64;
    while let Some((byte, rest)) = word.split_first() {
        if *byte == 0 {
            return 0;
        }
        free -= 8;
        key |= (byte.to_ascii_uppercase() as u64) << free;
        word = rest;
    }
    key
}

const fn row(
    name: &'static str,
    syntax: &'static str,
    access: Access,
    during_transfer: bool,
    parse: Parser,
) -> VerbInfo {
    VerbInfo { name, syntax, access, during_transfer, parse }
}

/// A verb that needs a login.
const fn user(name: &'static str, syntax: &'static str, parse: Parser) -> VerbInfo {
    row(name, syntax, Access::LoggedIn, false, parse)
}

/// A verb for everybody.
const fn any(name: &'static str, syntax: &'static str, parse: Parser) -> VerbInfo {
    row(name, syntax, Access::Always, false, parse)
}

/// In alphabetical order: the look-up and HELP both depend on it.
static VERBS: [VerbInfo; 63] = [
    row("ABOR", "ABOR", Access::Always, true, |_| Ok(Command::Abor)),
    any("ACCT", "ACCT <account>", |a| parse::some(a).map(Command::Acct)),
    user("ALLO", "ALLO <bytes> [R <record size>]", parse::allo),
    user("APPE", "APPE <path>", |a| parse::path(a).map(Command::Appe)),
    any("AUTH", "AUTH TLS | AUTH TLS-C | AUTH SSL | AUTH TLS-P", parse::auth),
    user("AVBL", "AVBL [<path>]", |a| parse::path_or_none(a).map(Command::Avbl)),
    any("CCC", "CCC", |a| parse::nothing(a, Command::Ccc)),
    user("CDUP", "CDUP", |a| parse::nothing(a, Command::Cdup)),
    any("CLNT", "CLNT <name of the client>", |a| parse::some(a).map(Command::Clnt)),
    user("CWD", "CWD [<path>]", parse::cwd),
    user("DELE", "DELE <path>", |a| parse::path(a).map(Command::Dele)),
    user("EPRT", "EPRT |<1 or 2>|<address>|<port>|", parse::eprt),
    user("EPSV", "EPSV [1 | 2 | ALL]", parse::epsv),
    any("FEAT", "FEAT", |a| parse::nothing(a, Command::Feat)),
    user("HASH", "HASH <path>", |a| parse::path(a).map(Command::Hash)),
    any("HELP", "HELP [<command> | SITE]", |a| Ok(Command::Help(parse::word_or_none(a)))),
    any("HOST", "HOST <name> | HOST <address>", parse::host),
    any("LANG", "LANG [<language tag>]", |a| Ok(Command::Lang(parse::word_or_none(a)))),
    user("LIST", "LIST [-aldR] [<path or pattern>]", |a| parse::list(a).map(Command::List)),
    user("MDTM", "MDTM <path>", parse::mdtm),
    user("MFF", "MFF modify=<YYYYMMDDHHMMSS>;UNIX.mode=<octal>; <path>", parse::mff),
    user("MFMT", "MFMT <YYYYMMDDHHMMSS> <path>", parse::mfmt),
    user("MKD", "MKD <path>", |a| parse::path(a).map(Command::Mkd)),
    user("MLSD", "MLSD [<path>]", |a| parse::path_or_none(a).map(Command::Mlsd)),
    user("MLST", "MLST [<path>]", |a| parse::path_or_none(a).map(Command::Mlst)),
    user("MODE", "MODE S", parse::mode),
    user("NLST", "NLST [-aldR] [<path or pattern>]", |a| parse::list(a).map(Command::Nlst)),
    row("NOOP", "NOOP", Access::Always, true, |_| Ok(Command::Noop)),
    any("OPTS", "OPTS UTF8 ON | OPTS MLST [<facts>] | OPTS HASH [<algorithm>]", parse::opts),
    any("PASS", "PASS <password>", |a| Ok(Command::Pass(a))),
    user("PASV", "PASV", |a| parse::nothing(a, Command::Pasv)),
    any("PBSZ", "PBSZ 0", |a| parse::number(a).map(Command::Pbsz)),
    user("PORT", "PORT <h1,h2,h3,h4,p1,p2>", parse::port),
    any("PROT", "PROT C | PROT P", parse::prot),
    user("PWD", "PWD", |a| parse::nothing(a, Command::Pwd)),
    row("QUIT", "QUIT", Access::Always, true, |_| Ok(Command::Quit)),
    user("RANG", "RANG <first byte> <last byte>", parse::rang),
    any("REIN", "REIN", |a| parse::nothing(a, Command::Rein)),
    user("REST", "REST <offset>", |a| parse::number(a).map(Command::Rest)),
    user("RETR", "RETR <path>", |a| parse::path(a).map(Command::Retr)),
    user("RMD", "RMD <path>", |a| parse::path(a).map(Command::Rmd)),
    user("RNFR", "RNFR <path>", |a| parse::path(a).map(Command::Rnfr)),
    user("RNTO", "RNTO <path>", |a| parse::path(a).map(Command::Rnto)),
    user("SITE", "SITE <command>; SITE HELP names them", parse::site),
    user("SIZE", "SIZE <path>", |a| parse::path(a).map(Command::Size)),
    row("STAT", "STAT [-aldR] [<path or pattern>]", Access::Always, true, parse::stat),
    user("STOR", "STOR <path>", |a| parse::path(a).map(Command::Stor)),
    user("STOU", "STOU [<path>]", |a| parse::path_or_none(a).map(Command::Stou)),
    user("STRU", "STRU F", parse::stru),
    any("SYST", "SYST", |a| parse::nothing(a, Command::Syst)),
    user("TYPE", "TYPE A | TYPE I | TYPE L 8", parse::representation),
    any("USER", "USER <name>", |a| parse::some(a).map(Command::User)),
    user("XCRC", "XCRC <path> [<start> <end>]", |a| parse::digest(a, Algorithm::Crc32)),
    user("XCUP", "XCUP", |a| parse::nothing(a, Command::Cdup)),
    user("XCWD", "XCWD [<path>]", parse::cwd),
    user("XMD5", "XMD5 <path> [<start> <end>]", |a| parse::digest(a, Algorithm::Md5)),
    user("XMKD", "XMKD <path>", |a| parse::path(a).map(Command::Mkd)),
    user("XPWD", "XPWD", |a| parse::nothing(a, Command::Pwd)),
    user("XRMD", "XRMD <path>", |a| parse::path(a).map(Command::Rmd)),
    user("XSHA", "XSHA <path> [<start> <end>]", |a| parse::digest(a, Algorithm::Sha1)),
    user("XSHA1", "XSHA1 <path> [<start> <end>]", |a| parse::digest(a, Algorithm::Sha1)),
    user("XSHA256", "XSHA256 <path> [<start> <end>]", |a| parse::digest(a, Algorithm::Sha256)),
    user("XSHA512", "XSHA512 <path> [<start> <end>]", |a| parse::digest(a, Algorithm::Sha512)),
];

/// The names as numbers, in the table's order, so that a look-up touches one kilobyte at the most.
#[expect(
    clippy::indexing_slicing,
    reason = "run by the compiler, which refuses an index out of bounds"
)]
static KEYS: [u64; VERBS.len()] = {
    let mut keys = [0; VERBS.len()];
    let mut place = 0;
    while place < keys.len() {
        keys[place] = key(VERBS[place].name.as_bytes());
        place += 1;
    }
    keys
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_every_verb_is_found_in_any_case() {
        assert!(KEYS.is_sorted_by(|left, right| left < right));
        assert_eq!(Verb::all().count(), VERBS.len());
        for verb in Verb::all() {
            let name = verb.info().name;
            assert_eq!(Verb::lookup(name.as_bytes()), Some(verb));
            assert_eq!(Verb::lookup(name.to_lowercase().as_bytes()), Some(verb));
            assert!(verb.info().syntax.starts_with(name));
        }
    }

    #[test]
    fn what_is_no_verb_is_not_found() {
        for word in
            [&b""[..], b"\0", b"PWD\0", b"PW", b"PWDX", b"RETRRETRRETR", b"\xffABOR", b" PWD"]
        {
            assert_eq!(Verb::lookup(word), None, "{word:?}");
        }
    }

    #[test]
    fn only_four_verbs_are_taken_during_a_transfer() {
        let taken: Vec<_> =
            Verb::all().map(Verb::info).filter(|info| info.during_transfer).collect();
        let names: Vec<_> = taken.iter().map(|info| info.name).collect();
        assert_eq!(names, ["ABOR", "NOOP", "QUIT", "STAT"]);
    }
}
