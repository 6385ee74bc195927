//! FTP in clear, byte by byte: one file per RFC or draft, each test with the clause that it holds
//! the server to.

mod account;
mod hash;
mod line;
mod mfxx;
mod rfc2389;
mod rfc2428;
mod rfc2640;
mod rfc3659;
mod rfc7151;
mod rfc959;
mod site;
mod telnet;
