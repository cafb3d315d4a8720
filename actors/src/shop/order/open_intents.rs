//! The intents that are not finished, and so how old a reservation may be.
//!
//! An intent's *ticket* is the log position of its first event, so tickets rise with age, and
//! every intent that begins from now on has a ticket above all that are known. The *floor* is the
//! oldest ticket that may still act: inventories refuse reservations below it, and forget what they
//! remembered of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ordershop_domain::{OpenTickets, Ticket};
use ordershop_store::EntryId;
use uuid::Uuid;

/// The open intents of this process; clones share them.
#[derive(Clone, Default)]
pub struct OpenIntents(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// Intents whose first event is on its way to the log: its ticket will be above this one.
    beginning: HashMap<Uuid, Ticket>,
    beginning_above: BTreeSet<(Ticket, Uuid)>,
    open: BTreeMap<Ticket, Uuid>,
    tickets: HashMap<Uuid, Ticket>,
    /// The highest ticket that was ever seen.
    horizon: Ticket,
    /// Whether all that was left behind has been found and finished.
    past_known: bool,
}

impl Inner {
    fn end_beginning(&mut self, intent_id: Uuid) {
        if let Some(above) = self.beginning.remove(&intent_id) {
            self.beginning_above.remove(&(above, intent_id));
        }
    }

    fn floor(&self) -> Ticket {
        let oldest_open = self.open.keys().next().copied();
        let oldest_beginning = self.beginning_above.iter().next().map(|(above, _)| next(*above));
        match (oldest_open, oldest_beginning) {
            (Some(open), Some(beginning)) => open.min(beginning),
            (Some(oldest), None) | (None, Some(oldest)) => oldest,
            (None, None) => next(self.horizon),
        }
    }
}

/// The smallest ticket above this one.
const fn next(ticket: Ticket) -> Ticket {
    Ticket(ticket.0, ticket.1 + 1)
}

/// The ticket of the intent whose first event has that id.
pub(super) const fn ticket(first_event: EntryId) -> Ticket {
    Ticket(first_event.seconds(), first_event.micros())
}

impl OpenIntents {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is a few map operations, none of which leaves the maps half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces an intent before its first event is appended.
    pub(super) fn begin(&self, intent_id: Uuid) {
        let mut inner = self.lock();
        let above = inner.horizon;
        if inner.beginning.insert(intent_id, above).is_none() {
            inner.beginning_above.insert((above, intent_id));
        }
    }

    /// The intent's first event is in the log.
    pub(super) fn opened(&self, intent_id: Uuid, ticket: Ticket) {
        let mut inner = self.lock();
        inner.end_beginning(intent_id);
        inner.open.insert(ticket, intent_id);
        inner.tickets.insert(intent_id, ticket);
        inner.horizon = inner.horizon.max(ticket);
    }

    /// Every intent up to that position is known: those that are open, and the others are finished.
    pub(super) fn known_up_to(&self, position: EntryId) {
        let mut inner = self.lock();
        inner.horizon = inner.horizon.max(ticket(position));
    }

    /// What was left behind is to be looked for again.
    pub(super) fn forget_past(&self) {
        self.lock().past_known = false;
    }

    /// What was left behind has been found, and is finished.
    pub(super) fn past_is_known(&self) {
        self.lock().past_known = true;
    }

    /// Whether an intent may begin: one that was left behind and is not known yet would fall below
    /// the floor.
    pub(super) fn is_past_known(&self) -> bool {
        self.lock().past_known
    }

    /// All that the intent asked for is done, or its first event never comes into the log.
    pub(super) fn finished(&self, intent_id: Uuid) {
        let mut inner = self.lock();
        inner.end_beginning(intent_id);
        if let Some(ticket) = inner.tickets.remove(&intent_id) {
            inner.open.remove(&ticket);
        }
    }

    /// Whether it was announced, and it is not known whether it is in the log.
    pub(super) fn is_beginning(&self, intent_id: Uuid) -> bool {
        self.lock().beginning.contains_key(&intent_id)
    }

    /// The oldest ticket that may still act.
    pub(super) fn floor(&self) -> Ticket {
        self.lock().floor()
    }

    /// The intents that are not finished.
    pub(super) fn ids(&self) -> BTreeSet<Uuid> {
        let inner = self.lock();
        inner.open.values().chain(inner.beginning.keys()).copied().collect()
    }

    /// Which tickets may still decide over what they reserved.
    pub fn tickets(&self) -> OpenTickets {
        let inner = self.lock();
        OpenTickets {
            floor: inner.floor(),
            open: inner.open.keys().copied().collect(),
            // An older one may still be on its way; it is open, too.
            horizon: inner
                .beginning_above
                .first()
                .map_or(inner.horizon, |(above, _)| inner.horizon.min(*above)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    #[test]
    fn the_floor_is_the_oldest_open_ticket() {
        let intents = OpenIntents::default();
        intents.opened(A, Ticket(5, 0));
        intents.opened(B, Ticket(7, 0));
        assert_eq!(intents.floor(), Ticket(5, 0));
        intents.finished(A);
        assert_eq!(intents.floor(), Ticket(7, 0));
        intents.finished(B);
        assert_eq!(intents.floor(), Ticket(7, 1));
    }

    #[test]
    fn an_intent_on_its_way_to_the_log_keeps_the_floor_below_its_ticket() {
        let intents = OpenIntents::default();
        intents.begin(A);
        intents.begin(B);
        // B's answer overtakes A's, although A is older.
        intents.opened(B, Ticket(9, 1));
        intents.finished(B);
        let ticket_of_a = Ticket(9, 0);
        assert!(intents.floor() <= ticket_of_a);
        intents.opened(A, ticket_of_a);
        assert_eq!(intents.floor(), ticket_of_a);
    }

    #[test]
    fn an_intent_that_never_was_holds_nothing_up() {
        let intents = OpenIntents::default();
        intents.opened(A, Ticket(3, 0));
        intents.finished(A);
        intents.begin(B);
        assert_eq!(intents.floor(), Ticket(3, 1));
        intents.finished(B);
        assert!(!intents.is_beginning(B));
        assert_eq!(intents.floor(), Ticket(3, 1));
    }

    #[test]
    fn what_was_finished_before_the_start_is_not_open() {
        let intents = OpenIntents::default();
        intents.opened(A, Ticket(3, 0));
        intents.known_up_to(EntryId::new(5, 0));
        let tickets = intents.tickets();
        assert!(tickets.is_open(Ticket(3, 0)));
        assert!(!tickets.is_open(Ticket(4, 0)));
        assert!(tickets.is_open(Ticket(5, 1)));
        intents.finished(A);
        assert_eq!(intents.floor(), Ticket(5, 1));
    }

    #[test]
    fn what_begins_after_a_look_counts_as_open() {
        let intents = OpenIntents::default();
        intents.opened(A, Ticket(3, 0));
        let tickets = intents.tickets();
        assert!(tickets.is_open(Ticket(3, 0)));
        assert!(tickets.is_open(Ticket(4, 0)));
        intents.finished(A);
        assert!(!intents.tickets().is_open(Ticket(3, 0)));
    }
}
