//! Who logs in: one user, or many in turn.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A user, or a row of users with one password.
///
/// A server may remember a password that it verified. One that is to verify a hash in each login
/// needs more users than it remembers.
pub(crate) struct Account {
    name: String,
    password: String,
    /// 1: the name as it is; more: the name with a number behind it.
    users: usize,
    next: AtomicUsize,
}

impl Account {
    /// One user, or with `users` above 1 those of [`Account::numbered`] from 0 on, again and again.
    pub(crate) fn new(name: String, password: String, users: usize) -> Self {
        Self { name, password, users, next: AtomicUsize::new(0) }
    }

    /// The user whose turn it is.
    pub(crate) fn user(&self) -> Cow<'_, str> {
        if self.users <= 1 {
            return Cow::Borrowed(&self.name);
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        Cow::Owned(Self::numbered(&self.name, turn % self.users))
    }

    /// The password of every user.
    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// The name of one of many users.
    pub(crate) fn numbered(name: &str, number: usize) -> String {
        format!("{name}-{number}")
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({} users)", self.name, self.users)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_is_itself_and_many_take_turns() {
        let account = |users| Account::new("bench".to_owned(), "secret".to_owned(), users);
        let one = account(1);
        assert_eq!([one.user(), one.user()], ["bench", "bench"]);
        let three = account(3);
        let names: Vec<_> = (0..4).map(|_| three.user().into_owned()).collect();
        assert_eq!(names, ["bench-0", "bench-1", "bench-2", "bench-0"]);
        assert!(!format!("{three:?}").contains("secret"));
    }
}
