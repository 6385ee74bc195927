//! The Authorization header: whose key, and for which service. The signature is not checked, since a fake that
//! knows the secret would only prove that the client's library can sign.

use crate::http::Request;

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authorization {
    pub(super) access_key: String,
    pub(super) region: String,
    /// As `route53`.
    pub(super) scope: String,
}

impl Authorization {
    /// Of a request: `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=...,
    /// Signature=...`; nothing where it is missing or has another form.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let header = request.header("authorization")?;
        let fields = header.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let field = |name: &str| {
            let mut fields = fields.split(',').filter_map(|field| field.trim().split_once('='));
            fields.find(|(known, _)| *known == name).map(|(_, value)| value)
        };
        let signed = field("SignedHeaders")?;
        let signature = field("Signature")?;
        let hexadecimal =
            signature.len() == 64 && signature.chars().all(|it| it.is_ascii_hexdigit());
        if !signed.split(';').any(|name| name == "host") || !hexadecimal {
            return None;
        }
        request.header("x-amz-date")?;
        let credential: Vec<_> = field("Credential")?.split('/').collect();
        let [access_key, _, region, scope, "aws4_request"] = credential.as_slice() else {
            return None;
        };
        Some(Self {
            access_key: (*access_key).to_owned(),
            region: (*region).to_owned(),
            scope: (*scope).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn of(header: &str) -> Option<Authorization> {
        let headers = [("authorization", header), ("x-amz-date", "20261129T000000Z")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Authorization::of(&Request {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            query: String::new(),
            headers: headers.to_vec(),
            body: Vec::new(),
            peer: SocketAddr::from(([127, 0, 0, 1], 1)),
        })
    }

    #[test]
    fn key_and_scope_are_read() {
        let good = format!(
            "AWS4-HMAC-SHA256 Credential=AKIA1/20261129/us-east-1/route53/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={}",
            "a".repeat(64)
        );
        let read = of(&good).unwrap();
        assert_eq!((read.access_key.as_str(), read.scope.as_str()), ("AKIA1", "route53"));
        assert_eq!(of(&good.replace("Signature", "Sign")), None);
        assert_eq!(of(&good.replace("aws4_request", "aws4")), None);
        assert_eq!(of("Basic abc"), None);
    }
}
