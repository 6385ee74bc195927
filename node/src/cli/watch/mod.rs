//! `flotilla gen grafana` and `gen alerts`: a dashboard and rules for Prometheus.
//!
//! A pool is a scrape job and a node is an instance of it, as Prometheus names them; where metrics come by OTLP, the
//! collector makes the job of `service.namespace` and the instance of `service.instance.id`, which is the same. What
//! metrics there are is known in one place, and a test holds every expression against it.

mod alerts;
mod dashboard;
mod fleet;
mod panel;
mod rows;
#[cfg(test)]
mod tests;
mod traffic;

pub(super) use alerts::alerts;
pub(super) use dashboard::dashboard;
