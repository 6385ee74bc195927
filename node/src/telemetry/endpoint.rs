//! The way to the collector.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use opentelemetry_http::HttpClient;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig,
    WithHttpConfig, WithTonicConfig,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::Telemetry;
use crate::secret;

/// How to get there.
pub(super) struct Endpoint {
    url: String,
    timeout: Duration,
    way: Way,
}

enum Way {
    Http { client: Arc<dyn HttpClient>, headers: HashMap<String, String> },
    Grpc { tls: Option<ClientTlsConfig>, metadata: MetadataMap },
}

/// The builders of the library have the same methods and no trait in common.
macro_rules! exporter {
    ($endpoint:expr, $exporter:ident, $path:literal) => {{
        let Endpoint { url, timeout, way } = $endpoint;
        match way {
            Way::Http { client, headers } => $exporter::builder()
                .with_http()
                .with_shared_http_client(Arc::clone(client))
                .with_headers(headers.clone())
                .with_endpoint(format!("{url}{}", $path))
                .with_timeout(*timeout)
                .build(),
            Way::Grpc { tls, metadata } => {
                let builder = $exporter::builder()
                    .with_tonic()
                    .with_metadata(metadata.clone())
                    .with_endpoint(url)
                    .with_timeout(*timeout);
                match tls {
                    Some(tls) => builder.with_tls_config(tls.clone()).build(),
                    None => builder.build(),
                }
            }
        }
    }};
}

impl Endpoint {
    /// From the configuration; `None`: nothing is exported.
    ///
    /// # Errors
    /// A file that can not be read, or holds nothing of use; the text names the key.
    pub(super) fn new(telemetry: &Telemetry) -> Result<Option<Self>, String> {
        let Some(endpoint) = &telemetry.otlp_endpoint else { return Ok(None) };
        let ca = telemetry.otlp_ca.as_deref();
        let headers = headers(telemetry.otlp_headers_file.as_deref())?;
        let way = match endpoint.speaks_http(telemetry.otlp_protocol) {
            true => {
                let client = client(ca, telemetry.otlp_timeout)?;
                Way::Http { client, headers: headers.into_iter().collect() }
            }
            false => {
                let tls = endpoint.is_secure().then(|| tls(ca)).transpose()?;
                Way::Grpc { tls, metadata: metadata(&headers)? }
            }
        };
        let url = endpoint.url().to_owned();
        Ok(Some(Self { url, timeout: telemetry.otlp_timeout, way }))
    }

    /// For spans. To be called within the runtime that moves the bytes, as the others.
    pub(super) fn spans(&self) -> Result<SpanExporter, ExporterBuildError> {
        exporter!(self, SpanExporter, "/v1/traces")
    }

    /// For lines of the log.
    pub(super) fn logs(&self) -> Result<LogExporter, ExporterBuildError> {
        exporter!(self, LogExporter, "/v1/logs")
    }

    /// For metrics.
    pub(super) fn metrics(&self) -> Result<MetricExporter, ExporterBuildError> {
        exporter!(self, MetricExporter, "/v1/metrics")
    }
}

fn headers(file: Option<&Path>) -> Result<Vec<(String, String)>, String> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let content = secret::load("telemetry.otlp_headers_file", file, &secret::HEADERS);
    let content = content.map_err(|error| error.to_string())?;
    let pairs = secret::headers(content.expose()).unwrap_or_default();
    Ok(pairs.into_iter().map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect())
}

/// Headers as gRPC has them. No value is in an error.
fn metadata(headers: &[(String, String)]) -> Result<MetadataMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let pair = (HeaderName::try_from(name), HeaderValue::try_from(value));
        let (Ok(name), Ok(mut value)) = pair else {
            return Err(format!("telemetry.otlp_headers_file: {name} is no header"));
        };
        value.set_sensitive(true);
        map.insert(name, value);
    }
    Ok(MetadataMap::from_headers(map))
}

fn tls(ca: Option<&Path>) -> Result<ClientTlsConfig, String> {
    let config = ClientTlsConfig::new();
    match ca {
        None => Ok(config.with_enabled_roots()),
        Some(path) => Ok(config.ca_certificate(Certificate::from_pem(read(path)?))),
    }
}

fn client(ca: Option<&Path>, timeout: Duration) -> Result<Arc<dyn HttpClient>, String> {
    let builder = HttpsConnectorBuilder::new();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = match ca {
        None => builder.with_provider_and_native_roots(provider).map_err(|error| {
            format!("telemetry.otlp_ca: the system has no authorities: {error}")
        })?,
        Some(path) => {
            let wrong = |error: String| format!("telemetry.otlp_ca: {}: {error}", path.display());
            let mut roots = rustls::RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(&read(path)?) {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(wrong("holds no certificate".to_owned()));
            }
            let config = rustls::ClientConfig::builder_with_provider(provider.into())
                .with_safe_default_protocol_versions()
                .map_err(|error| wrong(error.to_string()))?
                .with_root_certificates(roots)
                .with_no_client_auth();
            builder.with_tls_config(config)
        }
    };
    let connector = builder.https_or_http().enable_http1().build();
    Ok(Arc::new(HyperClient::new(connector, timeout, None)))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("telemetry.otlp_ca: {}: {error}", path.display()))
}
