//! What is known of every entry without reading it: where it stands, and what it changed.
//!
//! All of it is in memory, rebuilt at each open or taken from a checkpoint. An entry costs 24 bytes (16 in its stream, 8
//! with its entity), an entity about 120 more.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entities::Entities;
use super::keys::Keys;
use crate::{Action, CursorName, EntryId, Position, Topic};

/// How many microseconds make a second.
const MICROS_PER_SECOND: u64 = 1_000_000;

/// Where an entry stands: its id and its offset in the log.
///
/// Ids of this adapter are always moments, so that eight bytes hold one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Spot {
    id_us: u64,
    /// The offset of its record.
    pub(super) offset: u64,
}

impl Spot {
    fn new(id: EntryId, offset: u64) -> Option<Self> {
        let id_us = id.seconds().checked_mul(MICROS_PER_SECOND)?.checked_add(id.micros())?;
        (id.micros() < MICROS_PER_SECOND).then_some(Self { id_us, offset })
    }

    /// The id.
    pub(super) const fn id(self) -> EntryId {
        EntryId::new(self.id_us / MICROS_PER_SECOND, self.id_us % MICROS_PER_SECOND)
    }
}

/// What the index takes of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Indexed {
    /// Its id.
    pub(super) id: EntryId,
    /// Its action.
    pub(super) action: Action,
    /// Its entity.
    pub(super) entity_id: Uuid,
    /// The version of the entity that it makes.
    pub(super) version: u64,
    /// The offset of its record.
    pub(super) offset: u64,
    /// The event.
    pub(super) event_id: Uuid,
}

/// The index over all topics.
#[derive(Debug, PartialEq)]
pub(super) struct Index {
    topics: Vec<TopicIndex>,
    last_id: EntryId,
    entries: u64,
}

impl Index {
    /// An empty index over that many topics; they are known here by their numbers.
    pub(super) fn new(topics: usize) -> Self {
        let topics = std::iter::repeat_with(TopicIndex::default).take(topics).collect();
        Self { topics, last_id: EntryId::ZERO, entries: 0 }
    }

    /// An index of which the parts follow: it had that last id and so many entries.
    pub(super) fn restored(topics: usize, last_id: EntryId, entries: u64) -> Self {
        Self { last_id, entries, ..Self::new(topics) }
    }

    /// The part for the topic of that number.
    pub(super) fn topic(&self, number: usize) -> &TopicIndex {
        &self.topics[number]
    }

    /// The same, to change what is no entry.
    pub(super) fn topic_mut(&mut self, number: usize) -> &mut TopicIndex {
        &mut self.topics[number]
    }

    /// The last id of the whole log.
    pub(super) const fn last_id(&self) -> EntryId {
        self.last_id
    }

    /// How many entries there are.
    pub(super) const fn entries(&self) -> u64 {
        self.entries
    }

    /// Takes in the log's next entry, or says why it can't be that.
    pub(super) fn insert(&mut self, topic: usize, entry: Indexed) -> Result<(), &'static str> {
        let topic = &mut self.topics[topic];
        if entry.id <= self.last_id {
            return Err("the id is not above that of the entry before");
        }
        let spot = Spot::new(entry.id, entry.offset).ok_or("the id is no moment")?;
        if entry.version != topic.entities.version(entry.entity_id) + 1 {
            return Err("the version does not follow that of the entity's entry before");
        }
        topic.entities.push(entry.entity_id, entry.offset, entry.event_id);
        topic.streams[entry.action.index()].push(spot);
        self.last_id = entry.id;
        self.entries += 1;
        Ok(())
    }
}

/// The index over one topic.
#[derive(Debug, Default, PartialEq)]
pub(super) struct TopicIndex {
    streams: [Vec<Spot>; 4],
    /// Where the entries of each entity stand.
    pub(super) entities: Entities,
    /// Who holds which key.
    pub(super) keys: Keys,
    cursors: HashMap<CursorName, Position>,
    /// The offset of each entity's last snapshot.
    pub(super) snapshots: HashMap<Uuid, u64>,
}

impl TopicIndex {
    /// The spots of that stream, in order.
    pub(super) fn stream(&self, action: Action) -> &[Spot] {
        &self.streams[action.index()]
    }

    /// Adds the next spots of that stream.
    pub(super) fn restore_stream(&mut self, action: Action, spots: Vec<Spot>) {
        self.streams[action.index()].extend(spots);
    }

    /// The spots of that stream behind `after`, in order.
    pub(super) fn stream_behind(&self, action: Action, after: EntryId) -> &[Spot] {
        let stream = &self.streams[action.index()];
        &stream[stream.partition_point(|spot| spot.id() <= after)..]
    }

    /// The last id of each stream.
    pub(super) fn end(&self) -> Position {
        let mut end = Position::START;
        for action in Action::ALL {
            if let Some(spot) = self.streams[action.index()].last() {
                end.advance(action, spot.id());
            }
        }
        end
    }

    /// The cursor of that name.
    pub(super) fn cursor(&self, name: &str) -> Option<Position> {
        self.cursors.get(name).copied()
    }

    /// All cursors.
    pub(super) fn cursors(&self) -> Vec<(CursorName, Position)> {
        self.cursors.iter().map(|(name, position)| (CursorName::clone(name), *position)).collect()
    }

    /// The offsets of all snapshots.
    pub(super) fn snapshots(&self) -> Vec<(u128, u64)> {
        self.snapshots.iter().map(|(id, offset)| (id.as_u128(), *offset)).collect()
    }

    /// Sets the cursor of that name.
    pub(super) fn set_cursor(&mut self, name: CursorName, position: Position) {
        self.cursors.insert(name, position);
    }
}

/// The topics of a log; everything inside knows them by their numbers.
#[derive(Clone, Debug)]
pub(super) struct Topics(Vec<Topic>);

impl Topics {
    /// These topics, each once.
    pub(super) fn new(topics: &[Topic]) -> Self {
        let mut known: Vec<Topic> = topics.to_vec();
        known.sort_unstable();
        known.dedup();
        Self(known)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The topic of that number.
    pub(super) fn topic(&self, number: usize) -> Topic {
        self.0[number]
    }

    /// The names of all, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().map(|topic| topic.name())
    }

    /// The number of the topic of that name.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|topic| topic.name() == name)
    }
}
