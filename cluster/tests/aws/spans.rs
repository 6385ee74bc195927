//! Each call is a span of `tracing`, with the name of the call and what came of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Once;

use anyhow::Result;
use flotilla_aws_fake::api::Service;
use flotilla_aws_fake::{Fault, Kind};
use flotilla_cluster::aws::SPANS;
use flotilla_cluster::aws::acls::Acls;
use flotilla_cluster::aws::scaling::Scaling;
use flotilla_cluster::lifecycle::Call;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Instrument, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::support::Place;

type Fields = BTreeMap<&'static str, String>;

/// The fields of a span, and the name of what it was in.
type Span = (Fields, Option<&'static str>);

thread_local! {
    /// Those that have ended on this thread: each test has its own.
    static ENDED: RefCell<Vec<Span>> = const { RefCell::new(Vec::new()) };
}

struct Ended;

struct Told<'a>(&'a mut Fields);

impl Visit for Told<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'lookup> LookupSpan<'lookup>> Layer<S> for Ended {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Told(&mut fields));
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            record.record(&mut Told(fields));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let fields = span.extensions_mut().remove::<Fields>().unwrap();
        if span.metadata().target() == SPANS && span.name() == "aws" {
            let outer = span.scope().skip(1).find(|outer| outer.metadata().target() == SPANS);
            let span = (fields, outer.map(|outer| outer.name()));
            ENDED.with_borrow_mut(|ended| ended.push(span));
        }
    }
}

/// What ends meanwhile. The subscriber is that of the process: whether a span is wanted is remembered for all threads,
/// by the answer of whichever came first.
fn during(what: impl FnOnce() -> Result<()>) -> Result<Vec<Span>> {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Ended);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    ENDED.take();
    what()?;
    Ok(ENDED.take())
}

#[test]
fn each_call_is_a_span_with_its_outcome() -> Result<()> {
    let place = Place::new()?;
    let ended = during(|| {
        place.run(async |session| {
            let scaling = Scaling::new(session, &place.instances[0]);
            let round = tracing::info_span!(target: SPANS, "reconcile");
            scaling.call(&Call::Look).instrument(round).await.unwrap();
            let gone = Call::Complete { group: "no".to_owned(), hook: "no".to_owned() };
            scaling.call(&gone).await.unwrap_err();
            Ok(())
        })
    })?;
    let [(look, outer), (complete, none)] = ended.as_slice() else { panic!("{ended:#?}") };
    assert_eq!((*outer, *none), (Some("reconcile"), None));
    for (fields, method, status) in [
        (look, "DescribeAutoScalingInstances", "200"),
        (complete, "CompleteLifecycleAction", "400"),
    ] {
        assert_eq!(fields["otel.name"], format!("Auto Scaling/{method}"));
        assert_eq!(fields["otel.kind"], "client");
        assert_eq!(fields["rpc.system"], "aws-api");
        assert_eq!((&*fields["rpc.service"], &*fields["rpc.method"]), ("Auto Scaling", method));
        assert_eq!(fields["http.response.status_code"], status);
        assert!(!fields["aws.request_id"].is_empty(), "{fields:#?}");
    }
    assert!(!look.contains_key("error.type") && !look.contains_key("otel.status_code"));
    assert_eq!(
        (&*complete["error.type"], &*complete["otel.status_code"]),
        ("ValidationError", "ERROR")
    );
    Ok(())
}

#[test]
fn what_is_refused_or_not_answered_is_told_as_that() -> Result<()> {
    let place = Place::new()?;
    let ended = during(|| {
        place.run(async |session| {
            let acls = Acls::new(session);
            for kind in [Kind::Refuse, Kind::Down] {
                let fault = Fault::new(kind).service(Service::Ec2).action("DescribeNetworkAcls");
                let number = place.fake.world().add_fault(fault);
                acls.of_subnet("subnet-1").await.unwrap_err();
                place.fake.world().faults.remove(number);
            }
            Ok(())
        })
    })?;
    let kinds: Vec<_> = ended.iter().map(|(fields, _)| &*fields["error.type"]).collect();
    assert_eq!(kinds, ["UnauthorizedOperation", "connection"]);
    // Neither keys nor what was asked.
    let told = format!("{ended:?}");
    assert!(!told.contains("subnet-1") && !told.contains("AKIA"), "{told}");
    Ok(())
}
