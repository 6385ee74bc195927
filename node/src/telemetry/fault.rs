//! Whose doing a failure is.

use flotilla_protocol::failure::Failure;

/// Whether a failure of somebody who is logged in is kept although his session is not sampled: the storage, the
/// network or the server itself failed him, or his quota did, which somebody has to raise. What he asked for that is
/// not there or not allowed, and what he or an operator ended, is no fault.
pub(crate) fn is_fault(failure: &Failure) -> bool {
    failure.is_trouble() || *failure == Failure::Quota
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_does_itself_is_no_fault() {
        let own = [
            Failure::NotFound,
            Failure::Denied("read permission"),
            Failure::BadOffset,
            Failure::Aborted,
            Failure::Stopping,
            Failure::Limit("limits.per_user".to_owned()),
        ];
        let faults = [
            Failure::StorageError,
            Failure::StorageTimeout,
            Failure::NoSpace,
            Failure::Quota,
            Failure::DataStalled,
            Failure::DataTimeout,
            Failure::Internal,
        ];
        assert!(own.iter().all(|failure| !is_fault(failure)), "{own:?}");
        assert!(faults.iter().all(is_fault), "{faults:?}");
    }
}
