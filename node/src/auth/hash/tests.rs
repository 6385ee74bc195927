use super::*;

/// Of `correct horse`, made with passlib, argon2-cffi, OpenSSL and libxcrypt; the first is the
/// reference implementation's (`password`).
const KNOWN: &[&str] = &[
    "$argon2id$v=19$m=64,t=1,p=2$xHBBPmrPgFrMZui45eO8+g$j6h3GZJfz0E7ehzRlQmN6uFtgrHNFju8nUojZ4zs9fA",
    "$argon2i$v=19$m=64,t=1,p=2$C9I6IOAiliCgY7TadMNsKw$tk62EtoWpE2bZx2j/j/88HN1QPkamuH0Sclau3kZMVc",
    "$argon2d$v=19$m=64,t=1,p=2$DycjzdhTWiNtIPpk/+iH2g$Rra1/XBKuIoQvze7/yDy8tPaw7CMOBomsFEMLwwUWlM",
    "$2b$04$nmhTg.kr7zzJyTWPu67kF.ZTXkrWkH4Utd4ErpQ1VmkQgy2//GyK.",
    "$2a$04$gGzIIXDVdsBai0ScxhJtHe9U.m8PlyLp80p0EG.Uag8eGzlCyN..G",
    "$2y$04$GtTb4N4LvxUtRKPjlEOtZuaNwpV16Dgamo12rxMaN7OUPyHvGYxrO",
    "$5$rounds=1000$2C8I6e6kbDvHb1z3$Fczf/IanMGS7NLXz5wN60B0.u7e1h4cZJjAaDIVAs62",
    "$5$saltsalt$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/",
    "$5$abc$HEtZB/1K6XJ99xRK14R.qL6AxT3f9/cPAGbTKZddAT6",
    "$6$rounds=1000$B5Yno355e12J02K.$VFm6Ylo9mxcByO0l8ttShSXG2EQi3cgqTtDqY2JZhrHxGzKRLokLZ6vO/Dd8AmVgZfNlCAeHZoEc61Z9gqqUF/",
    "$6$8JBqZ1X1ncNT3pM7$W21.wWtcTaHRqnu/swGG7Fxo7xn4vbrGUoZnc/Tn11QQQ3nCr5EU7ZaJlwI2OIJZl5g5OAGIE7grqTxXkGSpd.",
    "$6$abcdefghijklmnop$q2YZbPhm1LySTIzZVDisu/y2CX1McrFsw529ViOLMxoKT.sfgjBo4aFu.hwtGjEDxRb6mn/TZMj7V4/1AUTLi1",
    "$y$j7T$Rk3QeN2uA1bG9xPq$UU6A64cWsVo2MgFJP4788JTsnVEhrLr4Wq0M69JYebC",
    "$y$j9T$LdJMENpBABJJ3hIHjB1Bi.$CbmXE/O/0bCHlsAzIaBSSe6Q31ZVeM4OxkjSOnAQ3C6",
    "$pbkdf2-sha256$1000$BGDM2VurNSZkLAWAEGIMAQ$ABS7HQ9AepqFNZ49TA43NVmlIfvQKYIAHlxR52/MpPw",
    "$pbkdf2-sha512$1000$MmbM2ZtTqjUmpFSKEWKsdQ$JV.q4HCIKGzIVHiGc2z0fxYVZ9CqUYVEYwk04ojML/TkOyvLR3rBZPj8TtqBGwIafWzaE2maCp9pf0s74tJvbA",
    "$pbkdf2-sha256$i=1000,l=32$8PHy8/T19vf4+fr7/P3+/w$JwgcbJZlHBoE0uPBMy9SZsCsIJXsYLx/8XwH97PVwMU",
    "$pbkdf2-sha512$i=1000$8PHy8/T19vf4+fr7/P3+/w$xqu1f3FSdHbs02z9AocIk0UpBf6S9uqlRTfcS56zkPqTxPMhm+kj4D+e8E9DRlH/uXf/Pe1g59vHIM0MwcvtiA",
];

#[test]
fn hashes_of_other_programs_are_understood() {
    for text in KNOWN {
        let hash = StoredHash::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(hash.verify(b"correct horse"), "{text}");
        assert!(!hash.verify(b"correct horsf"), "{text}");
        assert!(!hash.verify(b""), "{text}");
        assert_eq!(hash.as_str(), *text);
    }
}

/// From the reference implementation's own tests (`test.c`) and the specification of sha-crypt.
#[test]
fn published_vectors_hold() {
    let cases = [
        (
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "password",
        ),
        (
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
            "Hello world!",
        ),
        (
            "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
            "Hello world!",
        ),
    ];
    for (text, password) in cases {
        let hash = StoredHash::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(hash.verify(password.as_bytes()), "{text}");
    }
}

#[test]
fn a_broken_result_never_matches() {
    for text in KNOWN {
        // The second to last character: all of its bits count in every scheme.
        let at = text.len() - 2;
        let other = if &text[at..=at] == "a" { "b" } else { "a" };
        let broken = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        if let Ok(hash) = StoredHash::parse(&broken) {
            assert!(!hash.verify(b"correct horse"), "{broken}");
        }
    }
}

