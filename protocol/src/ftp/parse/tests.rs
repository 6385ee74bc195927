use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::entry::Timestamp;
use crate::ftp::{Algorithm, Facts, ListOptions, RangeLimits, SiteCommand};

fn parse(line: &[u8]) -> Result<Command<'_>, ParseError> {
    Command::parse(line).1
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanoseconds: 0 }
}

/// 2024-02-29T12:34:56Z.
const LEAP: i64 = 1_709_210_096;

fn expect(cases: &[(&str, Command<'_>)]) {
    for (line, command) in cases {
        assert_eq!(parse(line.as_bytes()).as_ref(), Ok(command), "{line:?}");
    }
}

#[test]
fn login_and_session() {
    expect(&[
        ("USER anonymous", Command::User(b"anonymous")),
        ("user  a ", Command::User(b" a ")),
        ("PASS", Command::Pass(b"")),
        ("PASS ", Command::Pass(b"")),
        ("PASS  two words ", Command::Pass(b" two words ")),
        ("ACCT x", Command::Acct(b"x")),
        ("REIN", Command::Rein),
        ("QUIT bye", Command::Quit),
        ("NOOP keepalive", Command::Noop),
        ("ABOR", Command::Abor),
        ("SYST", Command::Syst),
        ("FEAT ", Command::Feat),
        ("HELP", Command::Help(None)),
        ("HELP retr", Command::Help(Some(b"retr"))),
        ("CLNT a client", Command::Clnt(b"a client")),
        ("LANG", Command::Lang(None)),
        ("LANG en", Command::Lang(Some(b"en"))),
        ("HOST ftp.example.org", Command::Host(b"ftp.example.org")),
        ("HOST 192.0.2.1", Command::Host(b"192.0.2.1")),
        ("HOST [2001:db8::1]", Command::Host(b"2001:db8::1")),
        ("AUTH tls", Command::Auth(b"TLS")),
        ("AUTH TLS-C", Command::Auth(b"TLS-C")),
        ("AUTH GSSAPI", Command::Auth(b"GSSAPI")),
        ("PBSZ 0", Command::Pbsz(0)),
        ("PROT p", Command::Prot(DataProtection::Private)),
        ("PROT C", Command::Prot(DataProtection::Clear)),
        ("PROT E", Command::Prot(DataProtection::Unsupported)),
        ("CCC", Command::Ccc),
    ]);
}

#[test]
fn paths_keep_their_spaces() {
    expect(&[
        ("CWD", Command::Cwd(b"")),
        ("CWD ", Command::Cwd(b"")),
        ("XCWD  a ", Command::Cwd(b" a ")),
        ("CDUP", Command::Cdup),
        ("XCUP", Command::Cdup),
        ("PWD", Command::Pwd),
        ("XPWD", Command::Pwd),
        ("MKD a b", Command::Mkd(b"a b")),
        ("XMKD a", Command::Mkd(b"a")),
        ("XRMD a", Command::Rmd(b"a")),
        ("DELE -rf", Command::Dele(b"-rf")),
        ("RNFR  ", Command::Rnfr(b" ")),
        ("RNTO x", Command::Rnto(b"x")),
        ("RETR \u{e9}", Command::Retr("\u{e9}".as_bytes())),
        ("STOU", Command::Stou(None)),
        ("STOU x", Command::Stou(Some(b"x"))),
        ("MLSD", Command::Mlsd(None)),
        ("MLST  x", Command::Mlst(Some(b" x"))),
        ("AVBL", Command::Avbl(None)),
        ("HASH x", Command::Hash(b"x")),
        ("SIZE a b ", Command::Size(b"a b ")),
    ]);
    assert_eq!(parse(b"RETR \xff\xfe"), Ok(Command::Retr(b"\xff\xfe")));
    for line in
        [&b"RETR"[..], b"RETR ", b"RETR a\rb", b"STOR a\r", b"LIST a\rb", b"MLSD \r", b"CWD \r"]
    {
        assert!(matches!(parse(line), Err(ParseError::Syntax(_))), "{line:?}");
    }
}

#[test]
fn list_options() {
    let none = ListOptions::default();
    let cases: &[(&str, ListOptions<'_>)] = &[
        ("LIST", none),
        ("LIST ", none),
        ("LIST a b", ListOptions { path: b"a b", ..none }),
        ("LIST  a", ListOptions { path: b" a", ..none }),
        ("LIST -a", ListOptions { all: true, ..none }),
        ("LIST -al *.txt", ListOptions { all: true, long: true, path: b"*.txt", ..none }),
        ("LIST -a  -l x", ListOptions { all: true, long: true, path: b"x", ..none }),
        ("LIST -a  x ", ListOptions { all: true, path: b" x ", ..none }),
        ("LIST -La1tFA", ListOptions { all: true, ..none }),
        ("LIST -Rd x", ListOptions { recursive: true, directory: true, path: b"x", ..none }),
        ("LIST -- -a", ListOptions { path: b"-a", ..none }),
        ("LIST ./-a", ListOptions { path: b"./-a", ..none }),
        ("LIST -", ListOptions { path: b"-", ..none }),
        ("LIST -l -", ListOptions { long: true, path: b"-", ..none }),
    ];
    for (line, options) in cases {
        assert_eq!(parse(line.as_bytes()), Ok(Command::List(*options)), "{line:?}");
        let names = line.replace("LIST", "NLST");
        assert_eq!(parse(names.as_bytes()), Ok(Command::Nlst(*options)), "{names:?}");
    }
    expect(&[
        ("STAT", Command::Stat(None)),
        ("STAT ", Command::Stat(None)),
        ("STAT -l x", Command::Stat(Some(ListOptions { long: true, path: b"x", ..none }))),
    ]);
}

#[test]
fn transfer_parameters() {
    expect(&[
        ("REST 0", Command::Rest(0)),
        ("REST 18446744073709551615", Command::Rest(u64::MAX)),
        ("RANG 0 0", Command::Rang(RangeLimits::Bytes { first: 0, last: 0 })),
        ("RANG 1 0", Command::Rang(RangeLimits::Reset)),
        ("ALLO 10", Command::Allo(10)),
        ("ALLO 10 R 80", Command::Allo(10)),
        ("TYPE A", Command::Type(Representation::Ascii)),
        ("TYPE a n", Command::Type(Representation::Ascii)),
        ("TYPE I", Command::Type(Representation::Image)),
        ("TYPE L 8", Command::Type(Representation::Image)),
        ("TYPE L8", Command::Type(Representation::Image)),
        ("TYPE L 36", Command::Type(Representation::Unsupported)),
        ("TYPE E", Command::Type(Representation::Unsupported)),
        ("TYPE A T", Command::Type(Representation::Unsupported)),
        ("STRU f", Command::Stru(Structure::File)),
        ("STRU R", Command::Stru(Structure::Unsupported)),
        ("MODE S", Command::Mode(TransferMode::Stream)),
        ("MODE Z", Command::Mode(TransferMode::Unsupported)),
        ("PASV", Command::Pasv),
        ("EPSV", Command::Epsv(None)),
        ("EPSV 2", Command::Epsv(Some(2))),
        ("EPSV all", Command::EpsvAll),
        ("PORT 192,0,2,1,4,1", Command::Port(address("192.0.2.1:1025"))),
        ("EPRT |1|192.0.2.1|1025|", Command::Eprt(address("192.0.2.1:1025"))),
        ("EPRT !2!2001:db8::1!65535!", Command::Eprt(address("[2001:db8::1]:65535"))),
    ]);
}

#[test]
fn times_modes_and_digests() {
    let digest =
        |path, start, end| Command::DigestOf { algorithm: Algorithm::Md5, path, start, end };
    expect(&[
        ("MDTM a", Command::Mdtm(b"a")),
        ("MDTM 20240229123456", Command::Mdtm(b"20240229123456")),
        ("MDTM 20240230123456 a", Command::Mdtm(b"20240230123456 a")),
        ("MDTM 20240229123456 a b", Command::Mfmt(at(LEAP), b"a b")),
        ("MFMT 20240229123456 a", Command::Mfmt(at(LEAP), b"a")),
        (
            "MFMT 20240229123456.05 a",
            Command::Mfmt(Timestamp { seconds: LEAP, nanoseconds: 50_000_000 }, b"a"),
        ),
        (
            "MFF Modify=20240229123456;unix.mode=0640; a b",
            Command::Mff { modified: Some(at(LEAP)), mode: Some(0o640), path: b"a b" },
        ),
        ("XMD5 a b", digest(b"a b", 0, None)),
        ("XMD5 a 1 5", digest(b"a", 1, Some(5))),
        ("XMD5 report 2024", digest(b"report 2024", 0, None)),
        ("XMD5 a b 1 5", digest(b"a b 1 5", 0, None)),
        ("XMD5 \"a b\" 1 5", digest(b"a b", 1, Some(5))),
        ("XMD5 \"a\" 7", digest(b"a", 7, None)),
        ("XMD5 \"a \"b\"", digest(b"a \"b", 0, None)),
        ("XMD5 \"a", digest(b"\"a", 0, None)),
        ("OPTS UTF8 on", Command::OptsUtf8(true)),
        ("OPTS utf-8 OFF", Command::OptsUtf8(false)),
        ("OPTS MLST", Command::OptsMlst(Facts::NONE)),
        ("OPTS MLST size;type;x", Command::OptsMlst(Facts::SIZE.union(Facts::TYPE))),
        ("OPTS HASH", Command::OptsHash(None)),
        ("OPTS HASH sha-512", Command::OptsHash(Some(Algorithm::Sha512))),
        ("OPTS REST x", Command::OptsUnknown(b"REST")),
    ]);
}

#[test]
fn site_commands() {
    let site = Command::Site;
    expect(&[
        ("SITE help", site(SiteCommand::Help)),
        ("SITE CHMOD 0644 a b", site(SiteCommand::Chmod(0o644, b"a b"))),
        ("SITE UTIME 202402291234 a", site(SiteCommand::Utime(at(LEAP - 56), b"a"))),
        ("SITE UTIME 20240229123456 a b", site(SiteCommand::Utime(at(LEAP), b"a b"))),
        (
            "SITE UTIME a b 20200101000000 20240229123456 20200101000000 UTC",
            site(SiteCommand::Utime(at(LEAP), b"a b")),
        ),
        ("SITE IDLE", site(SiteCommand::Idle(None))),
        ("SITE IDLE 60", site(SiteCommand::Idle(Some(60)))),
        ("SITE CPFR a b", site(SiteCommand::Cpfr(b"a b"))),
        ("SITE CPTO  a", site(SiteCommand::Cpto(b" a"))),
        ("SITE UMASK 022", site(SiteCommand::Umask(Some(0o22)))),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn wrong_arguments_are_told_apart() {
    assert_eq!(Command::parse(b""), (None, Err(ParseError::UnknownVerb)));
    assert_eq!(parse(b"XYZZY a"), Err(ParseError::UnknownVerb));
    assert_eq!(parse(b" NOOP"), Err(ParseError::UnknownVerb));
    assert_eq!(parse(b"RETR"), Err(ParseError::Syntax("RETR <path>")));
    for line in [
        "USER",
        "REST",
        "REST -1",
        "REST +1",
        "REST 1x",
        "REST 18446744073709551616",
        "RANG 2 1",
        "RANG 1",
        "RANG 1 2 3",
        "ALLO",
        "ALLO 1 X 2",
        "ALLO 1 R",
        "TYPE",
        "TYPE X",
        "TYPE IX",
        "STRU",
        "MODE SS",
        "PWD x",
        "PASV x",
        "PORT 1,2,3,4,5",
        "PORT 1,2,3,4,5,6,7",
        "PORT 256,0,0,1,4,1",
        "PORT 1,2,3,4,0,0",
        "PORT 1,2,3,4,,1",
        "PORT 1,2,3,4,5,6,",
        "EPRT",
        "EPRT |1|192.0.2.1|0|",
        "EPRT |1|192.0.2.1|70000|",
        "EPRT |1|::1|21|",
        "EPRT |2|192.0.2.1|21|",
        "EPRT |2|fe80::1%eth0|21|",
        "EPRT |1|192.0.2.1|21",
        "EPRT |1|192.0.2.1|21|x",
        "EPSV x",
        "HOST",
        "HOST a b",
        "HOST [192.0.2.1]",
        "HOST [::1",
        "HOST ../x",
        "AUTH ",
        "PBSZ",
        "PROT X",
        "MFMT 2024 a",
        "MFMT 20240229123456",
        "MFMT 20240229123456. a",
        "MFF  a",
        "MFF modify=1; a",
        "MFF UNIX.mode=8; a",
        "MFF UNIX.mode=0644;",
        "XMD5",
        "XMD5 a 5 1",
        "OPTS",
        "OPTS UTF8 maybe",
        "SITE",
        "SITE CHMOD 9 a",
        "SITE CHMOD 10000 a",
        "SITE CHMOD 644",
        "SITE UTIME x y",
        "SITE IDLE x",
        "SITE UMASK 1000",
        "SITE CPFR",
    ] {
        assert!(matches!(parse(line.as_bytes()), Err(ParseError::Syntax(_))), "{line}");
    }
    for line in ["OPTS HASH SHA-3", "SITE EXEC ls", "MFF size=1; a"] {
        assert!(matches!(parse(line.as_bytes()), Err(ParseError::Parameter(_))), "{line}");
    }
    for line in ["EPRT |3|x|21|", "EPSV 256"] {
        assert_eq!(parse(line.as_bytes()), Err(ParseError::NetworkProtocol), "{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_line_panics(
        verb in 0..Verb::all().count(),
        argument in proptest::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(b" -|,;=\"0123456789.".to_vec())], 0..40),
    ) {
        let verb = Verb::all().nth(verb).unwrap();
        let line = [verb.info().name.as_bytes(), b" ", &argument].concat();
        let (found, command) = Command::parse(&line);
        prop_assert_eq!(found, Some(verb));
        prop_assert_ne!(command, Err(ParseError::UnknownVerb));
        let _ = Command::parse(&argument);
    }

    #[test]
    fn names_come_through_unchanged(name in "[^\r\n]{1,30}") {
        for verb in ["RETR", "stor", "DELE", "SIZE"] {
            let line = format!("{verb} {name}");
            match parse(line.as_bytes()) {
                Ok(Command::Retr(path) | Command::Stor(path) | Command::Dele(path) | Command::Size(path)) => {
                    prop_assert_eq!(path, name.as_bytes());
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn addresses_are_read_back(ip in any::<std::net::Ipv4Addr>(), v6 in any::<std::net::Ipv6Addr>(), port in 1_u16..) {
        let [h1, h2, h3, h4] = ip.octets();
        let line = format!("PORT {h1},{h2},{h3},{h4},{},{}", port >> 8, port & 255);
        prop_assert_eq!(parse(line.as_bytes()), Ok(Command::Port((ip, port).into())));
        let line = format!("EPRT |2|{v6}|{port}|");
        prop_assert_eq!(parse(line.as_bytes()), Ok(Command::Eprt((v6, port).into())));
    }

    #[test]
    fn times_are_read_back(seconds in -62_167_219_200_i64..=253_402_300_799) {
        let mut line = b"MFMT ".to_vec();
        crate::ftp::listing::write_time(&mut line, seconds);
        line.extend_from_slice(b" x");
        prop_assert_eq!(parse(&line), Ok(Command::Mfmt(at(seconds), b"x")));
    }
}
