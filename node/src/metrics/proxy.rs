//! PROXY headers.

use super::book::Book;
use super::family::Family;
use super::instrument::Counter;
use super::label::label;

label! {
    /// What came of a header.
    HeaderResult = "result" {
        Taken = "ok",
        Local = "local",
        Refused = "refused",
        Late = "late",
        Crowded = "crowded",
    }
}

/// PROXY headers, by what came of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProxyHeaders {
    /// A client's address was taken over.
    pub(crate) taken: Counter,
    /// The connection is the balancer's own.
    pub(crate) local: Counter,
    /// Missing, wrong, or of somebody who is no balancer.
    pub(crate) refused: Counter,
    /// Nothing came in time.
    pub(crate) late: Counter,
    /// Too many are waited for.
    pub(crate) crowded: Counter,
}

impl ProxyHeaders {
    pub(super) fn new(book: &mut Book) -> Self {
        let headers: Family<HeaderResult, Counter> =
            book.family("flotilla_proxy_headers_total", "PROXY headers, by what came of them");
        let of = |result| headers.of(result).clone();
        Self {
            taken: of(HeaderResult::Taken),
            local: of(HeaderResult::Local),
            refused: of(HeaderResult::Refused),
            late: of(HeaderResult::Late),
            crowded: of(HeaderResult::Crowded),
        }
    }
}
