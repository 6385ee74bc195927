//! The operator's side (design, section 9): verbs, exit codes, signals, reload, health, limits and
//! logs.

mod admin;
mod check;
mod doctor;
mod drain;
mod first_start;
mod generate;
mod health;
mod level;
mod limits;
mod log;
mod metrics;
mod nftables;
mod refusal;
mod reload;
mod show;
mod template;
mod user;
