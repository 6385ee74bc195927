//! `scp`, and what else an SSH `exec` request may ask for.
//!
//! # Commands
//! | command | what happens |
//! | --- | --- |
//! | `scp -t`, `scp -f` with `-r -p -d -v -q` and flags that mean nothing here | the copy protocol, [`Machine`](crate::scp::Machine) |
//! | `md5sum`, `sha1sum`, `sha256sum`, `sha512sum` with `-b -t`, files or none | lines of digests, [`hash_line`](crate::exec::hash_line) |
//! | `rclone md5sum`, `rclone sha1sum`, `rclone hashsum NAME` | the same; rclone's own way to SHA-256, whose test for `sha256sum` runs another program |
//! | `echo TEXT \| md5sum` and its kin | the digest of the text: old releases of rclone try out hash commands so |
//! | everything else | refused with 127 |
//!
//! A program may be named by any path. `scp` options that take an argument are refused: they are
//! the client's own, and `-S` or `-o` on a server would be an attack.
//!
//! rclone also runs `echo ${ShellId}%ComSpec%` to tell shells apart; refused, it assumes a Unix
//! shell, which is what the hash commands are like. Its `df` is refused; it asks `statvfs` first.
//!
//! # No shell
//! - Words are split and unquoted as POSIX has it. Whatever would make a shell act (`$`, backquote,
//!   `;`, `&`, `|`, `<`, `>`, parentheses, `#`, a line end) is refused where it is not quoted,
//!   rather than taken literally: the client meant something that will not happen.
//! - `~` and `~/` are the folder where relative paths begin; `~user` is refused. `{a,b}` is taken
//!   literally: no shell of POSIX expands it.
//! - `*`, `?` and `[...]` outside quotes are patterns, in any component, as scripts expect of
//!   `scp host:'*/log*.gz' .`. [`Walk`](crate::glob::Walk) expands them: 10,000 names, 2 MiB and a
//!   million entries looked at, or the command fails. What fits nothing stays as it is.
//! - A command is 32 KiB at the most.
//!
//! # Names
//! - A client that sends `.`, `..`, nothing or a slash as a name is cut off, as OpenSSH does.
//! - Names with control bytes (ASCII 0 to 31, 127) are refused one by one, in both directions.
//!   OpenSSH writes a line end as `\^J` when it sends; the file then arrives under another name
//!   without anybody being told. Here the client is told and ends with status 1. SFTP moves such
//!   files.
//! - Error texts show no control character, and are shorter than the line that OpenSSH reads.
//! - `scp -rf .` sends the folder under its own name, since clients refuse `.`; `/` has none, and
//!   the text says to ask for `/*`.
//!
//! # Uploads
//! - A file is published when all of its bytes came and the client said a zero byte after them. If
//!   it breaks off, the owner may keep what came for a resumption. If the client says that it could
//!   not read the file, what came was filled up with zeros, and is not kept.
//! - OpenSSH writes into the file that is there; here it is replaced as a whole, or not at all.
//! - Times of a `T` line and, with `-p`, the mode are set before a file is published. `T` counts
//!   without `-p` too, as in OpenSSH.
//! - Without `-p` the mode goes through the server's mask, and directories keep the owner's rights
//!   (`0o700`), where OpenSSH would take them away at the end.
//! - A directory gets its mode and times at its end, so that it can be filled.
//! - A target with a slash at its end that is no directory is an error, not a name.
//! - An error of the storage is told after the file, whose bytes are dropped till then.
//!
//! # Downloads
//! - Links are followed, as in OpenSSH; a directory that is its own ancestor is left out.
//! - A file that shrinks or fails is filled up with zeros, since its size is announced, then told.
//!   One that grows is sent up to the announced size.
//! - `T` lines have whole seconds, 0 before 1970.
//!
//! # Bounds
//! Directories 64 deep, lines 2048 bytes, sizes `i64::MAX`, 256 KiB of an upload that wait for a
//! write while another one is under way, 256 KiB of output ahead of the client, 256 names of each
//! open directory.
//!
//! # What is not served
//! - WinSCP's SCP mode, which runs `ls`, `cd` and others in a shell: its SFTP mode does the same.
//! - `md5sum -c`: a list of names in a file is no command of the client.
//! - A check of received names against the pattern asked for, which is the client's.
