//! The scan of a log's segments: every record is checked, and the index built.
//!
//! A batch is acknowledged when it is durable, and batches are written one after the other. So a
//! crash can leave damage only in the last one, which nobody was told of: it is not taken in.
//! Damage with a record of a later batch behind it, or in a segment that is not the last, was done
//! to acknowledged batches: the log does not open, and says where it is.

use std::collections::VecDeque;
use std::sync::Arc;

use uuid::Uuid;

use super::checkpoint::{Checkpoint, Mark};
use super::error::{corrupt, unknown};
use super::frame::{self, Frame};
use super::index::{Index, Indexed, Topics};
use super::record::{EntryRecord, FORMAT, Record, SNAPSHOT_FORMAT};
use super::segment::{HEADER_BYTES, HEADER_LENGTH, Header, Segment};
use crate::LogError;
use crate::codec::CodecError;

/// The number of a log's first batch.
pub(super) const FIRST_BATCH: u64 = 1;

/// How far the log has been read.
pub(super) struct Scan<'a> {
    topics: &'a Topics,
    /// Where each entry stands.
    pub(super) index: Index,
    /// The CRC of the last record.
    pub(super) chain: u32,
    /// The number that the next batch must have.
    pub(super) next_batch: u64,
    /// The offset at which the next segment must begin.
    pub(super) end: u64,
    /// Records before this offset are checked, but are in the index already.
    indexed_to: u64,
    /// Marks of a checkpoint that the scan has not met yet.
    awaited: VecDeque<Mark>,
    /// Whether a key may only be claimed that nobody else holds. It is for a whole scan to ask:
    /// behind a checkpoint, keys may be held already by whoever claims them later.
    pub(super) checks_keys: bool,
}

/// Which bytes of a segment are good.
#[derive(Clone, Copy, Debug)]
pub(super) struct Good {
    /// All before this one.
    pub(super) end: usize,
    /// Where the last whole batch begins.
    pub(super) last_batch: usize,
}

impl<'a> Scan<'a> {
    /// Before the first segment.
    pub(super) fn new(topics: &'a Topics) -> Self {
        let index = Index::new(topics.len());
        Self {
            topics,
            index,
            chain: 0,
            next_batch: FIRST_BATCH,
            end: 0,
            indexed_to: 0,
            awaited: VecDeque::new(),
            checks_keys: false,
        }
    }

    /// Before the segment in which the checkpoint began, which stands behind `end`.
    pub(super) fn behind(topics: &'a Topics, checkpoint: Checkpoint, end: Mark) -> Self {
        let Checkpoint { index, began, complete } = checkpoint;
        Self {
            index,
            chain: end.chain,
            next_batch: end.next_batch,
            end: end.offset,
            indexed_to: began.offset,
            awaited: VecDeque::from([began, complete]),
            ..Self::new(topics)
        }
    }

    /// Whether the log has every mark of the checkpoint behind which the scan began.
    pub(super) fn has_met_all_marks(&self) -> bool {
        self.awaited.is_empty()
    }

    fn pass(&mut self, offset: u64) {
        let here = Mark { offset, next_batch: self.next_batch, chain: self.chain };
        while self.awaited.front() == Some(&here) {
            self.awaited.pop_front();
        }
    }

    /// Whether this segment begins where the one before it ends.
    pub(super) fn follows(
        &self,
        segment: &Segment,
        before: Option<&Arc<Segment>>,
    ) -> Result<(), LogError> {
        let base = segment.base;
        match before {
            _ if base == self.end => Ok(()),
            None => Err(corrupt(&segment.path, 0, format!("{base} bytes before it are missing"))),
            Some(before) => {
                let reason = format!("it ends at {}, the next segment begins at {base}", self.end);
                Err(corrupt(&before.path, self.end - before.base, reason))
            }
        }
    }

    /// Takes in one segment, up to the end of its last whole batch.
    pub(super) fn segment(
        &mut self,
        segment: &Segment,
        bytes: &[u8],
        is_last: bool,
    ) -> Result<Good, LogError> {
        self.check_header(segment, bytes)?;
        self.pass(segment.base + HEADER_LENGTH);
        let mut batch = Vec::new();
        let mut chain = self.chain;
        let mut good = Good { end: HEADER_BYTES, last_batch: HEADER_BYTES };
        let mut at = HEADER_BYTES;
        while at < bytes.len() {
            let bad = |reason: String| corrupt(&segment.path, at as u64, reason);
            let frame = match Frame::parse(&bytes[at..]) {
                Ok(frame) => frame,
                Err(error) if !is_last || later_batch_in(&bytes[at..], self.next_batch) => {
                    return Err(bad(error.to_string()));
                }
                Err(_) => break,
            };
            if frame.header.batch != self.next_batch {
                let (found, expected) = (frame.header.batch, self.next_batch);
                return Err(bad(format!("it is of batch {found}, expected was {expected}")));
            }
            if frame.header.chain != chain {
                return Err(bad("it does not follow the record before it".to_owned()));
            }
            if segment.base + at as u64 >= self.indexed_to {
                batch.push((at, self.decode(segment, at, frame.payload)?));
            }
            chain = frame.header.crc;
            at += frame.header.frame_bytes();
            if frame.header.ends_batch {
                for (at, record) in batch.drain(..) {
                    self.apply(segment, at, &record)?;
                }
                self.chain = chain;
                self.next_batch += 1;
                self.pass(segment.base + at as u64);
                good = Good { end: at, last_batch: good.end };
            }
        }
        if good.end < bytes.len() && !is_last {
            return Err(corrupt(&segment.path, at as u64, "the file ends within a batch"));
        }
        self.end = segment.base + good.end as u64;
        Ok(good)
    }

