//! How far a reader has come.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Action, Entry, EntryId, Topic};

/// How far a reader has come in one topic: for each stream the last id it has finished.
///
/// One id for the whole topic would not do: an entry of another program may bear an id below one
/// that was already read from a sister stream, and must be delivered all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position([EntryId; 4]);

impl Position {
    /// Before every entry.
    pub const START: Self = Self([EntryId::ZERO; 4]);

    /// The last finished id of that action's stream.
    pub const fn of(&self, action: Action) -> EntryId {
        self.0[action.index()]
    }

    /// Moves that action's stream forward to `id`; never back.
    pub fn advance(&mut self, action: Action, id: EntryId) {
        let last = &mut self.0[action.index()];
        *last = id.max(*last);
    }

    /// The highest finished id of any stream.
    pub fn last(&self) -> EntryId {
        self.0.into_iter().max().unwrap_or_default()
    }

    /// Whether the entry with this action and id is not yet finished.
    pub fn is_before(&self, action: Action, id: EntryId) -> bool {
        self.of(action) < id
    }
}

/// How far a reader has come in each of its topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(BTreeMap<Topic, Position>);

impl Positions {
    /// The start of each of these topics.
    pub fn start(topics: impl IntoIterator<Item = Topic>) -> Self {
        topics.into_iter().map(|topic| (topic, Position::START)).collect()
    }

    /// How far it has come in that topic; the start, where the topic is none of its own.
    pub fn of(&self, topic: Topic) -> Position {
        self.0.get(&topic).copied().unwrap_or_default()
    }

    /// Counts this entry as finished.
    pub fn finish(&mut self, entry: &Entry) {
        self.0.entry(entry.topic).or_default().advance(entry.action, entry.id);
    }

    /// The topics and how far it has come in each, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (Topic, Position)> + '_ {
        self.0.iter().map(|(topic, position)| (*topic, *position))
    }
}

impl FromIterator<(Topic, Position)> for Positions {
    fn from_iter<I: IntoIterator<Item = (Topic, Position)>>(positions: I) -> Self {
        Self(positions.into_iter().collect())
    }
}
