//! The scan of a log's segments: every record is checked, and the index built.
//!
//! A batch is acknowledged when it is durable, and batches are written one after the other. So a
//! crash can leave damage only in the last one, which nobody was told of: it is not taken in.
//! Damage with a record of a later batch behind it, or in a segment that is not the last, was done
//! to acknowledged batches: the log does not open, and says where it is.

use std::sync::Arc;

use uuid::Uuid;

use super::error::{corrupt, unknown};
use super::frame::{self, Frame};
use super::index::{Index, Indexed, Topics};
use super::record::{EntryRecord, FORMAT, Record};
use super::segment::{HEADER_BYTES, Header, Segment};
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
        Self { topics, index, chain: 0, next_batch: FIRST_BATCH, end: 0 }
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
            batch.push((at, self.decode(segment, at, frame.payload)?));
            chain = frame.header.crc;
            at += frame.header.frame_bytes();
            if frame.header.ends_batch {
                for (at, record) in batch.drain(..) {
                    self.apply(segment, at, &record)?;
                }
                self.chain = chain;
                self.next_batch += 1;
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
                let known = FORMAT.number();
                unknown(path, format!("a record is of format {found}, this program knows {known}"))
            }
            error => corrupt(path, at as u64, error.to_string()),
        })?;
        let name = match &record {
            Record::Entry(entry) => entry.topic,
            Record::Cursor(cursor) => cursor.topic,
        };
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
        let keys = self.index.topic_mut(topic);
        for release in &end.releases {
            keys.release(release.key, Uuid::from_u128(release.entity_id));
        }
        for claim in &end.claims {
            keys.claim(claim.key.into(), Uuid::from_u128(claim.entity_id));
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
