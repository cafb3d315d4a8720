//! What the entries of streams keep, as far as they tell by themselves.
//!
//! Other programs write with ids and events of their own, so those are held to nothing. An entry of
//! theirs raises its entity's version when it comes, unless it comes late; a stream does not say which
//! it was. So the next version of ours may be above the last one by one and as many as there were.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ordershop_actors::shop::audit::SharedAudit;
use ordershop_store::{Action, Entry, EntryId, Origin, Positions, Topic};
use uuid::Uuid;

use super::super::line::{Findings, Line, Place, Subject, Sum};

/// A microsecond of an id of ours stands below this.
const MICROS_PER_SECOND: u64 = 1_000_000;

/// Where each stream ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends(Positions);

impl Ends {
    pub(super) fn of(ends: &Positions) -> Self {
        Self(ends.clone())
    }

    fn has(&self, entry: &Entry) -> bool {
        entry.id <= self.0.of(entry.topic).of(entry.action)
    }

    /// The highest id of all.
    fn last(&self) -> EntryId {
        self.0.iter().map(|(_, position)| position.last()).max().unwrap_or_default()
    }
}

/// What was seen so far.
#[derive(Default)]
pub(super) struct Rules {
    ends: Ends,
    first: Option<EntryId>,
    at: EntryId,
    last_of_ours: BTreeMap<Topic, EntryId>,
    entities: HashMap<(Topic, Uuid), Known>,
    event_ids: HashSet<Uuid>,
    audit: SharedAudit,
    sum: Sum,
    findings: Findings,
}

/// What was seen of an entity.
#[derive(Default)]
struct Known {
    version: u64,
    /// Entries of others since that version.
    foreign: u64,
    /// Its last entry of ours.
    last: Option<(Action, EntryId, Uuid)>,
}

impl Rules {
    /// Entries before these ends are judged.
    pub(super) fn judge_up_to(&mut self, ends: Ends) {
        self.ends = ends;
        self.sum.of = Subject::Streams;
    }

    /// Takes in the next entry.
    pub(super) fn take(&mut self, entry: &Arc<Entry>) {
        let is_judged = self.ends.has(entry);
        if is_judged {
            self.first.get_or_insert(entry.id);
            self.at = self.at.max(entry.id.min(self.ends.last()));
            self.sum.entries += 1;
            match entry.origin {
                Origin::Own => self.own(entry),
                Origin::Foreign => {
                    self.sum.foreign += 1;
                    let known = self.entities.entry((entry.topic, entry.entity_id)).or_default();
                    known.foreign += 1;
                }
                Origin::Unreadable(_) => self.sum.unreadable += 1,
            }
        }
        for (rule, reason) in self.audit.take(entry, is_judged) {
            self.findings.add(rule.name(), place(entry), reason);
        }
    }

    fn own(&mut self, entry: &Entry) {
        let mut wrong = |rule: &str, reason| self.findings.add(rule, place(entry), reason);
        let last = self.last_of_ours.entry(entry.topic).or_default();
        if entry.id <= *last {
            wrong("ids", format!("id {} is not above {last}, the one of ours before", entry.id));
        }
        if entry.id.micros() >= MICROS_PER_SECOND {
            wrong("ids", format!("id {} is no moment", entry.id));
        }
        *last = entry.id.max(*last);
        if !self.event_ids.insert(entry.event_id) {
            let event = entry.event_id;
            wrong("event ids", format!("event {event} stands in the log a second time"));
        }
        let known = self.entities.entry((entry.topic, entry.entity_id)).or_default();
        let (lowest, highest) = (known.version + 1, known.version + 1 + known.foreign);
        if !(lowest..=highest).contains(&entry.version) {
            let (id, found) = (entry.entity_id, entry.version);
            let expected = if known.foreign == 0 {
                lowest.to_string()
            } else {
                format!("{lowest} to {highest}")
            };
            wrong("versions", format!("{id} has version {found}, expected was {expected}"));
        }
        (known.version, known.foreign) = (entry.version, 0);
        known.last = Some((entry.action, entry.id, entry.event_id));
    }

    /// Tells how far it has come.
    pub(super) fn tell_progress(&mut self) {
        let first = self.first.unwrap_or_default();
        let entries = self.sum.entries;
        self.findings.progress(super::progress(first, self.at, self.ends.last(), entries));
    }

    /// The topics of which the last transaction is not whole.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = Topic> + '_ {
        self.audit.unfinished()
    }

    /// The entities to which we have written, so many of a topic at once.
    pub(super) fn entities(&self, at_once: usize) -> Vec<(Topic, Vec<Uuid>)> {
        let mut by_topic: BTreeMap<Topic, Vec<Uuid>> = BTreeMap::new();
        for ((topic, id), _) in self.entities.iter().filter(|(_, known)| known.last.is_some()) {
            by_topic.entry(*topic).or_default().push(*id);
        }
        let chunks = by_topic
            .iter()
            .flat_map(|(topic, ids)| ids.chunks(at_once).map(|chunk| (*topic, chunk.to_vec())));
        chunks.collect()
    }

    /// An entity's last entry by the index is this: it must be the last one of ours, or one behind it.
    pub(super) fn ends_with(&mut self, topic: Topic, id: Uuid, found: Option<&Entry>) {
        let known = self.entities.get(&(topic, id));
        let Some((action, last, event_id)) = known.and_then(|known| known.last) else { return };
        self.sum.indexed += 1;
        let reason = match found {
            None => format!("the index has no entry of {id}"),
            Some(found) if found.id < last => {
                format!("the index ends {id} before it, at {}", found.id)
            }
            Some(found) if found.id == last && found.event_id != event_id => {
                format!("the index has event {} of {id} there", found.event_id)
            }
            Some(_) => return,
        };
        self.findings.add("index", Place::in_stream(topic, action, last), reason);
    }

    /// What the index says of an entity cannot be.
    pub(super) fn is_not_indexed(&mut self, topic: Topic, id: Uuid, reason: &str) {
        let known = self.entities.get(&(topic, id));
        let Some((action, last, _)) = known.and_then(|known| known.last) else { return };
        self.sum.indexed += 1;
        self.findings.add("index", Place::in_stream(topic, action, last), reason.to_owned());
    }

    /// Judges what can be judged only when all is read, and tells what was checked.
    pub(super) fn settle(&mut self) {
        for unsettled in self.audit.settle() {
            let place = unsettled.place.map(|(topic, id)| Place::in_topic(topic, id));
            self.findings.add(unsettled.rule.name(), place.unwrap_or_default(), unsettled.reason);
        }
        let sum = Sum {
            entities: self.entities.len() as u64,
            shared_entities: self.audit.shared_entities(),
            shared_products: self.audit.shared_products(),
            ..self.sum.clone()
        };
        self.findings.finish(&sum.with_audit(&self.audit.audited()));
    }

    /// What there is to tell.
    pub(super) fn take_lines(&mut self) -> Vec<Line> {
        self.findings.take()
    }
}

fn place(entry: &Entry) -> Place {
    Place::in_stream(entry.topic, entry.action, entry.id)
}
