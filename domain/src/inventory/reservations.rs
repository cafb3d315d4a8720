//! What an inventory record remembers of intents, so that every repetition finds its door shut.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Ticket;

/// What intents have done to a record, for as long as somebody might try it again.
///
/// Below the floor nothing is remembered, and nothing need be: those intents are finished.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(super) struct Reservations {
    floor: Ticket,
    entries: BTreeMap<Ticket, Entry>,
}

/// What one intent has done to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) intent: Uuid,
    pub(super) pieces: u64,
    pub(super) kind: EntryKind,
}

/// The last thing that an intent has done to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum EntryKind {
    /// It took pieces out.
    Reserved,
    /// It gave back what it had taken.
    Released,
    /// It gave pieces of an order back.
    Returned,
    /// It took nothing, and never will.
    Barred,
}

/// What a record knows of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recall {
    /// It is older than the oldest open one: finished, and forgotten.
    TooOld,
    /// It has done nothing here yet.
    Nothing,
    /// It has done this.
    Known(EntryKind, u64),
    /// Its ticket is that of another intent, which cannot be.
    Impostor,
}

impl Reservations {
    /// The oldest ticket that may still be open.
    pub(super) const fn floor(&self) -> Ticket {
        self.floor
    }

    /// What is known of that intent, if no ticket below `floor` is open.
    pub(super) fn recall(&self, intent: Uuid, ticket: Ticket, floor: Ticket) -> Recall {
        if ticket < self.floor.max(floor) {
            return Recall::TooOld;
        }
        match self.entries.get(&ticket) {
            None => Recall::Nothing,
            Some(entry) if entry.intent == intent => Recall::Known(entry.kind, entry.pieces),
            Some(_) => Recall::Impostor,
        }
    }

    /// Remembers what an intent has done, and forgets all below the floor.
    pub(super) fn remember(mut self, ticket: Ticket, entry: Entry, floor: Ticket) -> Self {
        self.floor = self.floor.max(floor);
        self.entries.insert(ticket, entry);
        self.entries = self.entries.split_off(&self.floor);
        self
    }

    /// The intents that have taken pieces out and not given them back, oldest first.
    pub(super) fn reserved(&self) -> impl Iterator<Item = (Ticket, Entry)> + '_ {
        let taken = |entry: &Entry| entry.kind == EntryKind::Reserved;
        self.entries.iter().map(|(ticket, entry)| (*ticket, *entry)).filter(move |(_, e)| taken(e))
    }
}

/// The form in which the memory is kept: a list, since JSON knows no maps with pairs for keys.
#[derive(Serialize, Deserialize)]
struct Stored {
    floor: Ticket,
    entries: Vec<(Ticket, Entry)>,
}

impl From<Stored> for Reservations {
    fn from(stored: Stored) -> Self {
        Self { floor: stored.floor, entries: stored.entries.into_iter().collect() }
    }
}

impl From<Reservations> for Stored {
    fn from(memory: Reservations) -> Self {
        Self { floor: memory.floor, entries: memory.entries.into_iter().collect() }
    }
}
