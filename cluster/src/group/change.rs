//! What must be done.

use super::reach::{Place, Reach};
use super::want::Kind;

/// What must be done, and what is odd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order. Once one has failed, those of which [`Change::takes_away`] is true must not be done: what
    /// was to be there first is not.
    pub changes: Vec<Change>,
    /// What is useless, too wide, missing or beyond our rights: a sentence each.
    pub notes: Vec<String>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Makes a group.
    Create(Create),
    /// Takes the rule out of a new group that AWS puts into each: everything outbound. Attached, it would open what
    /// the other groups of the interface keep closed.
    CloseOutbound {
        /// A group that is to be made by the same plan.
        place: Place,
    },
    /// Adds a rule.
    Add(Add),
    /// Changes a rule in place; it keeps its id, and is never away.
    Modify(Modify),
    /// Gives an interface more groups.
    Attach(Attach),
    /// Removes a rule.
    Remove(Remove),
}

/// A group to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    /// Which of the pool's.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Where.
    pub vpc: String,
    /// Whose.
    pub pool: String,
}

/// An inbound rule to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Add {
    /// To which group.
    pub place: Place,
    /// The group as people know it.
    pub title: String,
    /// What it lets through.
    pub reach: Reach,
    /// For people; as AWS takes it.
    pub description: String,
    /// Whose.
    pub pool: String,
}

/// A rule to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modify {
    /// Of which group.
    pub group: String,
    /// The group as people know it.
    pub title: String,
    /// `sgr-0123`
    pub rule: String,
    /// As it is.
    pub from: Reach,
    /// As it is to be.
    pub to: Reach,
    /// For people; as AWS takes it.
    pub description: String,
}

/// Groups to be given to an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attach {
    /// `eni-0123`
    pub interface: String,
    /// All groups that it then has: AWS takes nothing less.
    pub groups: Vec<Place>,
    /// Those of them that it has not yet.
    pub added: Vec<Place>,
}

/// A rule to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remove {
    /// Of which group.
    pub group: String,
    /// The group as people know it.
    pub title: String,
    /// `sgr-0123`
    pub rule: String,
    /// What it let through.
    pub reach: Reach,
    /// Why it goes.
    pub why: &'static str,
}

impl Change {
    /// Whether something that was open may be closed after it.
    pub fn takes_away(&self) -> bool {
        match self {
            Self::Create(_) | Self::CloseOutbound { .. } | Self::Add(_) | Self::Attach(_) => false,
            Self::Modify(modify) => !modify.widens(),
            Self::Remove(_) => true,
        }
    }
}

impl Modify {
    /// Whether all that was open stays so.
    pub(super) fn widens(&self) -> bool {
        self.from.source == self.to.source && self.to.tcp().contains(self.from.tcp())
    }
}

/// What AWS takes as the description of a rule or a group: 255 characters of a few. Commas, brackets and braces
/// are among them and left out, as they mean something to the AWS CLI.
pub(super) fn description(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#@+".contains(c);
    let text = text.chars().map(|c| if plain(c) { c } else { ' ' }).collect::<String>();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(DESCRIPTION_MAX).collect::<String>().trim_end().to_owned()
}

/// Characters ("Description", `API_IpRange` of EC2).
const DESCRIPTION_MAX: usize = 255;
