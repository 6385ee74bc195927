//! Why the pool is built as it is.
//!
//! # Time
//!
//! - **Two clocks, never compared.** What expires in the store is judged by the store's clock, in the script that
//!   looks at it. A node counts by its own clock, from the moment at which it asked. Clocks of machines need
//!   not agree.
//! - **Expiry is inside the values.** A time stands in the value, and the script judges it. Redis's own expiry only
//!   takes the garbage away, a minute later: fields of hashes have none before Redis 7.4, and neither tidying
//!   nor a small step of the clock must change an answer.
//! - **Fences are times.** A counter that is lost in a failover counts again from below. A fence is the time in
//!   milliseconds, or one more than the last: it rises although the last one was forgotten, unless data is lost
//!   and the clock is set back at once.
//! - **Quarantine.** A store that lost data can not tell who is dead from who has not spoken yet. For three beats it
//!   therefore takes nobody for dead and grants nothing. The same when all were silent at once: that is a
//!   pause of the store or a step of its clock.
//! - **A loss is told by numbers.** A node says which of its beats, admissions and publications were answered, and
//!   which generation of the pool it knows. A store that knows of less went back, however that came about.
//!
//! # Requests
//!
//! - **One request is one script**, with all of its keys in one slot. [`State`](crate::store::State) says what each
//!   means, in a few hundred lines that can be read and simulated; the scripts are held against it by random
//!   sequences of requests (`cluster/tests/redis/conformance`).
//! - **Sent once.** What broke off may have been carried out. So nothing below the agent sends again; the agent says
//!   what is, in absolute numbers. That is why the layers of the `redis` crate above a connection are not used. A
//!   failed login is a step and stays one: whether it counts once more or less decides nothing.
//! - **Counts are absolute, with a sequence.** A node says "bob has 3 sessions here", not "one more". Whatever
//!   became of an earlier request, the next one sets it right, and one that is late is known by its number. What a
//!   node counted goes with the node: dead nodes are left out of the sum, and nothing has to be taken back.
//! - **One admission is under way at a time**, and what comes meanwhile goes with the next one, up to
//!   [`BATCH_MAX`](crate::ledger::BATCH_MAX) together. With two under way, neither could say how many sessions
//!   there are. It is also what keeps a rush cheap. A node whose logins no limit concerns asks nothing.
//! - **Hints are only hints.** What scripts publish may be lost or come twice. A hint makes a beat come at once, and
//!   the state is read by the beat. Without any, everything is known after 2 s.
//! - **Requests and hints share one connection** (RESP3), so that a broken one is noticed by both.
//!
//! # Nodes
//!
//! - **Names are retained.** A node is its name; the generation is the life of its process, and is kept in the data
//!   folder. A living name is refused to strangers; the next life of the same folder, which names its forerunner,
//!   gets it at once, so that a restart waits for nothing. A dead name is listed as dead for 10 min, with what it
//!   held, and then forgotten. An order waits for a minute; one that means a session, or a drain, names the life that it is for.
//! - **A reading node never trusts a record**: one that can not be read makes its node unready in the view and does
//!   nothing else. Records are MessagePack maps: a later version adds fields, and a field never changes its
//!   meaning.
//! - **Only ready nodes lead**: a leader without its storage would lead others astray. Whoever stops being ready
//!   resigns before the store hears of it.
//!
//! # What the leader decides
//!
//! - **Limits are those of the leader's configuration.** They must be one number for all, or a limit would depend on
//!   the node that is asked. During a reload of one node after the other there is one set of limits at any time;
//!   `flotilla nodes` names who is configured otherwise. When bans are made is each node's own.
//! - **The store gives a policy its revision**, one more than the last, and only to the leader of the term that stands.
//!   So a revision means one policy, whoever led when it was written. A store that forgot begins at 1 again, and the
//!   leader writes what it knew.
//! - **The mark of the storage is obsolete when no living node sees it.** Then the storage was changed for all of
//!   them, and the leader takes the mark that it sees. As long as one living node sees it, the others are wrong:
//!   two storages can not be told from each other, and the first one was served from.
//! - **Ticket keys are made by the leader** and taken over by the name of the key that seals, which stands in the policy.
//!
//! # Port blocks
//!
//! - **They are asked for before they are needed**, at 70 % use, and never while a client waits. What a node is not sure
//!   of it does not offer: a reply with a port that another node also hands out is worse than a 425.
//! - **The fair share is a bound only where blocks are scarce.** A node takes more while more are free than nodes live;
//!   where none is free, whoever has more than its share gives back one at a time. Between the two
//!   nothing moves, so that blocks do not wander.
//! - **A block is given back in two steps.** It is withdrawn, and clients that were sent there still come to it. It is free
//!   when the node has said, 5 s later, that nothing waits on it: by then all of its arbiters have heard.
//! - **Nodes remember who had what**, since a store that lost data can not. That costs a block that lies idle for 10 min,
//!   if its owner died at the same time; the alternative would be two nodes with the same ports, for as long.
//! - **Preambles of relays are numbered, not dated**: clocks of machines need not agree.
//! - **The owner answers a relay with the trace**, in 32 bytes before its own, since who relays can not know to which
//!   session a connection belongs. It costs no packet and no round trip: the client's bytes do not wait for it, and the
//!   owner's come with it. Beside the connection it would need an order of arrival of its own.
//!
//! # Sessions
//!
//! - **They are published**, at most once a second and only what changed, into a hash for each node. Asking all
//!   nodes at each `who` would be slow, would fail with the slowest one, and would say nothing of a node that does
//!   not answer. An idle session costs the store about a hundred bytes and no work. Its own node is asked for details,
//!   and is the one that kicks.
//! - **A session keeps its slot whatever happens.** The agent never takes one back.
//!
//! # Where this differs from the design
//!
//! - The `Registry` actor is only the way to live sessions. Slots, failures and bans are in the agent, which the
//!   `Pool` actor drives: counts and the requests that tell them must not be apart.
//! - Sessions are published, and not only asked for.
//! - A block has no lease of its own: it is renewed by the beat of its holder.
//! - Counts are told when they change and after a loss, not with every beat.
//! - **A dead node is out of the DNS by its weight first.** Its record goes when EC2 says that the machine is gone and
//!   no resolver remembers it; a process that is started again finds its record there. Where there are no weights
//!   (multivalue), the record goes at once.
//! - **Records do not wait for health checks.** A node that serves has a record in seconds; its check is made when
//!   another has seen its port answer, and then named by the record.
//! - **FTP idle limits are below T only where payload is counted** ([`keepalive`](crate::keepalive)): probes keep
//!   the other paths, and there a limit would end sessions that nothing else ends.
//! - **Blocks are a 64th of the range**, 32 ports at the most, in place of 32: a pool of some nodes must be able to share
//!   the fifty ports of a balancer.