#[test]
fn the_profile_is_what_costs() {
    let profile = |text| StoredHash::parse(text).unwrap().profile().to_owned();
    assert_eq!(profile(KNOWN[0]), "$argon2id$v=19$m=64,t=1,p=2");
    assert_eq!(profile(KNOWN[3]), "$2b$04");
    assert_eq!(profile(KNOWN[6]), "$5$rounds=1000");
    assert_eq!(profile(KNOWN[7]), "$5");
    assert_eq!(profile(KNOWN[13]), "$y$j9T");
    assert_eq!(profile(KNOWN[14]), "$pbkdf2-sha256$1000");
}

#[test]
fn new_hashes_are_argon2id_with_the_recommended_cost() {
    let hash = StoredHash::make(b"secret").unwrap();
    assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
    assert!(hash.verify(b"secret"));
    assert!(!hash.verify(b"Secret"));
    assert_ne!(hash.as_str(), StoredHash::make(b"secret").unwrap().as_str());
    assert_eq!(format!("{hash:?}"), "StoredHash($argon2id$v=19$m=19456,t=2,p=1$[redacted])");
}

#[test]
fn absurd_costs_are_refused() {
    let refuse = |text: &str| StoredHash::parse(text).unwrap_err().to_string();
    assert_eq!(
        refuse(
            "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
        ),
        "argon2 hash with m (KiB) = 4194304: 8 to 262144 is allowed"
    );
    assert!(
        refuse("$argon2id$v=19$m=65536,t=1000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
            .contains("m * t (KiB) = 65536000")
    );
    assert_eq!(
        refuse("$2b$31$nmhTg.kr7zzJyTWPu67kF.ZTXkrWkH4Utd4ErpQ1VmkQgy2//GyK."),
        "bcrypt hash with cost = 31: 4 to 16 is allowed"
    );
    let sha = KNOWN[9];
    assert!(refuse(&sha.replace("=1000", "=999999999")).contains("rounds = 999999999"));
    assert!(refuse(&sha.replace("=1000", "=10")).contains("rounds = 10: 1000 to 5000000"));
    assert!(refuse(&KNOWN[13].replace("j9T", "jHT")).contains("memory (KiB)"));
    assert!(
        refuse(&KNOWN[14].replace("$1000$", "$4000000000$")).contains("iterations = 4000000000")
    );
    assert!(refuse(&KNOWN[14].replace("$1000$", "$0$")).contains("iterations = 0"));
}

#[test]
fn broken_hashes_are_refused() {
    for text in [
        "",
        "plain",
        "$",
        "$$",
        "$1$salt$hash",
        "$2x$04$nmhTg.kr7zzJyTWPu67kF.ZTXkrWkH4Utd4ErpQ1VmkQgy2//GyK.",
        "$7$C6..../....SodiumChloride$x",
    ] {
        assert_eq!(StoredHash::parse(text), Err(HashError::Unknown), "{text}");
    }
    for text in [
        "$argon2id$",
        "$argon2id$v=19$m=64,t=1,p=2$xHBBPmrPgFrMZui45eO8+g",
        "$2b$04$short",
        "$5$",
        "$6$salt",
        "$6$salt$short",
        "$6$rounds=many$salt$x",
        "$y$j9T",
        "$y$zzzzzzzzzzzzzz$salt$CbmXE/O/0bCHlsAzIaBSSe6Q31ZVeM4OxkjSOnAQ3C6",
        "$y$j9T$LdJMENpBABJJ3hIHjB1Bi.$short",
        "$pbkdf2-sha256$",
        "$pbkdf2-sha256$x=1$AAAA$AAAA",
        "$pbkdf2-sha256$1000$BGDM2VurNSZkLAWAEGIMAQ$AAAA",
        "$pbkdf2-sha256$1000$!!!!$ABS7HQ9AepqFNZ49TA43NVmlIfvQKYIAHlxR52/MpPw",
    ] {
        let error = StoredHash::parse(text).unwrap_err();
        assert!(matches!(error, HashError::Malformed { .. }), "{text}: {error}");
    }
}

#[test]
fn a_password_beyond_the_bound_never_matches() {
    let long = vec![b'x'; PASSWORD_BYTES_MAX];
    let hash = StoredHash::parse("$6$rounds=1000$saltsalt$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap();
    assert!(!hash.verify(&[b'x'; 100_000]));
    let hash = StoredHash::make(&long).unwrap();
    assert!(hash.verify(&long));
    assert!(!hash.verify(&[b'x'; PASSWORD_BYTES_MAX + 1]));
}

proptest::proptest! {
    /// Whatever stands in the file, reading it neither panics nor takes long.
    #[test]
    fn any_text_is_judged(head in 0..KNOWN.len(), cut in 0..80_usize, tail in "[ -~]{0,20}") {
        let known = KNOWN[head];
        let _ = StoredHash::parse(&format!("{}{tail}", &known[..cut.min(known.len())]));
    }
}
