//! What is not implemented, and why.
//!
//! # FTP
//!
//! | what | the client hears | why |
//! | --- | --- | --- |
//! | `TYPE E`, `TYPE A T`, `TYPE A C`, `TYPE L n` but 8 | 504 | no machine that has them, no client that asks |
//! | `STRU R`, `STRU P` | 504 | records and pages do not exist in the storage behind; sending a stream instead would be a lie |
//! | `MODE B`, `MODE C`, `MODE Z` | 504 | block mode's restart markers are replaced by RFC 3659; compression costs more than it gains for what fleets move, and its decoders are a target |
//! | `CCC` | refused | it strips TLS from the control connection, for the sake of firewalls that read it |
//! | `AUTH` but TLS and SSL; `ADAT`, `MIC`, `CONF`, `ENC` | 504; 500 | RFC 2228 with Kerberos has no users left |
//! | `REIN` under TLS | 502 | RFC 4217 wants the connection back in clear: what came before and after would hang together by nothing but the port. A new connection costs the same |
//! | `RANG` before STOR, APPE, STOU | 504 | a range in the middle of an upload says nothing of what becomes of the rest of the file; `REST` says where to go on |
//! | `SIZE`, and REST, RANG before a transfer, in `TYPE A` | 550; 554 | both count bytes as they are sent, which for text means reading the whole file first; a number of another unit would corrupt a resumed file without a sign |
//! | `EPSV` behind a balancer that takes the control connection alone | 522 | it leads to the address that the client dialled, where nobody waits; clients fall back to PASV |
//! | `HOST` that names another host than SNI | 504 | the certificate that the client has checked must be that of the host it talks to (RFC 7151, 3.4) |
//! | `PROT S`, `PROT E` | 536 | meaningless with TLS (RFC 4217, 9) |
//! | `SMNT`, `LPRT`, `LPSV`, `THMB`, `COMB` | 500 | one tree per user; EPRT and EPSV do what the long forms did; the others died as drafts |
//! | `SITE EXEC` and its like | 504 | no command of a client runs a program |
//! | CR in a path (RFC 2640, `CR NUL`) | 501 | see [`defaults`](super::defaults) |
//! | names with CR, LF or NUL in MLSx | left out | RFC 3659 has no quoting |
//! | patterns in directories of a path | taken literally | each level multiplies the work of one line; the last component suffices for `mget` |
//! | `{a,b}` and `~user` in patterns | taken literally | the first multiplies the work, the second tells accounts |
//! | facts `create`, `lang`, `charset`, `media-type` | not offered | nothing that `statx` knows in every file system |
//! | setting facts but `modify` and `UNIX.mode` | 504 | as above |
//!
//! `500` for verbs that RFCs define and this server lacks is 502 in the letter of RFC 959; there is
//! no client that tells the two apart, and no list of dead verbs to keep.
//!
//! # SFTP
//!
//! | what | the client hears | why |
//! | --- | --- | --- |
//! | versions 4 to 6 | VERSION 3 | OpenSSH has none of them, so no client needs them; text mode, ACLs and byte-range locks come with them |
//! | `~user` of others, `home-directory` of others | no such file | everybody has a tree of their own |
//! | extended attributes in SETSTAT and OPEN | ignored | version 3 gives them no meaning, and OpenSSH ignores them |
//! | requests on a directory's handle but READDIR and CLOSE | failure | as OpenSSH; the path says the same |
//! | `copy-data` onto its own handle | failure | as OpenSSH: source and target might overlap |
//! | more than 4096 users or groups in one request for names | failure | clients ask for those of one listing |
//! | `vendor-id`, `newline`, `space-available`, `text-seek` | unsupported | of later versions, or replaced by `statvfs@openssh.com` |
