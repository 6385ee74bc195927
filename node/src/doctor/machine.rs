//! The configuration and this machine.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{Finding, Patient};
use crate::address;
use crate::ports::ephemeral;

/// Which clients are told an address that they can not reach.
pub(super) fn addresses(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "advertised address";
    let advice = address::advice(patient.config);
    if advice.is_empty() {
        let address = patient.config.ftp.passive_address;
        let saw = address.map_or_else(
            || "found per session".to_owned(),
            |address| format!("{address} (ftp.passive.address)"),
        );
        return vec![Finding::fine(CHECK, saw)];
    }
    advice
        .into_iter()
        .map(|advice| match advice.split_once(": set ") {
            Some((saw, fix)) => Finding::warning(CHECK, saw, format!("set {fix}")),
            None => Finding::warning(CHECK, advice, "set ingress.addresses for the node's zone"),
        })
        .collect()
}

/// Whether the kernel takes passive ports for itself.
pub(super) fn ports(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "passive ports";
    let range = patient.config.ftp.passive_ports;
    match ephemeral::look(range) {
        None => vec![Finding::fine(CHECK, format!("{range}, none of which the kernel takes"))],
        Some(overlap) => {
            let text = overlap.to_string();
            vec![Finding::warning(CHECK, text, "reserve them, or choose another ftp.passive.ports")]
        }
    }
}

/// Names and end of the certificates.
pub(super) fn certificates(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "certificate";
    let config = patient.config;
    let mut findings = Vec::new();
    match &config.tls.certificate {
        Some(path) => {
            let wanted = [&config.aws.dns_name, &config.aws.dns_sftp_name];
            let wanted: Vec<&str> = wanted.into_iter().flatten().map(String::as_str).collect();
            findings.push(certificate(path, &wanted));
        }
        None if config.ftp.tls == crate::config::TlsMode::Off => {
            findings.push(Finding::fine(CHECK, "none is needed: ftp.tls is off"));
        }
        None => findings.push(Finding::warning(
            CHECK,
            "self-signed in the data folder: clients are asked whether they trust it, and each node has another",
            "set tls.certificate and tls.key to a certificate that all nodes have",
        )),
    }
    for host in &config.hosts {
        if let Some(path) = &host.certificate {
            findings.push(certificate(path, &[host.name.as_str()]));
        }
    }
    findings
}

fn certificate(path: &Path, wanted: &[&str]) -> Finding {
    const CHECK: &str = "certificate";
    let place = path.display();
    let parsed = read(path);
    let (names, end) = match parsed {
        Ok(parsed) => parsed,
        Err(reason) => {
            return Finding::bad(CHECK, format!("{place}: {reason}"), "give a PEM certificate");
        }
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let left = end.saturating_sub(i64::try_from(now).unwrap_or(i64::MAX)) / DAY_S;
    let renew = "renew it, then reload (SIGHUP)";
    let missing: Vec<&str> =
        wanted.iter().copied().filter(|name| !names.iter().any(|of| covers(of, name))).collect();
    match () {
        () if left < 0 => Finding::bad(CHECK, format!("{place} ended {} days ago", -left), renew),
        () if !missing.is_empty() => Finding::warning(
            CHECK,
            format!("{place} is for {}, not for {}", names.join(", "), missing.join(", ")),
            "clients that check names refuse it: get one with these names",
        ),
        () if left < DAYS_FEW => {
            Finding::warning(CHECK, format!("{place} ends in {left} days"), renew)
        }
        () => Finding::fine(CHECK, format!("{place}: {}, {left} days left", names.join(", "))),
    }
}

/// Names and end (seconds since 1970) of the first certificate of a file.
fn read(path: &Path) -> Result<(Vec<String>, i64), String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let pem = Pem::iter_from_buffer(&bytes)
        .filter_map(Result::ok)
        .find(|pem| pem.label == "CERTIFICATE")
        .ok_or("no certificate in it")?;
    let (_, certificate) = X509Certificate::from_der(&pem.contents).map_err(|e| e.to_string())?;
    let mut names = Vec::new();
    if let Ok(Some(alternatives)) = certificate.subject_alternative_name() {
        for name in &alternatives.value.general_names {
            match name {
                GeneralName::DNSName(name) => names.push((*name).to_owned()),
                GeneralName::IPAddress(_) => names.push("an address".to_owned()),
                _ => {}
            }
        }
    }
    Ok((names, certificate.validity().not_after.timestamp()))
}

/// RFC 6125, 6.4.3: a wildcard stands for one label.
fn covers(of: &str, name: &str) -> bool {
    match of.strip_prefix("*.") {
        Some(parent) => {
            name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
        }
        None => of.eq_ignore_ascii_case(name),
    }
}

const DAY_S: i64 = 86_400;
/// An authority that renews by itself does so a month before the end; a week later something is wrong.
const DAYS_FEW: i64 = 21;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_covered() {
        assert!(covers("FTP.example.org", "ftp.example.org"));
        assert!(covers("*.example.org", "ftp.example.org"));
        assert!(!covers("*.example.org", "a.ftp.example.org"));
        assert!(!covers("*.example.org", "example.org"));
    }

    #[test]
    fn ends_and_names_are_judged() {
        let path = std::env::temp_dir().join(format!("flotilla-doctor-{}.pem", std::process::id()));
        let write = |names: &[&str], days: i64| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut of = rcgen::CertificateParams::new(names).unwrap();
            // A minute more, which the test may take.
            let end = time::Duration::seconds(days * DAY_S + 60);
            of.not_after = time::OffsetDateTime::now_utc() + end;
            let key = rcgen::KeyPair::generate().unwrap();
            std::fs::write(&path, of.self_signed(&key).unwrap().pem()).unwrap();
            path.clone()
        };
        let judged =
            |names: &[&str], days, wanted: &[&str]| certificate(&write(names, days), wanted).state;
        use crate::doctor::State;
        assert_eq!(judged(&["ftp.example.org"], 90, &["ftp.example.org"]), State::Fine);
        assert_eq!(judged(&["ftp.example.org"], 5, &["ftp.example.org"]), State::Warning);
        assert_eq!(judged(&["ftp.example.org"], -2, &["ftp.example.org"]), State::Bad);
        assert_eq!(judged(&["a.example.org"], 90, &["ftp.example.org"]), State::Warning);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(certificate(&path, &[]).state, State::Bad);
    }
}