    fn check_header(&self, segment: &Segment, bytes: &[u8]) -> Result<(), LogError> {
        let found = Header::parse(bytes, &segment.path)?;
        let expected =
            Header { base: segment.base, first_batch: self.next_batch, chain: self.chain };
        if found == expected {
            Ok(())
        } else {
            Err(corrupt(&segment.path, 0, "its header does not follow the segment before it"))
        }
    }

    fn decode<'b>(
        &self,
        segment: &Segment,
        at: usize,
        payload: &'b [u8],
    ) -> Result<(usize, Record<'b>), LogError> {
        let path = &segment.path;
        let record = Record::decode(payload).map_err(|error| match error {
            CodecError::Format { found, .. } => {
                let (first, last) = (FORMAT.number(), SNAPSHOT_FORMAT.number());
                let known = format!("this program knows {first} to {last}");
                unknown(path, format!("a record is of format {found}, {known}"))
            }
            error => corrupt(path, at as u64, error.to_string()),
        })?;
        let name = record.topic();
        let topic = self.topics.number(name).ok_or_else(|| {
            unknown(path, format!("it holds topic `{name}`, with which the log was not opened"))
        })?;
        Ok((topic, record))
    }

    fn apply(
        &mut self,
        segment: &Segment,
        at: usize,
        (topic, record): &(usize, Record<'_>),
    ) -> Result<(), LogError> {
        match record {
            Record::Entry(entry) => self
                .apply_entry(*topic, entry, segment.base + at as u64)
                .map_err(|reason| corrupt(&segment.path, at as u64, reason)),
            Record::Cursor(cursor) => {
                let cursors = self.index.topic_mut(*topic);
                cursors.set_cursor(cursor.name.into(), cursor.position);
                Ok(())
            }
            Record::Snapshot(snapshot) => {
                let snapshots = &mut self.index.topic_mut(*topic).snapshots;
                let offset = segment.base + at as u64;
                snapshots.insert(Uuid::from_u128(snapshot.entity_id), offset);
                Ok(())
            }
        }
    }

    fn apply_entry(
        &mut self,
        topic: usize,
        entry: &EntryRecord<'_>,
        offset: u64,
    ) -> Result<(), &'static str> {
        let indexed = Indexed {
            id: entry.id,
            action: entry.action,
            entity_id: Uuid::from_u128(entry.entity_id),
            version: entry.version,
            offset,
            event_id: Uuid::from_u128(entry.event_id),
        };
        self.index.insert(topic, indexed)?;
        let Some(end) = &entry.end else { return Ok(()) };
        let keys = &mut self.index.topic_mut(topic).keys;
        for release in &end.releases {
            keys.release(release.key, Uuid::from_u128(release.entity_id));
        }
        for claim in &end.claims {
            let entity_id = Uuid::from_u128(claim.entity_id);
            let holder = keys.holder(claim.key);
            if self.checks_keys && holder.is_some_and(|holder| holder != entity_id) {
                return Err("it claims a key that another entity holds");
            }
            keys.claim(claim.key.into(), entity_id);
        }
        Ok(())
    }
}

/// Whether behind the bad record at the start of `bytes` stands a good one of a batch after `batch`.
///
/// A record may begin at any byte. A checksum is only computed where a header stands that has a
/// length that fits and a batch number so little above `batch` that so many batches have room.
pub(super) fn later_batch_in(bytes: &[u8], batch: u64) -> bool {
    let most_batches = (bytes.len() / frame::HEADER_BYTES) as u64;
    (1..bytes.len()).any(|at| {
        frame::Header::parse(&bytes[at..]).is_ok_and(|header| {
            let ahead = header.batch.saturating_sub(batch);
            (1..=most_batches).contains(&ahead)
                && header.frame_bytes() <= bytes.len() - at
                && Frame::parse(&bytes[at..]).is_ok()
        })
    })
}
