//! What the dashboard shows.

use super::fleet::{AWS, HEALTH, POOL};
use super::panel::Panel;
use super::traffic::{DATA, RELAYS, SESSIONS, TRANSFERS};

/// Panels with a head.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: &'static [Panel],
}

/// All of them.
pub(super) const ROWS: &[Row] = &[
    Row { title: "Sessions and logins", panels: SESSIONS },
    Row { title: "Transfers", panels: TRANSFERS },
    Row { title: "Passive ports and data connections", panels: DATA },
    Row { title: "Relays", panels: RELAYS },
    Row { title: "Pool", panels: POOL },
    Row { title: "AWS", panels: AWS },
    Row { title: "Health of the nodes", panels: HEALTH },
];
