//! Clients that mean harm, and conditions that nobody wants: what the server must withstand, and
//! how it keeps serving the others.

mod bounce;
mod descriptors;
mod disk;
mod flood;
mod guess;
mod hang;
mod interrupted;
mod passive;
mod race;
mod theft;
mod traversal;
mod witness;
