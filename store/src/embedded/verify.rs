//! Checks a log that nobody has open: every record, byte by byte, without changing anything.
//!
//! Opening a log stops at the first thing that is wrong, and mends a torn end. This does neither:
//! it goes on where what follows can still be trusted, and tells each violation with its place.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::error::io_error;
use super::frame::{BadFrame, Frame, Header as FrameHeader};
use super::index::Topics;
use super::lock::Lock;
use super::record::{EntryRecord, Record};
use super::scan::{FIRST_BATCH, later_batch_in};
use super::segment::{self, HEADER_BYTES, Header};
use crate::{Action, EntryId, LogError, Topic};

/// A rule that every log keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Segments follow each other without a gap, and their headers are whole.
    Segments,
    /// Every record is what was written: its checksum matches, and it can be decoded.
    Records,
    /// Each record names the checksum of the one before it, and batches are numbered in order.
    Chain,
    /// Every record is of a topic that is known.
    TopicsKnown,
    /// Ids rise strictly.
    Ids,
    /// An entity's versions have no gaps.
    Versions,
    /// No two entries have the same event id.
    EventIds,
    /// A unique key has one holder at a time, and only a living one.
    Keys,
}

impl Rule {
    /// The rule's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Segments => "segments",
            Self::Records => "records",
            Self::Chain => "chain",
            Self::TopicsKnown => "topics",
            Self::Ids => "ids",
            Self::Versions => "versions",
            Self::EventIds => "event ids",
            Self::Keys => "unique keys",
        }
    }
}

/// Where in a log something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Where in the file its record begins, in bytes.
    pub byte: u64,
    /// The entry, where it is one and could be read.
    pub entry: Option<EntryId>,
}

/// What is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule that is broken.
    pub rule: Rule,
    /// Where.
    pub place: Place,
    /// How.
    pub reason: String,
}

/// How much was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Segment files.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Batches.
    pub batches: u64,
    /// Records: entries, cursors and snapshots.
    pub records: u64,
    /// Entries.
    pub entries: u64,
    /// Entities.
    pub entities: u64,
    /// Unique keys that are held at the end.
    pub keys: u64,
    /// Entries behind a bad record: whether they follow from what is missing cannot be said, so only
    /// their bytes were checked.
    pub unjudged: u64,
    /// Bytes of an unfinished batch at the end, never acknowledged; the next start cuts them off.
    pub torn_bytes: u64,
}

/// What is told while a log is checked.
#[derive(Debug)]
pub enum Finding<'a> {
    /// An entry of a whole batch, in the order of the log.
    Entry(&'a Place, Topic, &'a EntryRecord<'a>),
    /// Something is wrong.
    Violation(Violation),
    /// So many bytes of so many are checked.
    Progress(u64, u64),
}

