//! Nodes behind balancers (design, sections 5 and 6), in networks of the kernel that each test makes
//! for itself: what clients see of a pool through one address, and what is left when something in
//! between forgets, lies or dies.

mod balanced;
mod claim;
mod direct;
mod firewall;
mod header;
mod idle;
mod late;
mod loss;
mod relay;
mod shared;
mod site;
mod tell;
mod theft;
mod trace;
mod user;
