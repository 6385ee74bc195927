//! draft-bryan-ftpext-hash (HASH, OPTS HASH, RANG) and the older XCRC, XMD5, XSHA forms. The values
//! are those of "abc" in the standards.

use flotilla_tests::Server;

const CRC32: &str = "352441c2";
const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";
const SHA1: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";
const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const SHA512: &str = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                      2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
const SHA256_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn start() -> Server {
    Server::builder()
        .file("abc", "abc")
        .file("two words", "abc")
        .file("in", "xxabcyy")
        .file("empty", "")
        .start()
}

/// HASH answers 213 with algorithm, range, digest and name; SHA-256 unless another was chosen.
#[test]
fn a_hash_is_sha256_by_default() {
    let server = start();
    let mut wire = server.login();
    let reply = wire.ask("HASH abc", 213).rest();
    let words: Vec<_> = reply.split(' ').collect();
    assert_eq!(words[0], "SHA-256", "{reply}");
    assert!(words.get(2).is_some_and(|word| word.eq_ignore_ascii_case(SHA256)), "{reply}");
    assert!(reply.ends_with("abc"), "{reply}");
    assert!(wire.ask("HASH empty", 213).text().to_lowercase().contains(SHA256_OF_NOTHING));
    assert!(wire.ask("HASH two words", 213).text().ends_with("two words"));
    wire.ask_any("HASH missing", &[550, 556]);
    wire.ask_any("HASH .", &[550, 553, 556]);
}

/// OPTS HASH tells and chooses the algorithm.
#[test]
fn the_algorithm_can_be_chosen() {
    let server = start();
    let mut wire = server.login();
    assert!(wire.ask("OPTS HASH", 200).text().contains("SHA-256"));
    for (name, digest) in
        [("CRC32", CRC32), ("MD5", MD5), ("SHA-1", SHA1), ("SHA-256", SHA256), ("SHA-512", SHA512)]
    {
        assert!(wire.ask(format!("OPTS HASH {name}"), 200).text().contains(name));
        let reply = wire.ask("HASH abc", 213).text();
        assert!(reply.to_lowercase().contains(digest), "{name}: {reply}");
        let features = wire.ask("FEAT", 211).text();
        assert!(features.contains(&format!("{name}*")), "{name}: {features}");
    }
    wire.ask_any("OPTS HASH SHA-3", &[501, 504]);
}

/// RANG limits the next HASH or RETR, both ends included; `1 0` takes it back.
#[test]
fn a_range_can_be_hashed_and_fetched() {
    let server = start();
    let mut wire = server.login();
    wire.ask("RANG 2 4", 350);
    assert!(wire.ask("HASH in", 213).text().to_lowercase().contains(SHA256));
    wire.ask("RANG 2 4", 350);
    assert_eq!(wire.fetch("in"), b"abc");
    assert_eq!(wire.fetch("in"), b"xxabcyy");
    wire.ask("RANG 2 4", 350);
    wire.ask("RANG 1 0", 350);
    assert_eq!(wire.fetch("in"), b"xxabcyy");
    wire.ask_any("RANG 4 2", &[501, 551]);
}

/// The older commands: one per algorithm, an optional range with its end excluded, quotes allowed.
#[test]
fn the_older_commands_hash_too() {
    let server = start();
    let mut wire = server.login();
    for (verb, digest) in [
        ("XCRC", CRC32),
        ("XMD5", MD5),
        ("XSHA", SHA1),
        ("XSHA1", SHA1),
        ("XSHA256", SHA256),
        ("XSHA512", SHA512),
    ] {
        for argument in ["abc", "\"abc\"", "two words", "\"two words\"", "\"in\" 2 5", "in 2 5"] {
            let reply = wire.ask(format!("{verb} {argument}"), 250).text();
            assert!(reply.to_lowercase().contains(digest), "{verb} {argument}: {reply}");
        }
        wire.ask(format!("{verb} missing"), 550);
    }
}
