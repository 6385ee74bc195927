//! SFTP and SCP: why the SSH side is built as it is.
//!
//! # The library carries packets, and no more
//!
//! `russh` exchanges keys, encrypts, and verifies signatures. Its own way to read a channel is a queue
//! of a fixed number of messages, and its loop waits when that queue is full. A server that writes a
//! reply while it should read then stops for ever: the reply waits for the client's window, the window
//! adjustment waits behind queued requests, and the loop waits for the queue. OpenSSH's client with
//! `limits@openssh.com` brings it about with every download of a large file, paramiko's prefetch
//! without. Every fixed queue only moves the cliff. So:
//!
//! - The library's channel is dropped when it is opened. Bytes come in by the handler's callback and go
//!   straight to the program of the channel, which keeps requests as descriptors of a few bytes (runs of
//!   READs that continue each other as one) and WRITE data in the buffer that the storage will get.
//! - A write to the socket always succeeds (`node/src/ssh/link.rs`); what the socket does not take waits
//!   beside it, and every read tries it again. Only when a mebibyte waits does reading stop, and since
//!   replies are bounded to half of that, only a flood of transport requests gets there.
//! - Replies are made no faster than they leave: half a mebibyte per connection with the library and
//!   the socket, one more in the machine. READs wait in their queue without a buffer.
//! - WRITE data is bounded by not reading on. That is safe, since the storage takes it without waiting
//!   for any reply to be sent.
//!
//! # Two ways for a reply
//!
//! Within a callback bytes go straight into the library's packet; a reply from the page cache so takes
//! no queue, no task switch and no lock. What comes from the storage's pool, or waits for the client's
//! window, goes by letter through the library's own queue. A channel takes the straight way only when the
//! library holds nothing of it any more, which the drop of its buffers tells.
//!
//! The library is not told more bytes than the client takes, because it would stop posting letters of
//! all channels of the connection: a suspended download must not stop an upload beside it. The first
//! window is not told to us, and no guess is safe: below the truth it stops a client with a large window,
//! which adjusts it late. So until the first adjustment there is none but our own bound, and from then
//! on the exact value is known.
//!
//! # Files
//!
//! - SFTP has no end-of-file command: an upload is published at CLOSE, under `storage.atomic_uploads`
//!   atomically. A connection that dies before leaves the unfinished file as `storage.on_abort` says; its
//!   owner sees it under its name with its true size, and resumes it (`reput`, `rclone`).
//! - A file opened without truncation is written in place, as programs that edit files expect.
//! - REALPATH is lexical: the user's home is `/`, and nothing above it has a name.
//! - Symbolic links are resolved by the kernel inside the user's root. An absolute target is stored
//!   relative, so that it means the same to other programs on the machine.
//! - SYMLINK's two arguments come in OpenSSH's order, except from clients (asyncssh, libssh) that keep to the
//!   draft with every server that does not call itself OpenSSH.
//!
//! # Logins
//!
//! A wrong password counts for `limits.login_attempts` and bans as with FTP; a key that fits nobody does
//! not, since agents offer all they hold. Whoever proved who they are and may not come in (a limit, a
//! policy) is told why in the disconnect message, which is the only place that SSH has for it.
//!
//! Where an authority is configured, any offered key is worth a signature: the library does not tell a
//! certificate from a key in that question. Nothing is granted by it.
//!
//! # What ends a connection
//!
//! | limit | what happens |
//! | --- | --- |
//! | `timeouts.login` | closed |
//! | `timeouts.idle` without a request | told, then closed; answers to our keepalives are no requests |
//! | `timeouts.stalled` without a byte taken | closed |
//! | `ssh.keepalive`, three times unanswered | closed: unresponsive is not idle |
//! | a kick | aborted, told, and closed within a second |
//! | a drain | idle connections at once, others when their files are closed |
//!
//! # Not there
//!
//! Shells, forwarding, agents, X11, compression, SFTP versions above 3, host certificates.
