//! What fails, what nodes do about it, what clients notice, and how it heals.
//!
//! Away means: a request was refused, or not answered within 500 ms; or there is no connection. A node then
//! serves on with what it knows, and tries again, to connect and to beat, within 2 s at the most. Operators
//! see `degraded` and the reason in `flotilla nodes`. The first beat that is answered ends it: counts,
//! sessions and what else the store may have wrong are told again.
//!
//! # The store
//!
//! | what fails | what nodes do | what clients notice | how it heals |
//! | --- | --- | --- | --- |
//! | Redis is killed, or can not be reached | away; each node admits its share of the limits; bans made meanwhile hold on the node that made them; a leader ends after 5 s, and none follows | nothing, unless a limit is near: the refusal names it and the share | with the next connection; bans and failed logins of the time between are told; for some seconds each node still keeps to its share as well, until all have told what they admitted |
//! | Redis hangs: connections stand, nothing is answered | the request that waits ends after 500 ms, and its connection with it; then as above | logins that a limit concerns and that are under way wait for so long | as above |
//! | its memory is full (`noeviction`) | away, reason `OOM`: beats are writes | as above | when there is room; the connection stays |
//! | it is slow | below 500 ms nothing; above as if it hung, again and again | logins that a limit concerns take as long | by itself |
//! | wrong password, missing right, a certificate that is not believed | at its start a node ends with exit code 4; while it runs it is away, reason `denied` | at the start: there is no node; else as above | when it is mended; running nodes come back without a restart |
//! | it comes back empty, or older (a failover that lost writes, a restored file) | every node that finds less there than was answered says so; 6 s of quarantine, in which nobody is taken for dead and no block is granted; all tell again what they have; the leader writes the policy, and the bans that were made since | nothing: port blocks are offered on by those who hold them; host keys and ticket keys are put back by those who have them; a node that came first with keys of its own is unready until its restart | in one beat of each node. Failed logins that were counted are gone; bans that were lifted since come back until their end |
//! | its clock is set ahead | by 6 s and more: a quarantine as above, since all seem to be silent; by 4 to 6 s, nodes may seem dead until they beat | nothing; bans that a node hears of afterwards end earlier by the step | in one beat |
//! | its clock is set back | times of beats, lease and quarantine that lie ahead become now | nothing; bans that a node hears of afterwards end later by the step | in one beat |
//! | Sentinels fail over | the connection ends, or is refused as `READONLY`; Sentinels are asked one after the other, and a server that is no master is not used | as while it is away | with the new master; lost writes as above |
//! | the owner of the pool's slot in a cluster dies, or the slot moves | as above, by `MOVED`; in the midst of a move requests are refused | as while it is away | when the slot has an owner |
//!
//! # Nodes
//!
//! | what fails | what nodes do | what clients notice | how it heals |
//! | --- | --- | --- | --- |
//! | a node is killed | after 6 s it is dead for the others: its sessions are in no list and in no count; if it led, another one leads with its next beat | its connections break. An upload that broke off is on the shared storage, and can be resumed on any node | a process with the same data folder takes the name over at once, any other after those 6 s |
//! | a node hangs or is paused | the same. Its own clock ends its term before another one leads; a machine whose clock stood still as well is refused by its term | its connections stand still | it beats again, and its sessions count again; what it holds is its own for 10 min |
//! | a node is cut off from the store alone | it is away, the others take it for dead, and still relay to it; its port blocks are its own for 10 min, then it offers none | nothing; limits may be exceeded by its sessions; after 10 min 425 to PASV | it beats again. After 10 min it was forgotten, and tells everything anew |
//! | a second process with the same name and another data folder | it is refused, not ready, and ends after 9 s with exit code 4; the first one does not notice | who came to the second one is sent away | give it a name of its own (`node.id`) |
//! | a copy of a data folder, in use twice | the younger process is taken for the next life of the older, which is superseded | as below | never copy a data folder |
//! | a node is superseded: a younger life of its name is registered | it drains and ends with exit code 4 | as in a drain | by itself |
//! | nobody leads: no node is ready, or the store is away | policy, bans and admission stay as they are. Ticket keys are not renewed, old unfinished uploads and dead nodes are not cleared away | nothing | one becomes ready |
//! | a node has another storage | it does not see the mark that another living node sees: not ready, latch `shared_storage`. Who was there first is right | balancers send nobody there; who comes is served | the storage is looked at every 2 s |
//! | another secret, or none where the pool has one | at its start a node ends with exit code 4. One that runs is unready, says why, serves on with what it has, and looks again | at the start: there is no such node | by the right `pool.secret_file` |
//! | all port blocks are taken | nodes with more than their share give back what nothing waits on | 425 to PASV on a node that has none | within some seconds, or when a dead node's blocks are free after 10 min |
//! | another layout of ports (`ftp.passive.ports`, `ftp.passive.block`) than the policy's | the node offers no port | 425 to PASV there | when all nodes were restarted with one layout; the leader's counts |
//! | settings differ | `flotilla nodes` names the keys | what differs, on that node | a reload |
//! | versions differ, as during an upgrade | records are read as far as they are known, and what is missing has its default; an order that a node does not know is left alone | nothing | by the end of the upgrade |
