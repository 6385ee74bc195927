//! Real clients against the real server: each logs in, lists, uploads, downloads, resumes, renames
//! and deletes, in clear and under TLS where it can, and every byte is compared.
//!
//! A client that is missing fails its tests; `tests/run` installs them all.

mod curl;
mod house;
mod lftp;
mod ncftp;
mod python;
mod rclone;
mod tnftp;
mod wget;
