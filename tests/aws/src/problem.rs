//! A refusal, and how each service writes it.

use std::fmt::{self, Display};

use crate::api::Service;
use crate::http::Answer;
use crate::xml::Element;

/// What a call is refused with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Of HTTP.
    pub status: u16,
    /// As `InvalidChangeBatch`.
    pub code: String,
    /// In the words of AWS.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(text, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Problem {}

impl Problem {
    /// A refusal with status 400.
    pub fn new(code: impl Into<String>, message: impl Display) -> Self {
        Self::with(400, code, message)
    }

    /// A refusal with that status.
    pub fn with(status: u16, code: impl Into<String>, message: impl Display) -> Self {
        Self { status, code: code.into(), message: message.to_string() }
    }

    /// A parameter that must be there is not.
    pub fn missing(service: Service, name: &str) -> Self {
        match service {
            Service::Ec2 => Self::new(
                "MissingParameter",
                format_args!("The request must contain the parameter {name}"),
            ),
            Service::Route53 => {
                Self::new("InvalidInput", format_args!("Invalid XML ; missing element {name}"))
            }
            _ => Self::new(
                "ValidationError",
                format_args!(
                    "1 validation error detected: Value null at '{name}' failed to satisfy \
                     constraint: Member must not be null"
                ),
            ),
        }
    }

    /// No such action.
    pub fn unknown_action(service: Service, action: &str) -> Self {
        let message = match service {
            Service::Ec2 => format!("The action {action} is not valid for this web service."),
            _ => format!("Could not find operation {action}"),
        };
        Self::new("InvalidAction", message)
    }

    /// The permission of the caller is missing.
    pub fn refused(service: Service, user: &str, action: &str) -> Self {
        let right = format!("{}:{action}", service.prefix());
        match service {
            Service::Ec2 => Self::with(
                403,
                "UnauthorizedOperation",
                format_args!(
                    "You are not authorized to perform this operation. User: {user} is not \
                     authorized to perform: {right} because no identity-based policy allows the \
                     {right} action"
                ),
            ),
            _ => Self::with(
                403,
                "AccessDenied",
                format_args!(
                    "User: {user} is not authorized to perform: {right} because no identity-based \
                     policy allows the {right} action"
                ),
            ),
        }
    }

    /// Too many calls.
    pub fn throttled(service: Service) -> Self {
        match service {
            Service::Ec2 => Self::with(503, "RequestLimitExceeded", "Request limit exceeded."),
            _ => Self::new("Throttling", "Rate exceeded"),
        }
    }

    /// The answer that says so.
    pub fn answer(&self, service: Service, request: &str) -> Answer {
        let (code, message) = (&self.code, &self.message);
        let error = Element::new("Error");
        let document = match service {
            Service::Ec2 => Element::new("Response")
                .list("Errors", [error.text("Code", code).text("Message", message)])
                .text("RequestID", request),
            _ => {
                let kind = if self.status < 500 { "Sender" } else { "Receiver" };
                let error = error.text("Type", kind).text("Code", code).text("Message", message);
                Element::new("ErrorResponse")
                    .within(service.namespace())
                    .child(error)
                    .text("RequestId", request)
            }
        };
        Answer::xml(self.status, document.document()).header("x-amzn-requestid", request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(service: Service) -> String {
        let answer = Problem::new("Odd", "a & b").answer(service, "7");
        String::from_utf8(answer.body).unwrap()
    }

    #[test]
    fn each_service_has_its_form() {
        assert!(text(Service::Ec2).ends_with(
            "<Response><Errors><Error><Code>Odd</Code><Message>a &amp; b</Message></Error></Errors>\
             <RequestID>7</RequestID></Response>"
        ));
        assert!(text(Service::Route53).ends_with(
            "<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error>\
             <Type>Sender</Type><Code>Odd</Code><Message>a &amp; b</Message></Error>\
             <RequestId>7</RequestId></ErrorResponse>"
        ));
    }
}
