//! Words that are patterns or not.

/// A word of a command line, quotes removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// Means itself.
    Literal(Vec<u8>),
    /// Has `*`, `?` or `[` outside quotes: a pattern of [`matches`](super::matches) and [`Walk`](super::Walk), in which what was
    /// quoted has backslashes.
    Pattern(Vec<u8>),
}

impl Word {
    /// The bytes, if they are no pattern.
    pub fn literal(&self) -> Option<&[u8]> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Pattern(_) => None,
        }
    }

    /// The word if no name fits it: its own text, as a shell has it.
    pub fn text(&self) -> Vec<u8> {
        match self {
            Self::Literal(text) => text.clone(),
            Self::Pattern(pattern) => super::unescape(pattern),
        }
    }
}
