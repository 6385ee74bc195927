//! Client certificates as a factor: which one belongs to a user.
//!
//! That a certificate is genuine, in time and signed by `tls.client_ca` was judged in the TLS
//! handshake; here only remains whose it is.

use aws_lc_rs::digest::{SHA256, digest};
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};

/// `certificate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// Not looked at.
    #[default]
    Off,
    /// Certificate and password.
    Required,
    /// The certificate lets in alone; a password does as well, if there is one.
    Sufficient,
}

/// A user's rule.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    pub(super) demand: Demand,
    /// SHA-256 of whole certificates; empty: not looked at.
    pub(super) fingerprints: Vec<[u8; 32]>,
    /// Common name, or DNS name or mail address of the subject's alternative names; empty: not
    /// looked at.
    pub(super) names: Vec<String>,
}

impl Rule {
    /// What certificates are for.
    pub fn demand(&self) -> Demand {
        self.demand
    }

    /// Whether this certificate belongs to the user. Fingerprint and name must both fit where both
    /// are configured; where neither is, the common name must be the user's.
    pub fn accepts(&self, certificate: Option<&[u8]>, user: &str) -> bool {
        let Some(der) = certificate else { return false };
        if self.demand == Demand::Off {
            return false;
        }
        if !self.fingerprints.is_empty() {
            let print = digest(&SHA256, der);
            if !self.fingerprints.iter().any(|known| known == print.as_ref()) {
                return false;
            }
            if self.names.is_empty() {
                return true;
            }
        }
        let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
        if self.names.is_empty() {
            return common_names(&certificate).any(|name| name == user);
        }
        let mut common = common_names(&certificate);
        common.any(|name| self.names.iter().any(|known| known == name))
            || alternative_name(&certificate, |name| {
                self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
            })
    }
}

/// Reads `sha256:` and 64 hexadecimal digits, with or without colons between.
pub(super) fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let (algorithm, digits) = text.split_once(':')?;
    if !algorithm.eq_ignore_ascii_case("sha256") {
        return None;
    }
    let digits: Vec<u32> =
        digits.chars().filter(|&c| c != ':').map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| u8::try_from(high << 4 | low).ok()).collect();
    bytes?.try_into().ok()
}

fn common_names<'a>(certificate: &'a X509Certificate<'_>) -> impl Iterator<Item = &'a str> {
    certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok())
}

fn alternative_name(certificate: &X509Certificate<'_>, accept: impl Fn(&str) -> bool) -> bool {
    certificate.extensions().iter().any(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => names.general_names.iter().any(|name| {
            matches!(name, GeneralName::DNSName(name) | GeneralName::RFC822Name(name) if accept(name))
        }),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate() -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["laptop.example.org".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::Rfc822Name("bob@example.org".try_into().unwrap()));
        params.distinguished_name.push(DnType::CommonName, "bob");
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn rule(fingerprints: Vec<[u8; 32]>, names: &[&str]) -> Rule {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Rule { demand: Demand::Required, fingerprints, names }
    }

    #[test]
    fn the_common_name_is_the_user_by_default() {
        let der = certificate();
        assert!(rule(vec![], &[]).accepts(Some(&der), "bob"));
        assert!(!rule(vec![], &[]).accepts(Some(&der), "Bob"));
        assert!(!rule(vec![], &[]).accepts(Some(&der), "laptop.example.org"));
        assert!(!rule(vec![], &[]).accepts(None, "bob"));
        assert!(!rule(vec![], &[]).accepts(Some(b"no certificate"), "bob"));
        assert!(!Rule::default().accepts(Some(&der), "bob"));
    }

    #[test]
    fn names_and_fingerprints_are_looked_up() {
        let der = certificate();
        let print: [u8; 32] = digest(&SHA256, &der).as_ref().try_into().unwrap();
        for name in ["bob", "laptop.example.org", "LAPTOP.example.org", "bob@example.org"] {
            assert!(rule(vec![], &["other", name]).accepts(Some(&der), "alice"), "{name}");
        }
        assert!(!rule(vec![], &["example.org"]).accepts(Some(&der), "bob"));
        assert!(rule(vec![[0; 32], print], &[]).accepts(Some(&der), "alice"));
        assert!(!rule(vec![[0; 32]], &[]).accepts(Some(&der), "bob"));
        assert!(rule(vec![print], &["bob"]).accepts(Some(&der), "alice"));
        assert!(!rule(vec![print], &["alice"]).accepts(Some(&der), "alice"));
        assert!(!rule(vec![[0; 32]], &["bob"]).accepts(Some(&der), "bob"));
    }

    #[test]
    fn fingerprints_are_read_in_both_forms() {
        let plain = format!("sha256:{}", "0aFf".repeat(16));
        let colons = format!("SHA256:{}", ["0a"; 32].join(":"));
        assert_eq!(fingerprint(&plain).unwrap()[..2], [0x0a, 0xff]);
        assert_eq!(fingerprint(&colons), Some([0x0a; 32]));
        for wrong in
            ["", "sha256:", "sha1:0a", "0aff", "sha256:zz", &plain[..70], &format!("{plain}0")]
        {
            assert_eq!(fingerprint(wrong), None, "{wrong}");
        }
    }
}
