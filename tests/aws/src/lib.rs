//! A strict fake of the parts of AWS that Flotilla uses.

pub mod api;
mod bucket;
mod chance;
mod clock;
mod control;
mod fake;
mod fault;
mod http;
mod identity;
mod log;
mod parameters;
mod problem;
pub mod route53;
mod settings;
mod shared;
mod world;
mod xml;

pub use self::bucket::{Buckets, Size};
pub use self::chance::Chance;
pub use self::fake::Fake;
pub use self::fault::{Fault, Faults, Kind};
pub use self::http::{Answer, Outcome, Request};
pub use self::identity::Identity;
pub use self::log::{Entry, Log};
pub use self::parameters::Parameters;
pub use self::problem::Problem;
pub use self::settings::Settings;
pub use self::world::World;
