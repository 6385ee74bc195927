//! Where telemetry goes by OTLP (<https://opentelemetry.io/docs/specs/otlp/>).

use toml::Value;

use super::value::{Expected, Reading};

/// `telemetry.otlp_protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// By the endpoint: HTTP on port 4318 or with a path, else gRPC.
    Auto,
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with binary Protobuf.
    Http,
}

/// What is sent (`telemetry.otlp_signals`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Sessions, calls of AWS, scripts of the store.
    Traces,
    /// What `/metrics` has.
    Metrics,
    /// Each line of the log.
    Logs,
}

/// `http://host:port` or `https://host:port`, and for HTTP a path in front of `/v1/traces`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: String,
    port: u16,
    has_path: bool,
}

impl Endpoint {
    /// Reads it; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let url: ureq::http::Uri = text.parse().ok()?;
        let is_right = matches!(url.scheme_str(), Some("http" | "https"))
            && url.host().is_some_and(|host| !host.is_empty())
            && url.query().is_none()
            && url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        let port = url.port_u16().unwrap_or(GRPC_PORT);
        let has_path = !url.path().trim_matches('/').is_empty();
        let url = text.trim_end_matches('/').to_owned();
        is_right.then_some(Self { url, port, has_path })
    }

    /// As it was written, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether TLS is spoken.
    pub fn is_secure(&self) -> bool {
        self.url.starts_with("https:")
    }

    /// Whether HTTP is spoken to it, gRPC otherwise.
    pub fn speaks_http(&self, protocol: OtlpProtocol) -> bool {
        match protocol {
            OtlpProtocol::Auto => self.port == HTTP_PORT || self.has_path,
            OtlpProtocol::Grpc => false,
            OtlpProtocol::Http => true,
        }
    }
}

/// `telemetry.otlp_endpoint`.
pub(super) fn endpoint(value: &Value) -> Reading<Option<Endpoint>> {
    match value.as_str() {
        Some("") => Ok(None),
        text => text.and_then(Endpoint::parse).map(Some).ok_or_else(|| {
            Expected("a URL such as \"http://127.0.0.1:4317\", or \"\" for none".to_owned())
        }),
    }
}

/// `telemetry.otlp_signals`.
pub(super) fn signals(value: &Value) -> Reading<Vec<Signal>> {
    let word = |value: &Value| match value.as_str()? {
        "traces" => Some(Signal::Traces),
        "metrics" => Some(Signal::Metrics),
        "logs" => Some(Signal::Logs),
        _ => None,
    };
    let all = value.as_array().and_then(|items| items.iter().map(word).collect());
    all.ok_or_else(|| Expected("a list of \"traces\", \"metrics\" and \"logs\"".to_owned()))
}

/// `telemetry.sample`.
pub(super) fn ratio(value: &Value) -> Reading<f64> {
    let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
    number
        .filter(|number| (0.0..=1.0).contains(number))
        .ok_or_else(|| Expected("a number from 0 to 1, such as 0.01".to_owned()))
}

/// Of OTLP/gRPC, by its specification.
const GRPC_PORT: u16 = 4317;
/// Of OTLP/HTTP.
const HTTP_PORT: u16 = 4318;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_follows_from_the_endpoint() {
        let of = |text: &str, protocol| Endpoint::parse(text).unwrap().speaks_http(protocol);
        assert!(!of("http://collector:4317", OtlpProtocol::Auto));
        assert!(!of("https://collector", OtlpProtocol::Auto));
        assert!(of("http://127.0.0.1:4318/", OtlpProtocol::Auto));
        assert!(of("https://otlp.example.org/otlp", OtlpProtocol::Auto));
        assert!(of("http://collector:4317", OtlpProtocol::Http));
        assert!(!of("http://collector:4318", OtlpProtocol::Grpc));
        assert_eq!(Endpoint::parse("http://[::1]:4318/").unwrap().url(), "http://[::1]:4318");
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in ["collector:4317", "ftp://x", "http://", "http://u:p@x", "http://x/?a=b", "/x"]
        {
            assert_eq!(Endpoint::parse(text), None, "{text}");
        }
        assert!(ratio(&Value::Float(1.5)).is_err());
        assert!(ratio(&Value::Integer(1)).is_ok_and(|ratio| ratio == 1.0));
        assert!(signals(&Value::Array(vec![Value::String("spans".to_owned())])).is_err());
    }
}