/// Checks the log in that folder, which must not be in use; tells all findings as it goes.
///
/// An error says that it could not be checked, not that it is damaged.
pub fn verify(
    folder: &Path,
    topics: &[Topic],
    mut tell: impl FnMut(Finding<'_>),
) -> Result<Checked, LogError> {
    let _lock = Lock::acquire(folder)?;
    let bases = bases(folder)?;
    let mut sizes = Vec::with_capacity(bases.len());
    for &base in &bases {
        let path = segment::path_of(folder, base);
        sizes.push(fs::metadata(&path).map_err(io_error("look at", &path))?.len());
    }
    let all: u64 = sizes.iter().sum();
    let mut check = Check { topics: Topics::new(topics), all_bytes: all, ..Check::new() };
    for (number, &base) in bases.iter().enumerate() {
        let path = segment::path_of(folder, base);
        let bytes = fs::read(&path).map_err(io_error("read", &path))?;
        check.segment(&path, base, &bytes, number + 1 == bases.len(), &mut tell);
        check.checked.segments += 1;
        check.checked.bytes += bytes.len() as u64;
        if check.lost {
            break;
        }
    }
    if !check.gap {
        check.keys_are_held_by_the_living(&mut tell);
    }
    Ok(check.checked)
}

/// The bases of the segments in the folder, in order; leftovers of unfinished ones are left alone.
fn bases(folder: &Path) -> Result<Vec<u64>, LogError> {
    let mut bases = Vec::new();
    for file in fs::read_dir(folder).map_err(io_error("list", folder))? {
        let path = file.map_err(io_error("list", folder))?.path();
        if path.extension().is_some_and(|extension| extension == segment::EXTENSION) {
            bases.extend(segment::base_of(&path));
        }
    }
    bases.sort_unstable();
    Ok(bases)
}

/// A key of a topic.
type Key = (usize, Box<str>);

struct Check {
    topics: Topics,
    checked: Checked,
    all_bytes: u64,
    chain: u32,
    next_batch: u64,
    end: u64,
    last_id: EntryId,
    entities: HashMap<(usize, Uuid), Known>,
    event_ids: HashSet<Uuid>,
    keys: HashMap<Key, (Uuid, Place)>,
    /// Whether something is missing before what follows.
    gap: bool,
    /// Whether what follows cannot be understood.
    lost: bool,
}

#[derive(Clone, Copy)]
struct Known {
    version: u64,
    is_living: bool,
}

impl Check {
    fn new() -> Self {
        Self {
            topics: Topics::new(&[]),
            checked: Checked::default(),
            all_bytes: 0,
            chain: 0,
            next_batch: FIRST_BATCH,
            end: 0,
            last_id: EntryId::ZERO,
            entities: HashMap::new(),
            event_ids: HashSet::new(),
            keys: HashMap::new(),
            gap: false,
            lost: false,
        }
    }

    fn segment(
        &mut self,
        path: &Path,
        base: u64,
        bytes: &[u8],
        is_last: bool,
        tell: &mut impl FnMut(Finding<'_>),
    ) {
        let place = |at: usize| Place { file: path.to_owned(), byte: at as u64, entry: None };
        let wrong = |rule, at, reason: String| {
            Finding::Violation(Violation { rule, place: place(at), reason })
        };
        if base != self.end {
            self.gap = true;
            let reason = format!("the bytes from {} to {base} of the log are missing", self.end);
            tell(wrong(Rule::Segments, 0, reason));
        }
        match Header::parse(bytes, path) {
            Ok(header) => {
                let expected = Header { base, first_batch: self.next_batch, chain: self.chain };
                if header != expected {
                    let reason = "its header does not follow the segment before it".to_owned();
                    tell(wrong(Rule::Segments, 0, reason));
                    // What it says of itself holds for what stands in it.
                    (self.next_batch, self.chain) = (header.first_batch, header.chain);
                }
            }
            // A segment that was begun and holds nothing is removed by the next start.
            Err(_) if is_last && bytes.len() <= HEADER_BYTES => {
                self.checked.torn_bytes += bytes.len() as u64;
                return;
            }
            Err(error) => {
                tell(wrong(Rule::Segments, 0, error.to_string()));
                self.lost = true;
                return;
            }
        }
        let mut batch: Vec<(usize, Frame<'_>)> = Vec::new();
        let mut at = HEADER_BYTES;
        let mut good_end = at;
        while at < bytes.len() {
            let frame = match Frame::parse(&bytes[at..]) {
                Ok(frame) => frame,
                Err(_) if is_last && !later_batch_in(&bytes[at..], self.next_batch) => break,
                Err(error) => {
                    tell(wrong(Rule::Records, at, error.to_string()));
                    self.gap = true;
                    let Some((skipped, behind)) = next_frame(&bytes[at..], error) else {
                        self.lost = true;
                        return;
                    };
                    // The one behind is taken as what it says it is.
                    (self.next_batch, self.chain) = (behind.batch, behind.chain);
                    batch.clear();
                    at += skipped;
                    good_end = at;
                    continue;
                }
            };
            if frame.header.batch != self.next_batch {
                let (found, expected) = (frame.header.batch, self.next_batch);
                let reason = format!("it is of batch {found}, expected was {expected}");
                tell(wrong(Rule::Chain, at, reason));
                self.next_batch = found;
            }
            if frame.header.chain != self.chain {
                tell(wrong(Rule::Chain, at, "it does not follow the record before it".to_owned()));
            }
            self.chain = frame.header.crc;
            batch.push((at, frame));
            at += frame.header.frame_bytes();
            if frame.header.ends_batch {
                for (at, frame) in batch.drain(..) {
                    self.record(place(at), frame.payload, tell);
                }
                self.checked.batches += 1;
                tell(Finding::Progress(self.checked.bytes + at as u64, self.all_bytes));
                self.next_batch += 1;
                good_end = at;
            }
        }
        if good_end < bytes.len() {
            if is_last {
                self.checked.torn_bytes += (bytes.len() - good_end) as u64;
            } else {
                tell(wrong(Rule::Records, good_end, "the file ends within a batch".to_owned()));
            }
        }
        self.end = base + good_end as u64;
    }

    fn record(&mut self, mut place: Place, payload: &[u8], tell: &mut impl FnMut(Finding<'_>)) {
        self.checked.records += 1;
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
        }
        for claim in &end.claims {
            let claimer = Uuid::from_u128(claim.entity_id);
            let before = self.keys.insert((topic, claim.key.into()), (claimer, place.clone()));
            if let Some((holder, _)) = before.filter(|(holder, _)| *holder != claimer) {
                let key = claim.key;
                wrong(Rule::Keys, format!("{claimer} claims {key}, which {holder} holds"));
            }
        }
    }

    fn keys_are_held_by_the_living(&mut self, tell: &mut impl FnMut(Finding<'_>)) {
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

/// How far behind a bad record the next good one begins, and its header; `None` where the bad one's
/// length cannot be trusted.
fn next_frame(bytes: &[u8], error: BadFrame) -> Option<(usize, FrameHeader)> {
    let skipped = FrameHeader::parse(bytes).ok()?.frame_bytes();
    let behind = Frame::parse(bytes.get(skipped..)?).ok()?;
    (error == BadFrame::Crc).then_some((skipped, behind.header))
}
