//! The end of the log: the segment to which batches are written, and when it is followed by another.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::checkpoint::Mark;
use super::disk::{Disk, says_no_room};
use super::frame::BatchFrames;
use super::segment::{HEADER_LENGTH, Header, Segment, Segments};
use crate::LogError;

/// The last segment, and what the next batch must continue.
#[derive(Debug)]
pub(super) struct Active {
    /// Where the log lies.
    pub(super) folder: PathBuf,
    /// The last segment.
    pub(super) segment: Arc<Segment>,
    /// How many good bytes it has.
    pub(super) length: u64,
    /// The number of the next batch.
    pub(super) next_batch: u64,
    /// The CRC of the last record.
    pub(super) chain: u32,
    /// From how many bytes on another segment follows.
    pub(super) segment_bytes: u64,
    /// How files are written.
    pub(super) disk: Arc<dyn Disk>,
}

impl Active {
    /// Where the next batch will stand.
    pub(super) fn end(&self) -> Mark {
        let offset = self.segment.base + self.length;
        Mark { offset, next_batch: self.next_batch, chain: self.chain }
    }

    /// Writes these frames as the next batch, durably; returns the offset of the first.
    ///
    /// After [`LogError::Full`] the log is as before, and the next batch may be tried. After any
    /// other error nothing may be written any more.
    pub(super) fn append(
        &mut self,
        frames: &mut BatchFrames,
        segments: &Segments,
    ) -> Result<u64, LogError> {
        let bytes = frames.len() as u64;
        if self.length > HEADER_LENGTH && self.length + bytes > self.segment_bytes {
            self.roll(segments)?;
        }
        let chain = frames.seal(self.next_batch, self.chain);
        let file = &self.segment.file;
        if let Err(error) = self.disk.write_all_at(file, frames.as_bytes(), self.length) {
            return Err(self.undo(&error));
        }
        self.disk.sync(file).map_err(|error| self.failed("sync", &error))?;
        let offset = self.segment.base + self.length;
        self.length += bytes;
        self.next_batch += 1;
        self.chain = chain;
        Ok(offset)
    }

    /// Goes on in a new segment. The present one is durable up to its length.
    fn roll(&mut self, segments: &Segments) -> Result<(), LogError> {
        let header = Header {
            base: self.segment.base + self.length,
            first_batch: self.next_batch,
            chain: self.chain,
        };
        let segment = Segment::create(&self.folder, header, &*self.disk).map_err(|error| {
            if says_no_room(&error) {
                LogError::Full(format!("cannot begin a new segment: {error}"))
            } else {
                self.failed("begin a new segment behind", &error)
            }
        })?;
        self.segment = Arc::new(segment);
        self.length = HEADER_LENGTH;
        segments.push(Arc::clone(&self.segment));
        Ok(())
    }

    /// Takes back what a failed write has left in the file.
    fn undo(&self, error: &io::Error) -> LogError {
        if !says_no_room(error) {
            return self.failed("write", error);
        }
        // Durable before anything else is written: a segment may be followed by another one only
        // if it holds nothing behind its last batch.
        let file = &self.segment.file;
        let undone = self.disk.set_len(file, self.length).and_then(|()| self.disk.sync(file));
        match undone {
            Ok(()) => LogError::Full(error.to_string()),
            Err(error) => self.failed("cut", &error),
        }
    }

    fn failed(&self, doing: &str, error: &io::Error) -> LogError {
        LogError::Failed(format!("cannot {doing} {}: {error}", self.segment.path.display()))
    }
}
