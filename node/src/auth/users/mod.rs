//! The users file: what it says, who may change it, and how logins are judged by it. Its form
//! is described in [the manual](crate::manual::users).

mod certificate;
mod edit;
mod fault;
mod field;
mod judge;
mod live;
mod lookout;
mod policy;
mod read;
mod save;
mod table;
#[cfg(test)]
pub(crate) mod tests;

pub use certificate::{Demand, Rule};
pub use edit::{EditError, Editor, NewUser};
pub use fault::{Fault, UsersError, nearest};
pub use live::{STILL, Users, check};
pub use policy::{Policy, protocol_name};
pub use save::create;
pub use table::{
    PERMISSIONS, PROTOCOLS, Table, User, check_name, parse_expiry, parse_home, parse_rate,
    permission_names,
};
