//! A batch in the making: which transactions are accepted, each on what the ones before it left.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::clock::Clock;
use super::commands::find_command;
use super::frame::BatchFrames;
use super::index::Indexed;
use super::record::{CursorRecord, EntryRecord, Record, SnapshotRecord, TransactionEnd};
use super::shared::{Shared, View};
use crate::{
    Committed, CursorName, EntitySnapshot, EntityWrite, Entry, EntryId, LogError, Origin, Outcome,
    Position, Refusal, Topic, Transaction, UniqueKey,
};

/// What is going to be written with the next batch, and will be visible when it is durable.
#[derive(Debug, Default)]
pub(super) struct Staging {
    /// The records.
    pub(super) frames: BatchFrames,
    entries: Vec<(usize, u64, Arc<Entry>)>,
    cursors: Vec<(usize, CursorName, Position)>,
    snapshots: Vec<(usize, Uuid, u64)>,
    /// For each entity its new events.
    staged: HashMap<(usize, Uuid), Vec<Staged>>,
    /// The keys that change hands.
    holders: HashMap<(usize, UniqueKey), Option<Uuid>>,
    committed: Vec<Committed>,
    last_id: EntryId,
}

/// An event that is going to be written.
#[derive(Clone, Copy, Debug)]
struct Staged {
    event_id: Uuid,
    command_id: Uuid,
    /// The place of its transaction among the committed ones.
    place: usize,
}

impl Staging {
    /// Decides about one transaction, and takes it in if it is accepted.
    ///
    /// An error means that the log could not be read; the batch must not be written then.
    pub(super) fn decide(
        &mut self,
        shared: &Shared,
        clock: &dyn Clock,
        limit_bytes: usize,
        transaction: &Transaction,
    ) -> Result<Outcome, LogError> {
        let Some(topic) = shared.topics.number(transaction.topic.name()) else {
            return Ok(Err(Refusal::Malformed("the log was not opened with its topic")));
        };
        if let Err(reason) = transaction.check_form(limit_bytes) {
            return Ok(Err(Refusal::Malformed(reason)));
        }
        for (number, write) in transaction.writes.iter().enumerate() {
            let (entity_id, expected) = (write.entity_id, write.expected);
            let actual = self.version(shared, topic, entity_id);
            if actual == expected {
                let last_event = self.last_event(shared, topic, entity_id);
                if write.last_event.is_none() || write.last_event == last_event {
                    continue;
                }
                return Ok(Err(Refusal::Overtaken { entity_id, version: actual }));
            }
            if number == 0
                && let Some(committed) =
                    self.committed_before(shared, topic, write, transaction.command_id)?
            {
                return Ok(Ok(committed));
            }
            return Ok(Err(Refusal::Version { entity_id, expected, actual }));
        }
        match self.key_changes(shared, topic, transaction) {
            Ok(changes) => self.holders.extend(changes),
            Err(refusal) => return Ok(Err(refusal)),
        }
        Ok(Ok(self.take(shared, clock, topic, transaction)))
    }

    /// Sets a cursor with this batch.
    pub(super) fn set_cursor(
        &mut self,
        shared: &Shared,
        topic: usize,
        name: CursorName,
        position: Position,
    ) {
        let topic_name = shared.topics.topic(topic).name();
        let record = Record::Cursor(CursorRecord { name: &name, topic: topic_name, position });
        self.frames.push(|bytes| record.encode_into(bytes));
        self.cursors.push((topic, name, position));
    }

    /// Saves the snapshot of an entity with this batch.
    pub(super) fn save_snapshot(
        &mut self,
        number: usize,
        topic: Topic,
        entity_id: Uuid,
        snapshot: &EntitySnapshot,
    ) {
        let record = Record::Snapshot(SnapshotRecord::new(topic, entity_id, snapshot));
        let start = self.frames.push(|bytes| record.encode_into(bytes));
        self.snapshots.push((number, entity_id, start));
    }

    /// Makes all of the batch visible, which was written at that offset, and begins the next one.
    pub(super) fn publish(&mut self, view: &mut View, offset: u64) {
        for (topic, start, entry) in self.entries.drain(..) {
            let offset = offset + start;
            let indexed = Indexed {
                id: entry.id,
                action: entry.action,
                entity_id: entry.entity_id,
                version: entry.version,
                offset,
                event_id: entry.event_id,
            };
            view.index
                .insert(topic, indexed)
                .expect("ids and versions were given as the index wants them");
            view.tails[topic].push(offset, entry);
        }
        for ((topic, key), holder) in self.holders.drain() {
            let keys = &mut view.index.topic_mut(topic).keys;
            match (holder, keys.holder(&key)) {
                (Some(entity_id), _) => keys.claim(key, entity_id),
                (None, Some(entity_id)) => keys.release(&key, entity_id),
                (None, None) => {}
            }
        }
        for (topic, name, position) in self.cursors.drain(..) {
            view.index.topic_mut(topic).set_cursor(name, position);
        }
        for (topic, entity_id, start) in self.snapshots.drain(..) {
            view.index.topic_mut(topic).snapshots.insert(entity_id, offset + start);
        }
    }

