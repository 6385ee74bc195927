//! Calls of AWS, which the crate of the cluster counts.

use flotilla_cluster::aws::calls::{self, ACTIONS, Outcome};

use super::book::Book;
use super::definition::Kind;
use super::label::Label;

/// An action, as a policy names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Action(usize);

impl Label for Action {
    const NAME: &'static str = "api";
    const COUNT: usize = ACTIONS.len();

    fn values() -> Vec<&'static str> {
        ACTIONS.to_vec()
    }

    fn place(self) -> usize {
        self.0
    }
}

impl Label for Outcome {
    const NAME: &'static str = "result";
    const COUNT: usize = Self::ALL.len();

    fn values() -> Vec<&'static str> {
        let name = |outcome| match outcome {
            Self::Ok => "ok",
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::Credentials => "credentials",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
        };
        Self::ALL.map(name).to_vec()
    }

    fn place(self) -> usize {
        self as usize
    }
}

/// Enters them.
pub(super) fn enter(book: &mut Book) {
    book.watch_family::<(Action, Outcome)>(
        Kind::Counter,
        "flotilla_aws_calls_total",
        "Calls of AWS, by what came of them",
        |place| {
            let outcome = Outcome::ALL.get(place % Outcome::COUNT);
            outcome.map_or(0.0, |&outcome| calls::count(place / Outcome::COUNT, outcome) as f64)
        },
    );
}
