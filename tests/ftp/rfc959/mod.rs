//! RFC 959, File Transfer Protocol, with the corrections of RFC 1123, section 4.1.

mod active;
mod listing;
mod login;
mod path;
mod transfer;
mod under_way;
