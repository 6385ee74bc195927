//! The configuration and this machine.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{Finding, Patient};
use crate::address;
use crate::config::TlsMode;
use crate::ports::ephemeral;
use crate::tls::{self, Leaf};

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
        None if config.ftp.tls == TlsMode::Off => {
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
    let (names, end) = match tls::leaf(path, wanted) {
        Ok(Leaf { lacks, not_after }) => (lacks.join(", "), not_after),
        Err(error) => return Finding::bad(CHECK, error.to_string(), "give a PEM certificate"),
    };
    let renew = "renew it, then reload (SIGHUP)";
    match end.duration_since(SystemTime::now()) {
        Err(_) => Finding::bad(CHECK, format!("{place} has expired"), renew),
        Ok(_) if !names.is_empty() => Finding::warning(
            CHECK,
            format!("{place} is not for {names}"),
            "clients that check names refuse it: get one with these names",
        ),
        Ok(left) => {
            let saw = format!("{place} ends in {} days", left.as_secs() / DAY_S);
            match left < FEW {
                true => Finding::warning(CHECK, saw, renew),
                false => Finding::fine(CHECK, saw),
            }
        }
    }
}

const DAY_S: u64 = 86_400;
/// An authority that renews by itself does so a month before the end; a week later something is wrong.
const FEW: Duration = Duration::from_secs(21 * DAY_S);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn ends_and_names_are_judged() {
        let path = std::env::temp_dir().join(format!("flotilla-doctor-{}.pem", std::process::id()));
        let judged = |names: &[&str], days: i64, wanted: &str| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut of = rcgen::CertificateParams::new(names).unwrap();
            // A minute more, which the test may take.
            of.not_after =
                time::OffsetDateTime::now_utc() + time::Duration::new(days * 86_400 + 60, 0);
            let key = rcgen::KeyPair::generate().unwrap();
            std::fs::write(&path, of.self_signed(&key).unwrap().pem()).unwrap();
            certificate(&path, &[wanted]).state
        };
        assert_eq!(judged(&["ftp.example.org"], 90, "ftp.example.org"), State::Fine);
        assert_eq!(judged(&["*.example.org"], 90, "ftp.example.org"), State::Fine);
        assert_eq!(judged(&["*.example.org"], 90, "*.example.org"), State::Fine);
        assert_eq!(judged(&["ftp.example.org"], 5, "ftp.example.org"), State::Warning);
        assert_eq!(judged(&["ftp.example.org"], -2, "ftp.example.org"), State::Bad);
        assert_eq!(judged(&["a.example.org"], 90, "ftp.example.org"), State::Warning);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(certificate(&path, &[]).state, State::Bad);
    }
}
