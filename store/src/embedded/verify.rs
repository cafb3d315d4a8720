//! Checks a log, one that nobody has open or one that is in use: every record, byte by byte, without
//! changing anything.
//!
//! Opening a log stops at the first thing that is wrong, and mends a torn end. This does neither:
//! it goes on where what follows can still be trusted, and tells each violation with its place.
//!
//! | file | what it is |
//! |---|---|
//! | `segment`, `window` | one file: its header, its records and their chain, read a part at a time |
//! | `rules` | what entries keep, one after the other |
//! | `live` | the index of a log in use, held against its files |

mod live;
mod rules;
mod segment;
#[cfg(test)]
mod tests;
mod window;

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::live::{Live, Mismatch};
use self::rules::Check;
use self::segment::{Part, Reading};
use super::error::io_error;
use super::index::Topics;
use super::lock::Lock;
use super::record::EntryRecord;
use super::segment as files;
use super::shared::Shared;
use crate::{EntryId, LogError, Topic};

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
    /// What a log in use knows in memory of where entries stand is what its files hold.
    Index,
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
            Self::Index => "index",
        }
    }
}

/// Where in a log something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
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
    /// Entries that were looked up in the index of a log in use.
    pub indexed: u64,
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
    let mut verification = Verification::of_folder(folder, topics)?;
    while verification.step(&mut tell)? {}
    Ok(verification.checked())
}

/// A check under way: [`step`](Self::step) by step, each of which reads about a mebibyte.
///
/// It holds the bytes of one batch, and a few for each entry, entity and key.
pub struct Verification {
    check: Check,
    parts: VecDeque<Part>,
    open: Option<Reading>,
    /// The log in use, if it is.
    live: Option<Live>,
    /// Where the index seems to differ; what was appended meanwhile may explain it.
    mismatches: Option<Vec<Mismatch>>,
    done_bytes: u64,
    all_bytes: u64,
    is_over: bool,
    _lock: Option<Lock>,
}

impl Verification {
    /// A check of the log in that folder, which must not be in use, and cannot be until this goes.
    pub fn of_folder(folder: &Path, topics: &[Topic]) -> Result<Self, LogError> {
        let lock = Lock::acquire(folder)?;
        let bases = bases(folder)?;
        let mut parts = VecDeque::with_capacity(bases.len());
        for (number, &base) in bases.iter().enumerate() {
            let path = files::path_of(folder, base);
            let to = fs::metadata(&path).map_err(io_error("look at", &path))?.len();
            let may_be_torn = number + 1 == bases.len();
            parts.push_back(Part { path: path.into(), base, from: 0, to, may_be_torn });
        }
        Ok(Self::new(Topics::new(topics), parts, None, Some(lock)))
    }

    /// A check of a log that is in use, up to where it ends now.
    pub(super) fn of_open_log(shared: &Arc<Shared>) -> Self {
        let live = Live::begin(Arc::clone(shared));
        let (topics, parts) = (shared.topics.clone(), live.parts());
        Self::new(topics, parts, Some(live), None)
    }

    fn new(topics: Topics, parts: VecDeque<Part>, live: Option<Live>, lock: Option<Lock>) -> Self {
        let mut check = Check::new(topics);
        check.seen = live.as_ref().map(|_| Vec::new());
        Self {
            check,
            all_bytes: parts.iter().map(|part| part.to).sum(),
            parts,
            open: None,
            live,
            mismatches: None,
            done_bytes: 0,
            is_over: false,
            _lock: lock,
        }
    }

    /// Checks some more, and blocks for so long; returns whether there is more to check.
    pub fn step(&mut self, tell: &mut impl FnMut(Finding<'_>)) -> Result<bool, LogError> {
        if self.open.is_none() {
            match self.parts.pop_front().filter(|_| !self.check.lost) {
                Some(part) => {
                    self.check.checked.segments += u64::from(part.from == 0);
                    self.open = Reading::open(part, tell)?;
                    self.check.lost = self.open.is_none();
                    self.check.gap |= self.check.lost;
                }
                None if self.is_over => return Ok(false),
                None => return Ok(self.end_of_parts(tell)),
            }
        }
        if let Some(reading) = &mut self.open {
            let before = reading.at();
            let live = self.live.as_ref();
            let name = |offset| live.and_then(|live| live.entry_at(offset));
            let is_done = reading.step(&mut self.check, &name, tell)?;
            self.done_bytes += reading.at() - before;
            if is_done {
                self.open = None;
            }
        }
        if let (Some(live), Some(seen)) = (&self.live, &mut self.check.seen) {
            self.check.checked.indexed += seen.len() as u64;
            live.compare(seen, tell);
            seen.clear();
        }
        self.check.checked.bytes = self.done_bytes;
        tell(Finding::Progress(self.done_bytes.min(self.all_bytes), self.all_bytes));
        Ok(true)
    }

    /// How much has been checked so far.
    pub const fn checked(&self) -> Checked {
        self.check.checked
    }

    /// Up to which offset a log in use is checked.
    pub fn end(&self) -> Option<u64> {
        self.live.as_ref().map(Live::end)
    }

    /// What remains when all files are read; returns whether there is more to check then.
    fn end_of_parts(&mut self, tell: &mut impl FnMut(Finding<'_>)) -> bool {
        if let Some(live) = self.live.as_mut().filter(|_| !self.check.gap) {
            if let Some(mismatches) = self.mismatches.take() {
                live.unexplained(mismatches, &self.check, tell);
            } else {
                live.totals(&self.check, tell);
                let mismatches = live.keys(&self.check);
                if !mismatches.is_empty() {
                    // What was appended meanwhile is read as well: it may have moved those keys.
                    self.parts = live.go_on();
                    self.check.touched = Some(std::collections::HashSet::new());
                    self.mismatches = Some(mismatches);
                    return true;
                }
            }
        }
        if !self.check.gap {
            self.check.keys_are_held_by_the_living(tell);
        }
        self.is_over = true;
        false
    }
}

impl std::fmt::Debug for Verification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verification").field("checked", &self.checked()).finish_non_exhaustive()
    }
}

/// The bases of the segments in the folder, in order; leftovers of unfinished ones are left alone.
fn bases(folder: &Path) -> Result<Vec<u64>, LogError> {
    let mut bases = Vec::new();
    for file in fs::read_dir(folder).map_err(io_error("list", folder))? {
        let path: PathBuf = file.map_err(io_error("list", folder))?.path();
        if path.extension().is_some_and(|extension| extension == files::EXTENSION) {
            bases.extend(files::base_of(&path));
        }
    }
    bases.sort_unstable();
    Ok(bases)
}
