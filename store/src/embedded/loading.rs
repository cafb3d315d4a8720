//! Reading entries back from the segment files.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::error::{corrupt, io_error};
use super::frame::{self, Frame, Header};
use super::record::{EntryRecord, Record};
use super::segment::Segment;
use super::shared::{Located, Shared};
use super::tail::size_of;
use crate::{EntitySnapshot, Entry, EntryId, LogError};

/// How much is read at once where the next entries will be wanted, too.
pub(super) const AHEAD_BYTES: usize = 64 * 1024;
/// How much is read at once where the next entry stands elsewhere.
pub(super) const ALONE_BYTES: usize = 1024;

/// Reads records by their offsets, and keeps the last bytes it has read.
pub(super) struct Loader<'a> {
    shared: &'a Shared,
    segment: Option<Arc<Segment>>,
    /// Where in the segment the window begins.
    start: u64,
    window: Vec<u8>,
    read_bytes: usize,
}

impl<'a> Loader<'a> {
    /// A loader that reads at least `read_bytes` at once.
    pub(super) fn new(shared: &'a Shared, read_bytes: usize) -> Self {
        Self { shared, segment: None, start: 0, window: Vec::new(), read_bytes }
    }

    /// Those of the entries that fit in `max_bytes`, and at least one; and whether all did.
    pub(super) fn load(
        &mut self,
        located: Vec<Located>,
        max_bytes: usize,
    ) -> Result<(Vec<Arc<Entry>>, bool), LogError> {
        let mut entries: Vec<Arc<Entry>> = Vec::with_capacity(located.len());
        let mut bytes = 0;
        for place in located {
            let entry = self.entry(place)?;
            bytes += size_of(&entry);
            if bytes > max_bytes && !entries.is_empty() {
                return Ok((entries, false));
            }
            entries.push(entry);
        }
        Ok((entries, true))
    }

    /// One entry, from memory or from its file.
    pub(super) fn entry(&mut self, located: Located) -> Result<Arc<Entry>, LogError> {
        if let Some(entry) = located.entry {
            return Ok(entry);
        }
        let topic = self.shared.topics.topic(located.topic);
        let entry = self.record(located.offset, |record| record.to_entry(topic))?;
        Ok(Arc::new(entry))
    }

    /// The ids of the entries from that offset to the end of their transaction.
    pub(super) fn transaction_ids(&mut self, mut offset: u64) -> Result<Vec<EntryId>, LogError> {
        let mut ids = Vec::new();
        loop {
            let ends = self.record(offset, |record| {
                ids.push(record.id);
                record.end.is_some()
            })?;
            if ends {
                return Ok(ids);
            }
            offset += self.header(offset)?.frame_bytes() as u64;
        }
    }

    /// The snapshot whose record stands at that offset.
    pub(super) fn snapshot(&mut self, offset: u64) -> Result<EntitySnapshot, LogError> {
        self.decoded(offset, |record| match record {
            Record::Snapshot(snapshot) => Some(snapshot.to_snapshot()),
            Record::Entry(_) | Record::Cursor(_) => None,
        })
    }

    /// What `take` makes of the entry's record at that offset.
    fn record<T>(
        &mut self,
        offset: u64,
        take: impl FnOnce(&EntryRecord<'_>) -> T,
    ) -> Result<T, LogError> {
        self.decoded(offset, |record| match record {
            Record::Entry(entry) => Some(take(entry)),
            Record::Cursor(_) | Record::Snapshot(_) => None,
        })
    }

    /// What `take` makes of the record at that offset, which is checked first.
    fn decoded<T>(
        &mut self,
        offset: u64,
        take: impl FnOnce(&Record<'_>) -> Option<T>,
    ) -> Result<T, LogError> {
        let frame_bytes = self.header(offset)?.frame_bytes();
        let (segment, at) = self.fill(offset, frame_bytes)?;
        let bad = |reason: String| corrupt(&segment.path, at, reason);
        let frame = Frame::parse(self.window_at(at)).map_err(|error| bad(error.to_string()))?;
        let record = Record::decode(frame.payload).map_err(|error| bad(error.to_string()))?;
        take(&record).ok_or_else(|| bad("a record of another kind stands there".to_owned()))
    }

    fn header(&mut self, offset: u64) -> Result<Header, LogError> {
        let (segment, at) = self.fill(offset, frame::HEADER_BYTES)?;
        Header::parse(self.window_at(at))
            .map_err(|error| corrupt(&segment.path, at, error.to_string()))
    }

    fn window_at(&self, at: u64) -> &[u8] {
        let skipped = usize::try_from(at - self.start).unwrap_or(usize::MAX);
        self.window.get(skipped..).unwrap_or_default()
    }

    /// Makes the window hold so many bytes from `offset` on; returns the segment and the place in it.
    fn fill(&mut self, offset: u64, bytes: usize) -> Result<(Arc<Segment>, u64), LogError> {
        let segment = match &self.segment {
            Some(segment) if self.covers(segment, offset, bytes) => Arc::clone(segment),
            _ => self.read(offset, bytes)?,
        };
        let at = offset - segment.base;
        Ok((segment, at))
    }

    fn covers(&self, segment: &Segment, offset: u64, bytes: usize) -> bool {
        let end = offset.saturating_add(bytes as u64);
        let start = segment.base + self.start;
        start <= offset && end <= start + self.window.len() as u64
    }

    fn read(&mut self, offset: u64, bytes: usize) -> Result<Arc<Segment>, LogError> {
        let segment = self.shared.segments.holding(offset).ok_or_else(|| {
            corrupt(&self.shared.folder, offset, "no segment holds an entry that was found before")
        })?;
        let at = offset - segment.base;
        self.start = at;
        self.window.resize(bytes.max(self.read_bytes), 0);
        let read =
            read_up_to(&segment, &mut self.window, at).map_err(io_error("read", &segment.path))?;
        self.window.truncate(read);
        if read < bytes {
            return Err(corrupt(&segment.path, at, "the file ends within the record"));
        }
        self.segment = Some(Arc::clone(&segment));
        Ok(segment)
    }
}

/// Fills the buffer from that place on, or up to the end of the file; returns how far it came.
pub(super) fn read_up_to(segment: &Segment, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match segment.file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
