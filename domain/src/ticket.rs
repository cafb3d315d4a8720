//! The age of an intent, and which intents are still open.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The age of an intent: the log position of its first event, so that an older intent has a
/// smaller ticket and no two have the same.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Ticket(pub u64, pub u64);

/// Which intents are open, as far as somebody has read the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenTickets {
    /// No intent with a smaller ticket is open, nor will one ever be.
    pub floor: Ticket,
    /// The open ones.
    pub open: BTreeSet<Ticket>,
    /// How far the log was read: of a larger ticket nothing is known.
    pub horizon: Ticket,
}

impl OpenTickets {
    /// Whether that intent is open, or may be.
    pub fn is_open(&self, ticket: Ticket) -> bool {
        ticket >= self.floor && (ticket > self.horizon || self.open.contains(&ticket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_above_the_horizon_may_be_open_and_below_the_floor_nothing_is() {
        let open = BTreeSet::from([Ticket(1, 0), Ticket(5, 0)]);
        let tickets = OpenTickets { floor: Ticket(3, 0), open, horizon: Ticket(7, 0) };
        let answers = [1, 4, 5, 7, 8].map(|n| tickets.is_open(Ticket(n, 0)));
        assert_eq!(answers, [false, false, true, false, true]);
    }

    #[test]
    fn tickets_are_pairs_in_json_and_ordered_by_the_first_number() {
        assert_eq!(serde_json::to_string(&Ticket(7, 42)).unwrap(), "[7,42]");
        assert_eq!(serde_json::from_str::<Ticket>("[7,42]").unwrap(), Ticket(7, 42));
        assert!(Ticket(1, 9) < Ticket(2, 0));
    }
}
