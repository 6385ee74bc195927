//! Nodes that look after AWS by themselves (design, section 7), on a strict fake of it (`tests/aws`): instances of one
//! network, each with its metadata, and one service for all of them.

mod balancers;
mod groups;
mod identity;
mod names;
mod notices;
mod second;
mod site;
