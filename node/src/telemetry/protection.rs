//! How TLS protects a connection.

use super::name;
use super::record::Record;

/// TLS as it was agreed: `version` and `cipher` as the library has them (`TLSv1_3`, `TLS13_AES_256_GCM_SHA384`).
pub(crate) fn protected(
    record: Record,
    version: &str,
    cipher: Option<&str>,
    is_resumed: bool,
) -> Record {
    record
        .text(name::TLS_VERSION, &version.trim_start_matches("TLSv").replace('_', "."))
        .maybe(cipher, |record, cipher| {
            // By its registered name.
            record.text(name::TLS_CIPHER, &cipher.replacen("TLS13_", "TLS_", 1))
        })
        .flag(name::TLS_RESUMED, is_resumed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::recorder::tests::{pairs, told};

    #[test]
    fn tls_is_told_by_its_registered_names() {
        let cipher = Some("TLS13_AES_256_GCM_SHA384");
        let all = pairs(&[
            (name::TLS_VERSION, "1.3"),
            (name::TLS_CIPHER, "TLS_AES_256_GCM_SHA384"),
            (name::TLS_RESUMED, "true"),
        ]);
        assert_eq!(told(|record| protected(record, "TLSv1_3", cipher, true)), (all, false));
    }
}
