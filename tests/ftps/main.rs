//! FTP under TLS, byte by byte: RFC 2228 and RFC 4217, and what ties data connections to their
//! session.

mod certificate;
mod host;
mod implicit;
mod reuse;
mod rfc2228;
mod rfc4217;
