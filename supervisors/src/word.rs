//! What a supervisor tells a cell, and what callers see of one.

/// Whether messages are taken, as callers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// No incarnation is up, but one may come: messages queue up.
    Down,
    /// An incarnation is up.
    Up,
    /// No incarnation comes unless the supervisor itself is restarted: messages go back.
    Retired,
    /// The cell is gone.
    Closed,
}

/// A word of the supervisor to the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    None,
    /// Begin an incarnation.
    Start,
    /// End the incarnation in good order.
    Stop,
    /// End the incarnation at once.
    Kill,
    /// A start was taken back before it was seen; it is answered as an exit.
    Cancel,
    /// Go away for good. No later word takes its place.
    Close,
}

impl Word {
    /// What is left to do when a new word comes before an old one was seen.
    pub(crate) fn after(self, old: Self) -> Self {
        match (old, self) {
            (Self::Close, _) => Self::Close,
            (Self::Start | Self::Cancel, Self::Stop | Self::Kill) => Self::Cancel,
            (_, new) => new,
        }
    }
}
