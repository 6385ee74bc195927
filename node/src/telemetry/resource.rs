//! Who it is that tells.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

use crate::config::Config;

/// What all that this node sends has in common (<https://opentelemetry.io/docs/specs/semconv/resource/>). The
/// environment's `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` add to it.
pub(super) fn of(config: &Config, node: &str) -> Resource {
    let mut pairs = vec![
        KeyValue::new("service.namespace", config.pool.name.clone()),
        KeyValue::new("service.instance.id", node.to_owned()),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
    ];
    if let Ok(host) = rustix::system::uname().nodename().to_str() {
        pairs.push(KeyValue::new("host.name", host.to_owned()));
    }
    let resource = Resource::builder().with_attributes(pairs);
    match std::env::var_os("OTEL_SERVICE_NAME") {
        Some(_) => resource.build(),
        None => resource.with_service_name("flotilla").build(),
    }
}
