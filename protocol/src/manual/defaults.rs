//! Numbers and forms that were chosen.
//!
//! # Lines
//! - 4096 bytes per line ([`LINE_BYTES_MAX`](crate::ftp::LINE_BYTES_MAX)): `PATH_MAX` of Linux, so
//!   that every path that fits a system call fits a command, but for those within a verb's length
//!   of the limit. A longer line is answered once with 500 and the rest of it dropped: cutting it
//!   instead would name another file than the client meant.
//! - 512 bytes per telnet subnegotiation: clients of FTP send none; the limit is there because
//!   bytes inside it end no line.
//! - A bare LF ends a line. RFC 959 wants CR LF, but people with `nc` and some scripts send LF
//!   alone, and no name can hold an LF on the command line in either reading.
//!
//! # Names
//! - Bytes, not text: a name is listed and accepted as it is stored, whatever its encoding. `OPTS
//!   UTF8` is answered for the clients that insist on it.
//! - Exactly one space parts a verb from its argument, so ` a` and `a ` are names like any other.
//! - CR inside a path is refused with 501. RFC 2640 would allow it as `CR NUL`; in practice it is a
//!   client that translates line ends, or an attempt to forge a log line or a reply.
//! - In LIST and NLST CR, LF and NUL of a stored name become `?`; in MLSD such names are left out,
//!   since a client would take what it sees there for the true name. STAT and LIST show that they
//!   exist.
//! - 255 bytes per name and 4095 per path, as Linux has them, judged before storage is asked.
//!
//! # Listings
//! - LIST is the long form of `ls`, since clients parse nothing else reliably: numeric owner and
//!   group (names would cost a look-up per entry and tell account names), times in UTC (there is no
//!   other zone that both ends know), the hour for the last half year and the year otherwise.
//!   A time in the future shows its year: a client would take the short form for last year's.
//! - MLSx sends type, size, modify, perm, unique and UNIX.mode until OPTS MLST says otherwise.
//!   `size` is left out for directories, where it means nothing to a client. `perm` follows the
//!   user's rights, not the file's mode: the mode has its own fact.
//! - `UNIX.mode` has a leading 0, which tells an octal number to those who look for one.
//! - Options of LIST are read because clients send them: `-a -A -l -R -d` mean something, all other
//!   letters are ignored. NLST has the same ones, and `--` or `./` protects a name that begins with
//!   a hyphen.
//! - Patterns (`*`, `?`, `[...]`, backslash) hold for the last component alone, characters of UTF-8
//!   count as one, and a leading dot must be written. 255 bytes at the most, as for a name.
//!
//! # Arguments with two readings
//! - `MDTM 20240229123456 name` sets the time, as many clients mean it, if the digits are a valid
//!   time and a name follows; `./` in front makes it a question about a file of that name.
//! - `XMD5 a 0 100` takes the range if the path holds no space and both bounds are there;
//!   everything else after a bare path belongs to its name. A quoted path says it without doubt.
//! - `SITE UTIME` is read from its end first (three times and `UTC`), then from its start.
//!
//! # Hashes
//! - SHA-256 unless OPTS HASH chooses another. MD5, SHA-1 and CRC32 are there for clients that
//!   compare against old lists; they prove nothing against somebody who means harm.
//!
//! # Reply codes of failures
//! One table, [`Failure::code`](crate::ftp::Failure::code), has them all. Where RFC 959's list for
//! a command and the meaning of the first digit are at odds, the digit wins, since clients retry on
//! 4 and give up on 5.
//!
//! # SFTP: versions and answers
//! - Version 3 alone: it is what OpenSSH speaks, and so what all clients speak. Whoever names another
//!   version is answered with 3; for one below 3 a STATUS carries no text, as OpenSSH has it.
//! - Where the draft and OpenSSH differ, OpenSSH holds, since clients were tested with it: the order
//!   of SYMLINK, bytes behind the last field ignored, a second INIT answered. OPEN for neither
//!   reading nor writing is refused, though OpenSSH takes it for reading; TRUNC and APPEND need
//!   WRITE.
//! - REALPATH is lexical and answered for names that do not exist: clients ask it for the name of
//!   a file that they are about to make. A link on the way is told as it stands.
//! - The home is the root of the user's tree, so `~` is `/`. Other users have no home here.
//! - NAME replies are 34,000 bytes, which the draft wants everybody to take, and 64 KiB for clients
//!   that asked for `limits@openssh.com`. The long form is that of LIST.
//! - `check-file-name` and `check-file-handle` are answered as the draft has it. `check-file`, the
//!   name that paramiko sends, gets paramiko's form, which repeats that name.
//!
//! # SFTP: order and memory
//! - What happens is what would happen if requests were carried out one by one, as far as one handle
//!   and the tree are concerned. READs run beside READs, and WRITEs beside WRITEs to other bytes; all
//!   else waits for what came before it on its handle, and requests for names wait for everything.
//!   Two handles of one file are ordered by the latter alone: whoever writes through one and reads
//!   through another waits for replies, as between two sessions.
//! - Requests are taken whatever is unsent, and READs that continue each other are kept as one: a
//!   prefetch of 100 GiB takes as much memory as one READ. 16 MiB of other requests are a client that
//!   will never wait, and the end of the session; so are 4 MiB of replies that nobody takes.
//! - 1 MiB of large replies made ahead is what a fast connection takes while the storage turns
//!   around; 4 MiB of WRITE data are sixteen of the largest, which keeps slow storage busy.
