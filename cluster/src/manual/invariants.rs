//! What always holds in a pool, how it is judged, and the windows in which it does not hold.
//!
//! # The judge
//!
//! `cluster/tests/simulation` runs agents, the store as [`State`](crate::store::State) defines it, a DNS
//! zone and a network in virtual time. After every step `judge.rs` looks at all nodes at once. Six kinds
//! of runs, 250 seeds each, of the last one 25; every seed can be repeated by the command that a failure prints:
//!
//! | run | what happens | judged |
//! | --- | --- | --- |
//! | calm | logins, rushes of 20, logouts, ports that are needed and not, nodes that crash, start and drain; the store answers always | I1, blocks where they are needed, I3 exactly, I4, I5 |
//! | outage | logins; the store goes away for any time, and comes back as it was | I3 by shares, I4, I5 |
//! | amnesia | the store goes away, forgets everything, or goes back by up to 12 s; nodes crash | I1, I4, I5 |
//! | leases | ports that are needed and not; the store goes away, forgets everything, or goes back; nodes crash, pause, and are cut off; 1 % of messages lost | I1, I5 |
//! | storm | all of that; pauses up to 40 s, nodes cut off, 2 % of messages lost, steps of the store's clock up to 700 s | I1, I5 |
//! | silence | ports that are needed and not; nodes crash, pause, and are cut off for up to 20 min; 1 % of messages lost | I1, also for ports that were given before; I5 |
//!
//! In all of them: no two nodes lead at once, and no step of the DNS removes too much.
//!
//! # I1: a port block is offered by one node
//!
//! At no time do two running nodes [offer](crate::blocks::Blocks::offered) the same block. The store grants
//! a block to nobody else for [`RECLAIM_AFTER_MS`](crate::store::RECLAIM_AFTER_MS) (10 min) after the last
//! beat of its holder; the holder counts that time from the moment at which it sent the last beat that brought a
//! table of blocks, and stops earlier, by as much as somebody may wait on a port that he was given before
//! ([`port_wait`](crate::agent::Setup::port_wait): 90 s by default; of more than 5 min only those count). So nobody waits
//! any more on a port of a block that another node offers, unless the store forgot. A block that was granted is offered
//! once a table that is no older names this node as its owner, outside of a quarantine, and not before the others have
//! had 2.5 s for a table of their own; and not any more when a later table does not name this node.
//!
//! **After the store forgot**, holders say what they hold before anything is granted again, and the higher fence has
//! a block. Who knew before that a block is another's does not offer it, although it is granted: not until the store has
//! heard of that other one after the quarantine, or of its next life, or 10 min are over, after which it has stopped by
//! itself. Until then connections to the block still go to that other one. So a holder that is cut off
//! from the store, but not from clients, keeps its blocks among all who knew of them.
//!
//! One window remains, and a clash is not judged in it: the store forgot that a node holds a block; that node does not
//! hear of it, because it is cut off from the store or paused, and goes on offering; and the block is granted to
//! a node that did not know of it, because it came later, or was itself cut off when the block was granted. It
//! ends when both have told the same store what they hold, and each has got a table after that (two beats); or with
//! the 10 min. Whoever waits then on a port of the node that loses the block does so for as long as above, and the port
//! is told to nobody again. In it a connection may come to the wrong one of the two, which does not wait for that client and
//! refuses it, unless the same client waits on the same port at both: what decides whose connection it is, is I2.
//!
//! Nor is it judged **for 10 min after the store's clock was set**: the store counts the silence of a holder by
//! its clock, the holder by its own. And it does not hold where a data folder is in use twice: the older process
//! offers what it had until its next beat tells it that it is superseded.
//!
//! **While the layout of the pool changes** ([`Policy::ports`](crate::policy::Policy::ports)), blocks of the
//! old and of the new count overlap. Whoever counts otherwise than the policy offers nothing, and whoever the
//! policy comes to agree with waits for 6 s. A node that is cut off at that time does not know.
//!
//! # Blocks are where they are needed
//!
//! The simulation judges in calm runs, where somebody waits on blocks all the time:
//!
//! - A node that reaches the store has a block within a minute, if there are as many blocks as living nodes beside those
//!   that are kept for dead ones.
//! - A node that needs nothing for 80 s has one block.
//! - A block on which something waits stays with its node.
//!
//! # I2: a data connection is delivered to the session that asked for it
//!
//! That is the node's own business, without the pool: `node/src/ports`, and the tests of theft.
//!
//! # I3: limits
//!
//! **While the store answers**, the sessions of a pool are never above `limits.sessions`, not by one, whoever
//! crashes or restarts. The store counts and grants in one step, and takes the word of each node for how
//! many sessions it has.
//!
//! **While the store is away**, each node admits alone: of the places that were free when it went, as far as
//! the node knew, one part for each node, rounded up. The sum is above the limit by no more than
//!
//! - one for each node, for the rounding, and
//! - what nodes did not know of each other: sessions that the store granted in the 6 s before it went, and
//!   logins that were under way. A store that had been there for less than 6 s has told nobody anything;
//!   then it is no more than the limit of each node.
//!
//! **When the store is back**, it knows what a node admitted meanwhile from that node's next beat on. Until all have had
//! time for one (3 s, and the quarantine if the store was away for longer than
//! [`PAUSE_MS`](crate::store::PAUSE_MS)), a node admits what the store allows and its own share allows as well, of every
//! limit. So the sum stays as it was while the store was away, whoever is back first. A node that knew of no other
//! is not held up, nor is a pool that was just made, nor a node that starts while the store answers all.
//!
//! It does not hold, and is not judged:
//!
//! - **A node that is cut off** counts no more for the others after
//!   [`DEAD_AFTER_MS`](crate::store::DEAD_AFTER_MS) (6 s), although its sessions live. They take its places;
//!   when it is back there are too many, nobody is thrown out, and nobody is let in until enough have left.
//! - **After the store forgot**, until each node has beaten once and told its counts.
//! - **A node that starts while the store is away** goes by the number of nodes that it saw last, and knows of no
//!   session; one that never was in the pool admits the whole limit.
//! - **`per_user`, `per_address` and a user's own limit** are divided by the nodes, whatever of them is in use
//!   elsewhere: while the store is away they are exceeded by no more than a share for each other node. The
//!   simulation judges them while it answers, and `limits.sessions` also while it is away.
//! - A limit that is lowered ends nobody.
//!
//! The rate of logins is one bucket in the store, and a share of it in each node while that is away.
//!
//! # I4: who serves is in the DNS, who is dead is not
//!
//! A node that runs, reaches the store and does not drain has a weight above zero within 15 s; a dead one has
//! none after 30 s, and no record after two minutes if its machine is gone, unless it is the last. Neither counts
//! before a leader leads without a break. A change never gives up more than a fifth of the nodes, or one where
//! that is less than one, and a leader that is younger than 6 s gives up nobody. Who is dead is told by witnesses
//! ([`dns`](crate::dns)).
//!
//! It is not judged for as long after the store came back, forgot, or had its clock set, nor in a network
//! that loses messages: what a node knows is late then, and what it asked may have to be asked again.
//! The simulation has a [`Zone`](crate::dns::Zone) that refuses what Route 53 would refuse, and the leader's
//! [`Desk`](crate::dns::Desk) as a node runs it.
//!
//! # I5: no session ends but by its own end
//!
//! After every step each agent has as many sessions as its process has slots: nothing that the store, the
//! network or another node does takes one away. That a transfer goes on is tried with real clients in
//! `tests/pool`, while Redis is killed, stopped, emptied, set back, full and slow.
//!
//! A node whose name is another process's ([`Refusal`](crate::agent::Refusal)) ends its sessions as in a drain:
//! transfers first get `timeouts.drain`.
//!
//! # What holds besides
//!
//! - **One leader.** A term lasts 6 s in the store; the leader ends it by its own clock
//!   [a second earlier](crate::lease::MARGIN), counted from when it asked. Two may overlap for the 6 s after
//!   the store forgot one of them. A policy names the term of its writer, and the store refuses it where another
//!   term stands.
//! - **Fences rise**, also over a loss of data: a fence is the time of the store in milliseconds, or one more
//!   than the last ([`Fence`](crate::id::Fence)).
//! - **A late admission changes nothing**: requests are numbered, and the store takes no number twice nor one
//!   that is lower than the last.
//! - **In a quarantine nobody is dead**: not for admission, nor for blocks, nor for the lease, nor for tidying.
//! - **What a node knows of the pool comes from beats.** Hints only make a beat come sooner.
