//! Instance metadata, version 2: one service for each instance, which knows it by the listener that was asked.

mod answer;
mod listeners;
mod token;
mod tree;

pub(crate) use self::listeners::Listeners;
pub use self::token::Tokens;