    /// Forgets the batch, and keeps up to so many bytes of memory for the next one.
    pub(super) fn clear(&mut self, keep_bytes: usize) {
        let mut frames = std::mem::take(&mut self.frames);
        frames.clear(keep_bytes);
        *self = Self { frames, ..Self::default() };
    }

    /// The version that the entity will have.
    fn version(&self, shared: &Shared, topic: usize, entity_id: Uuid) -> u64 {
        let staged = self.staged.get(&(topic, entity_id)).map_or(0, Vec::len);
        shared.view().index.topic(topic).entities.version(entity_id) + staged as u64
    }

    /// The event that will have brought the entity to that version.
    fn last_event(&self, shared: &Shared, topic: usize, entity_id: Uuid) -> Option<Uuid> {
        match self.staged.get(&(topic, entity_id)).and_then(|events| events.last()) {
            Some(staged) => Some(staged.event_id),
            None => shared.view().index.topic(topic).entities.last_event(entity_id),
        }
    }

    /// Who will hold the key.
    fn holder(&self, shared: &Shared, topic: usize, key: &UniqueKey) -> Option<Uuid> {
        match self.holders.get(&(topic, Arc::clone(key))) {
            Some(holder) => *holder,
            None => shared.view().index.topic(topic).keys.holder(key),
        }
    }

    /// The answer that this command got before, where it wrote to this entity.
    fn committed_before(
        &self,
        shared: &Shared,
        topic: usize,
        write: &EntityWrite,
        command_id: Uuid,
    ) -> Result<Option<Committed>, LogError> {
        let EntityWrite { entity_id, expected, .. } = *write;
        if let Some(committed) = find_command(shared, topic, entity_id, expected, command_id)? {
            return Ok(Some(committed));
        }
        let durable = shared.view().index.topic(topic).entities.version(entity_id);
        let skipped = usize::try_from(expected.saturating_sub(durable)).unwrap_or(usize::MAX);
        let mut staged = self.staged.get(&(topic, entity_id)).into_iter().flatten().skip(skipped);
        let found = staged.find(|staged| staged.command_id == command_id);
        Ok(found.map(|staged| self.committed[staged.place].clone()))
    }

    /// The keys that change hands: what is released is free before anything is claimed.
    fn key_changes(
        &self,
        shared: &Shared,
        topic: usize,
        transaction: &Transaction,
    ) -> Result<HashMap<(usize, UniqueKey), Option<Uuid>>, Refusal> {
        let mut changes = HashMap::new();
        for (key, entity_id) in &transaction.releases {
            if self.holder(shared, topic, key) == Some(*entity_id) {
                changes.insert((topic, Arc::clone(key)), None);
            }
        }
        for (key, entity_id) in &transaction.claims {
            let place = (topic, Arc::clone(key));
            let holder = match changes.get(&place) {
                Some(holder) => *holder,
                None => self.holder(shared, topic, key),
            };
            match holder {
                Some(holder) if holder != *entity_id => {
                    return Err(Refusal::Taken { key: Arc::clone(key), holder });
                }
                _ => changes.insert(place, Some(*entity_id)),
            };
        }
        Ok(changes)
    }

    /// Takes in an accepted transaction: gives its events their ids and writes their records.
    fn take(
        &mut self,
        shared: &Shared,
        clock: &dyn Clock,
        topic: usize,
        transaction: &Transaction,
    ) -> Committed {
        let time_us = clock.now_us();
        let last_id = self.last_id.max(shared.view().index.last_id());
        let mut next_id = EntryId::from_unix_micros(time_us).max(last_id.next());
        let mut entries = Vec::new();
        for write in &transaction.writes {
            for (event, version) in write.events.iter().zip(write.expected + 1..) {
                entries.push(Entry {
                    id: next_id,
                    topic: shared.topics.topic(topic),
                    action: event.action,
                    event_id: event.event_id,
                    entity_id: write.entity_id,
                    version,
                    kind: event.kind.clone(),
                    schema: event.schema,
                    time_us,
                    command_id: transaction.command_id,
                    cause: transaction.cause,
                    document: Arc::clone(&event.document),
                    data: Arc::clone(&event.data),
                    ends_transaction: false,
                    origin: Origin::Own,
                });
                self.last_id = next_id;
                next_id = next_id.next();
            }
        }
        if let Some(last) = entries.last_mut() {
            last.ends_transaction = true;
        }
        let committed = Committed { ids: entries.iter().map(|entry| entry.id).collect() };
        let place = self.committed.len();
        self.committed.push(committed.clone());
        for entry in entries {
            let end = entry
                .ends_transaction
                .then(|| TransactionEnd::new(&transaction.releases, &transaction.claims));
            let record = Record::Entry(EntryRecord::new(&entry, end));
            let start = self.frames.push(|bytes| record.encode_into(bytes));
            let Entry { event_id, command_id, .. } = entry;
            let staged = self.staged.entry((topic, entry.entity_id)).or_default();
            staged.push(Staged { event_id, command_id, place });
            self.entries.push((topic, start, Arc::new(entry)));
        }
        committed
    }
}
