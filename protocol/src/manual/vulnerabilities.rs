//! Mistakes that other servers made, and what stands against them here.
//!
//! Numbers are those of public advisories. Only what this crate answers for is told: sockets, files
//! and TLS are the node's, whose own manual speaks of them.
//!
//! # Commands injected before TLS
//! Postfix (CVE-2011-0411) and, of FTP servers, Pure-FTPd (CVE-2011-1575) kept what had been
//! received in clear after the command that starts TLS and ran it as if it had come protected. Here
//! the start of TLS is a request to the owner that demands to drop everything received, and
//! [`LineReader::clear`](crate::ftp::LineReader::clear) forgets the unfinished line, half a telnet
//! sequence included.
//!
//! # The bounce
//! RFC 959 lets PORT name any address; CERT CA-1997-27 and RFC 2577 tell what was done with that.
//! The parser only reads addresses, port 0 excluded, and makes no exception for forms that hide one
//! (an IPv6 zone, leading text); the session compares what was read with the client's own address.
//!
//! # Addresses of a client's own making
//! A PROXY header is whatever its sender writes. Servers that take one from everybody let a client
//! choose the address by which it is logged, limited and let in; those that look for another one
//! behind the first leave the choice to it even behind a balancer, since the balancer passes on what
//! the client sent. [`Decoder`](crate::proxy::Decoder) reads one header, takes nothing behind it, and
//! is strict where two readers could differ: zeros in front of a number, two spaces, a line end that
//! is half of one, lengths that do not add up. Whom to ask it for is the owner's to know. An IPv4
//! address in the clothes of an IPv6 one is undressed, or rules for the former would not see it.
//!
//! # Telnet bytes
//! ProFTPD overran a buffer on the stack when a telnet sequence crossed its end (CVE-2010-4221).
//! [`LineReader`](crate::ftp::LineReader) keeps one state and one bounded vector, in safe Rust; a
//! property test and a fuzz target hold that the cut of the stream changes nothing.
//!
//! # Patterns
//! wu-ftpd corrupted its heap in its own glob (CVE-2001-0550); vsftpd (CVE-2011-0762) and the C
//! libraries (CVE-2010-2632) burnt all memory or time on patterns such as `{a,*}/../{a,*}`. Here a
//! pattern is one component without braces, matched without recursion in a time bounded by the
//! product of the lengths of pattern and name, both of which have limits.
//!
//! # SITE
//! wu-ftpd ran SITE EXEC with a format string of the client's (CVE-2000-0573). ProFTPD's mod_copy
//! answered SITE CPFR and CPTO before login (CVE-2015-3306) and later without asking for the user's
//! rights (CVE-2019-12815). There is no SITE EXEC. SITE needs a login by the verb table, and a
//! copy is one typed request for which the storage judges reading and writing like any other.
//!
//! # Numbers in arguments
//! Serv-U overran its stack with the zone in MDTM's time (CVE-2004-0330). Times here are fixed
//! counts of digits that must name a day of the calendar; numbers are checked for overflow, take no
//! sign, and each is judged once, in the parser, into a type that can not hold the wrong value.
//!
//! # Paths out of the root
//! The commonest flaw of small servers, in many spellings.
//! [`VirtualPath`](crate::path::VirtualPath) can not be built with `..`, an empty or a NUL-holding
//! component, and resolves lexically before storage sees anything. Links are the storage's affair:
//! lexical care alone would not stop them.
//!
//! # Forged replies and lines
//! A name with CR LF inside, echoed in a reply, is a reply of the client's choice to another's
//! client; in a listing it is a file that does not exist. [`Reply`](crate::ftp::Reply) is the only
//! writer of replies and replaces every control byte; the listings do so for what ends a line.
//! Middle lines of long replies begin with a space, so that text can not look like the last line.
//!
//! # Lengths in packets
//! Libraries for SFTP took a length out of the stream into an allocation (russh-sftp before 3: up to
//! 4 GiB), or logged an undecodable packet and read on from its middle. Here a length above the limit
//! and a packet that ends before its fields end the session; a packet takes memory as it arrives,
//! and only the data of a WRITE, 256 KiB at the most, gets its buffer at once.
//!
//! # The reply that nobody takes
//! A server that stops reading because it can not write waits for the message that would let it
//! write: clients that ask for a whole file at once hang it for ever. `sftp::Session` takes requests
//! whatever is unsent, and says itself when reading may pause. What a client could pile up that way
//! has limits, beyond which the session ends.
//!
//! # Handles
//! A handle that is an index, or a number that is used again, leads a late request to another file.
//! [`HandleId`](crate::sftp::HandleId) has a generation that is never used again, is void from the
//! arrival of CLOSE, and leads nowhere before its own OPEN is answered.
//!
//! # What is not covered
//! FTP without TLS shows names, passwords and files to the network, and a PASV answer in clear can
//! be changed on its way; no parser helps. A browser made to send an HTTP request to this port
//! reaches the parser, which answers its lines with 500.
