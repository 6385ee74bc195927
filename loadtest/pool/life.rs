//! What goes on in the pool while it is measured.

use std::rc::Rc;
use std::time::Duration;

use flotilla_cluster::session::SessionRecord;

use crate::fleet::people;
use crate::node::Node;

/// What sessions do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Life {
    /// Nothing: nodes beat.
    Idle,
    /// Every second another 1 % of them goes to another folder.
    Moving,
    /// 100 of each node transfer, and have moved more every second.
    Transferring,
}

impl Life {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Idle => "nothing changes",
            Self::Moving => "1 % of the sessions change per second",
            Self::Transferring => "100 transfers per node",
        }
    }

    /// Goes on for so many seconds, from this turn on. The nodes' seconds begin one after the other,
    /// as those of machines do.
    pub(crate) async fn go_on(
        self,
        nodes: &[Rc<Node>],
        sessions: u32,
        turns: std::ops::Range<u64>,
    ) {
        let pause = Duration::from_secs(1) / u32::try_from(nodes.len()).unwrap_or(1).max(1);
        let mut ticks = tokio::time::interval(pause);
        for turn in turns {
            for (number, node) in (0..).zip(nodes) {
                ticks.tick().await;
                node.tick(number, turn);
                let changed = self.changed(number, sessions, turn);
                if !changed.is_empty() {
                    node.tell(|agent, _| agent.on_gathered(changed, &[]));
                }
            }
        }
    }

    /// What changed on the node of this number.
    fn changed(self, number: u32, sessions: u32, turn: u64) -> Vec<(u64, SessionRecord)> {
        let all = people(number, sessions);
        let part = sessions.div_ceil(100) as usize;
        let skipped = (turn as usize * part) % sessions.max(1) as usize;
        match self {
            Self::Idle => Vec::new(),
            Self::Moving => {
                let some = all.cycle().skip(skipped).take(part);
                some.map(|person| (u64::from(person.0), person.looking(turn))).collect()
            }
            Self::Transferring => {
                let some = all.take(TRANSFERS);
                some.map(|person| (u64::from(person.0), person.transferring(turn))).collect()
            }
        }
    }
}

const TRANSFERS: usize = 100;
