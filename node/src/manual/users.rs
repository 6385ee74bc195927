//! Who may log in, and to what: the file that `users.file` names. It is read by
//! [`auth::users`](crate::auth::users).
//!
#![doc = include_str!("users.md")]
