//! The rules that entries keep, one after the other: ids, versions, event ids and unique keys.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::super::index::Topics;
use super::super::record::{EntryRecord, Record};
use super::super::scan::FIRST_BATCH;
use super::{Checked, Finding, Place, Rule, Violation};
use crate::{Action, EntryId};

/// A key of a topic.
pub(super) type Key = (usize, Box<str>);

/// What the check has seen so far, and what must come next.
pub(super) struct Check {
    pub(super) topics: Topics,
    pub(super) checked: Checked,
    /// The CRC of the last record.
    pub(super) chain: u32,
    pub(super) next_batch: u64,
    /// The offset at which the next segment must begin.
    pub(super) end: u64,
    last_id: EntryId,
    entities: HashMap<(usize, Uuid), Known>,
    event_ids: HashSet<Uuid>,
    keys: HashMap<Key, (Uuid, Place)>,
    /// Whether something is missing before what follows.
    pub(super) gap: bool,
    /// Whether what follows cannot be understood.
    pub(super) lost: bool,
    /// Entries that have not been looked up in the index yet, where there is one.
    pub(super) seen: Option<Vec<Seen>>,
    /// Keys that changed hands, where somebody wants to know.
    pub(super) touched: Option<HashSet<Key>>,
}

#[derive(Clone, Copy)]
struct Known {
    version: u64,
    is_living: bool,
}

/// What an index must know of an entry.
pub(super) struct Seen {
    pub(super) place: Place,
    pub(super) topic: usize,
    pub(super) action: Action,
    pub(super) id: EntryId,
    pub(super) entity_id: Uuid,
    pub(super) version: u64,
    pub(super) offset: u64,
}

impl Check {
    pub(super) fn new(topics: Topics) -> Self {
        Self {
            topics,
            checked: Checked::default(),
            chain: 0,
            next_batch: FIRST_BATCH,
            end: 0,
            last_id: EntryId::ZERO,
            entities: HashMap::new(),
            event_ids: HashSet::new(),
            keys: HashMap::new(),
            gap: false,
            lost: false,
            seen: None,
            touched: None,
        }
    }

    /// Who holds that key.
    pub(super) fn holder(&self, key: &Key) -> Option<Uuid> {
        self.keys.get(key).map(|(holder, _)| *holder)
    }

    /// All keys that are held, and where each was claimed.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&Key, &(Uuid, Place))> {
        self.keys.iter()
    }

    /// Takes in the record that stands at that byte of a segment with that base.
    pub(super) fn record(
        &mut self,
        (file, base, byte): (&Arc<Path>, u64, u64),
        payload: &[u8],
        tell: &mut impl FnMut(Finding<'_>),
    ) {
        self.checked.records += 1;
        let mut place = Place { file: Arc::clone(file), byte, entry: None };
        let record = match Record::decode(payload) {
            Ok(record) => record,
            Err(error) => {
                self.gap = true;
                let reason = error.to_string();
                return tell(Finding::Violation(Violation { rule: Rule::Records, place, reason }));
            }
        };
        let name = record.topic();
        if let Record::Entry(entry) = &record {
            place.entry = Some(entry.id);
        }
        let Some(topic) = self.topics.number(name) else {
            let reason = format!("there is no topic `{name}`");
            return tell(Finding::Violation(Violation { rule: Rule::TopicsKnown, place, reason }));
        };
        if let Record::Entry(entry) = &record {
            if self.gap {
                self.checked.entries += 1;
                self.checked.unjudged += 1;
                return;
            }
            self.entry(&place, topic, entry, tell);
            tell(Finding::Entry(&place, self.topics.topic(topic), entry));
            if let Some(seen) = &mut self.seen {
                seen.push(Seen {
                    place,
                    topic,
                    action: entry.action,
                    id: entry.id,
                    entity_id: Uuid::from_u128(entry.entity_id),
                    version: entry.version,
                    offset: base + byte,
                });
            }
        }
    }

    fn entry(
        &mut self,
        place: &Place,
        topic: usize,
        entry: &EntryRecord<'_>,
        tell: &mut impl FnMut(Finding<'_>),
    ) {
        self.checked.entries += 1;
        let mut wrong = |rule, reason| {
            tell(Finding::Violation(Violation { rule, place: place.clone(), reason }));
        };
        if entry.id <= self.last_id {
            let reason = format!("id {} is not above {}, the one before", entry.id, self.last_id);
            wrong(Rule::Ids, reason);
        }
        self.last_id = self.last_id.max(entry.id);
        if !self.event_ids.insert(Uuid::from_u128(entry.event_id)) {
            let event = Uuid::from_u128(entry.event_id);
            wrong(Rule::EventIds, format!("event {event} stands in the log a second time"));
        }
        let entity_id = Uuid::from_u128(entry.entity_id);
        let known = self.entities.entry((topic, entity_id)).or_insert_with(|| {
            self.checked.entities += 1;
            Known { version: 0, is_living: false }
        });
        if entry.version != known.version + 1 {
            let (found, expected) = (entry.version, known.version + 1);
            let reason = format!("{entity_id} has version {found}, expected was {expected}");
            wrong(Rule::Versions, reason);
        }
        known.version = entry.version;
        match entry.action {
            Action::Created | Action::Updated => known.is_living = true,
            Action::Deleted => known.is_living = false,
            Action::Internal => {}
        }
        let Some(end) = &entry.end else { return };
        for release in &end.releases {
            let key = (topic, Box::from(release.key));
            let holder = Uuid::from_u128(release.entity_id);
            if self.keys.get(&key).is_some_and(|(held_by, _)| *held_by == holder) {
                self.keys.remove(&key);
            }
            if let Some(touched) = &mut self.touched {
                touched.insert(key);
            }
        }
        for claim in &end.claims {
            let claimer = Uuid::from_u128(claim.entity_id);
            if let Some(touched) = &mut self.touched {
                touched.insert((topic, claim.key.into()));
            }
            let before = self.keys.insert((topic, claim.key.into()), (claimer, place.clone()));
            if let Some((holder, _)) = before.filter(|(holder, _)| *holder != claimer) {
                let key = claim.key;
                wrong(Rule::Keys, format!("{claimer} claims {key}, which {holder} holds"));
            }
        }
    }

    /// To be asked at the end of the log, if nothing of it is missing.
    pub(super) fn keys_are_held_by_the_living(&mut self, tell: &mut impl FnMut(Finding<'_>)) {
        self.checked.keys = self.keys.len() as u64;
        for ((topic, key), (holder, place)) in self.keys.drain() {
            let known = self.entities.get(&(topic, holder));
            if !known.is_some_and(|known| known.is_living) {
                let reason = format!("{key} is held by {holder}, which does not live");
                tell(Finding::Violation(Violation { rule: Rule::Keys, place, reason }));
            }
        }
    }
}
