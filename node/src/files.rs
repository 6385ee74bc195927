//! What a user sees of a storage: the same operations, judged by the permissions of the account.
