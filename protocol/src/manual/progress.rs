//! Progress lines: a final reply that begins in mid-transfer.
//!
//! # What for
//! Some things between client and server, classic balancers of AWS first, forget a connection on
//! which no payload moved for a minute; TCP keepalives do not count there. In a long transfer the
//! control connection has nothing to say, and when it is gone, nobody hears how the transfer ended.
//! TLS 1.3 has records that no client sees, and SSH has messages of its own. Plain FTP has neither:
//! the only bytes that a server may send after the 150 are those of the final reply.
//!
//! # What is sent
//! RFC 959, 4.2 lets a reply have many lines: the first begins with the code and a hyphen, the last
//! with the same code and a space, and whatever stands between is text. Nothing is said of when the
//! lines must come. So, with [`Keepalive::progress`](crate::ftp::Keepalive::progress) and a control
//! connection in clear:
//!
//! ```text
//! 150 Opening data connection for RETR big.iso (4294967296 bytes).
//! 226-402653184 bytes so far.          after each third of the balancer's time without a reply
//! 226-805306368 bytes so far.
//! 226 Transfer complete.
//! ```
//!
//! - Every line begins with `226-`, not with a space as the middle lines of other replies do:
//!   clients that look at lines one by one know what they are in, and so do people who read a log.
//! - The 150 could not be drawn out so. Most clients touch the data connection only when it is
//!   complete, and RFC 959, 4.2 allows one such reply for a command.
//! - Before the 150 nothing is sent: the wait for a data connection has a short time-out of its
//!   own.
//! - Once a line is out, everything up to the last one is one reply. NOOP and STAT wait for its end
//!   like other commands; till then they are answered at once, which puts the next line off.
//! - A client that leaves a line unread gets no further one: there is payload under way.
//!
//! # Why a failure closes the connection
//! First and last line have the same code, so after `226-` there is no way left to say 426. A line
//! that says 426 within the reply is text; and a client that takes the first line's word has been
//! misled already. What everybody understands is a control connection that ends before the final
//! reply: the transfer failed, or nobody knows, and it must be done again or resumed by REST. So
//! the session writes why, as one more line, does not complete the reply, and closes. Lines behind
//! it are not executed. ABOR, a kick by an operator, and a server that stops end so as well, unless
//! they come before the first line: from then on none begins, and 426 is told as always.
//!
//! # Which clients bear it
//! RFC 959 demands it of all. What real ones do, and which take the first line for the whole, is
//! tried out by the suite that runs behind a stand-in for such a balancer; its table is in the
//! manual of the node, `manual::ingress`. Progress lines are off until an operator wants them
//! (`ingress.progress_lines`): TLS, or a balancer whose time can be raised above the longest
//! transfer, are the better answers.
