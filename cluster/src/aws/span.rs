//! Each call of AWS as a span of `tracing`, for whoever exports them.

use std::borrow::Cow;
use std::fmt;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, Error, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use tracing::Span;
use tracing::field::Empty;

use super::SPANS;

/// Is with each client, and so sees each call from its beginning to its end. The span is a child of the one that the
/// caller is in. It bears what the semantic conventions of OpenTelemetry want of a call of AWS
/// (<https://opentelemetry.io/docs/specs/semconv/cloud-providers/aws-sdk/>), and nothing of what was asked or
/// answered.
#[derive(Debug)]
pub(super) struct Spans;

/// The span of a call under way.
struct Open(Span);

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").finish_non_exhaustive()
    }
}

impl Storable for Open {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Spans {
    fn name(&self) -> &'static str {
        "flotilla spans"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // What is called is known later.
        let span = tracing::info_span!(
            target: SPANS,
            "aws",
            otel.name = Empty,
            otel.kind = "client",
            otel.status_code = Empty,
            rpc.system = "aws-api",
            rpc.service = Empty,
            rpc.method = Empty,
            http.response.status_code = Empty,
            aws.request_id = Empty,
            "error.type" = Empty,
        );
        bag.interceptor_state().store_put(Open(span));
        Ok(())
    }

    /// Comes after each call, also after one that was not answered in time.
    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Open(span)) = bag.load::<Open>() else { return Ok(()) };
        if span.is_disabled() {
            return Ok(());
        }
        if let Some(call) = bag.load::<Metadata>() {
            let (service, method) = (call.service(), call.name());
            span.record("otel.name", format!("{service}/{method}"));
            span.record("rpc.service", service);
            span.record("rpc.method", method);
        }
        let response = context.response();
        if let Some(response) = response {
            span.record("http.response.status_code", response.status().as_u16());
            let ids = REQUEST_IDS.iter().find_map(|name| response.headers().get(*name));
            if let Some(id) = ids {
                span.record("aws.request_id", id);
            }
        }
        if let Some(Err(error)) = context.output_or_error() {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", &*kind(error, response));
        }
        Ok(())
    }
}

/// What went wrong, in a word: the code that AWS gave, its status, or where it failed here.
fn kind<'a>(error: &OrchestratorError<Error>, response: Option<&'a HttpResponse>) -> Cow<'a, str> {
    let code = || response.and_then(|response| code(response.body().bytes()?));
    match error {
        _ if error.is_timeout_error() => "timeout".into(),
        _ if error.is_connector_error() => "connection".into(),
        _ if error.is_operation_error() => match (code(), response) {
            (Some(code), _) => code.into(),
            (None, Some(response)) => response.status().as_u16().to_string().into(),
            (None, None) => "_OTHER".into(),
        },
        _ if error.is_response_error() => "response".into(),
        // Credentials, for one.
        _ => "unsent".into(),
    }
}

/// The first `<Code>` of an answer. All services that are called here answer in XML, and the clients, which read it,
/// do not tell it to all of their interceptors.
fn code(body: &[u8]) -> Option<&str> {
    const BEGIN: &[u8] = b"<Code>";
    let head = body.get(..body.len().min(HEAD_BYTES))?;
    let at = head.windows(BEGIN.len()).position(|window| window == BEGIN)? + BEGIN.len();
    let rest = head.get(at..)?;
    let code =
        std::str::from_utf8(rest.get(..rest.iter().position(|byte| *byte == b'<')?)?).ok()?;
    let is_code =
        |code: &str| code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    Some(code).filter(|code| (1..=CODE_BYTES).contains(&code.len()) && is_code(code))
}

/// By whichever name the service tells it.
const REQUEST_IDS: [&str; 2] = ["x-amzn-requestid", "x-amz-request-id"];
/// The code comes before the message.
const HEAD_BYTES: usize = 1024;
/// The longest codes have about 60.
const CODE_BYTES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_in_answers() {
        let error = "<ErrorResponse xmlns=\"http://x/\"><Error><Type>Sender</Type><Code>Throttling</Code>\
                     <Message>&lt;Code&gt;</Message></Error></ErrorResponse>";
        assert_eq!(code(error.as_bytes()), Some("Throttling"));
        let ec2 = b"<Response><Errors><Error><Code>InvalidGroup.NotFound</Code></Error></Errors>";
        assert_eq!(code(ec2), Some("InvalidGroup.NotFound"));
        let long = format!("<Code>{}</Code>", "a".repeat(101));
        for none in ["", "<Code>", "<Code></Code>", "<Code>a b</Code>", "<Code>\n</Code>", &long] {
            assert_eq!(code(none.as_bytes()), None, "{none}");
        }
        let late = format!("{}<Code>Late</Code>", " ".repeat(HEAD_BYTES));
        assert_eq!(code(late.as_bytes()), None);
        assert_eq!(code(b"<Code>\xff</Code>"), None);
    }
}
