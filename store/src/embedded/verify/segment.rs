//! One segment under check: its header, then its records, a bounded part at a time.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::super::error::io_error;
use super::super::frame::{BadFrame, Frame, Header as FrameHeader};
use super::super::scan::later_batch_in;
use super::super::segment::{HEADER_BYTES, HEADER_LENGTH, Header};
use super::rules::Check;
use super::window::Window;
use super::{Finding, Place, Rule, Violation};
use crate::LogError;

/// After how many bytes a step ends, with the batch at hand.
const STEP_BYTES: u64 = 1024 * 1024;

/// The part of a segment that is to be checked.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) path: Arc<Path>,
    pub(super) base: u64,
    /// From where in the file; behind its header only where a check goes on that has come so far.
    pub(super) from: u64,
    /// Up to where.
    pub(super) to: u64,
    /// Whether its end may be of a batch that was never acknowledged.
    pub(super) may_be_torn: bool,
}

/// A part that is being checked.
pub(super) struct Reading {
    part: Part,
    window: Window,
    at: u64,
    /// Where the last whole batch ends.
    good_end: u64,
    /// Where the records of the batch at hand stand, and how long they are.
    batch: Vec<(u64, usize)>,
}

impl Reading {
    /// Opens the file; `None`, and a violation, where there is none.
    pub(super) fn open(
        part: Part,
        tell: &mut impl FnMut(Finding<'_>),
    ) -> Result<Option<Self>, LogError> {
        match File::open(&part.path) {
            Ok(file) => {
                let (at, window) = (part.from, Window::new(file, part.from, part.to));
                Ok(Some(Self { part, window, at, good_end: at, batch: Vec::new() }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let place = Place { file: part.path, byte: 0, entry: None };
                let reason = "the file is gone".to_owned();
                tell(Finding::Violation(Violation { rule: Rule::Segments, place, reason }));
                Ok(None)
            }
            Err(error) => Err(io_error("read", &part.path)(error)),
        }
    }

    /// How far it has come, in bytes of the file.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// Checks some more; returns whether that was the end.
    pub(super) fn step(
        &mut self,
        check: &mut Check,
        name: &impl Fn(u64) -> Option<crate::EntryId>,
        tell: &mut impl FnMut(Finding<'_>),
    ) -> Result<bool, LogError> {
        let path = Arc::clone(&self.part.path);
        self.step_unnamed(check, name, tell).map_err(io_error("read", &path))
    }

    fn step_unnamed(
        &mut self,
        check: &mut Check,
        name: &impl Fn(u64) -> Option<crate::EntryId>,
        tell: &mut impl FnMut(Finding<'_>),
    ) -> io::Result<bool> {
        if self.at == 0 && !self.header(check, tell)? {
            return Ok(true);
        }
        let pause = self.at + STEP_BYTES;
        while self.at < self.part.to {
            if self.batch.is_empty() {
                if self.at >= pause {
                    return Ok(false);
                }
                self.window.forget(self.at);
            }
            match self.window.frame(self.at)? {
                Ok(frame) => self.frame(check, frame, tell),
                Err(_) if self.is_torn(check)? => break,
                Err(error) => {
                    let entry = name(self.part.base + self.at);
                    self.wrong(Rule::Records, (self.at, entry), error.to_string(), tell);
                    check.gap = true;
                    let Some((skipped, behind)) = self.next_frame(error)? else {
                        check.lost = true;
                        return Ok(true);
                    };
                    // The one behind is taken as what it says it is.
                    (check.next_batch, check.chain) = (behind.batch, behind.chain);
                    self.batch.clear();
                    self.at += skipped as u64;
                    self.good_end = self.at;
                }
            }
        }
        if self.good_end < self.part.to {
            if self.part.may_be_torn {
                check.checked.torn_bytes += self.part.to - self.good_end;
            } else {
                let reason = "the file ends within a batch".to_owned();
                self.wrong(Rule::Records, (self.good_end, None), reason, tell);
                check.gap = true;
            }
        }
        check.end = self.part.base + self.good_end;
        Ok(true)
    }

    /// Checks what stands before the records; returns whether they can be read.
    fn header(
        &mut self,
        check: &mut Check,
        tell: &mut impl FnMut(Finding<'_>),
    ) -> io::Result<bool> {
        let base = self.part.base;
        if base != check.end {
            check.gap = true;
            let reason = format!("the bytes from {} to {base} of the log are missing", check.end);
            self.wrong(Rule::Segments, (0, None), reason, tell);
        }
        let parsed = Header::parse(self.window.at_least(0, HEADER_BYTES)?, &self.part.path);
        match parsed {
            Ok(header) => {
                let expected = Header { base, first_batch: check.next_batch, chain: check.chain };
                if header != expected {
                    let reason = "its header does not follow the segment before it".to_owned();
                    self.wrong(Rule::Segments, (0, None), reason, tell);
                    // What it says of itself holds for what stands in it.
                    (check.next_batch, check.chain) = (header.first_batch, header.chain);
                }
                (self.at, self.good_end) = (HEADER_LENGTH, HEADER_LENGTH);
                Ok(true)
            }
            // A segment that was begun and holds nothing is removed by the next start.
            Err(_) if self.part.may_be_torn && self.part.to <= HEADER_LENGTH => {
                check.checked.torn_bytes += self.part.to;
                Ok(false)
            }
            Err(error) => {
                self.wrong(Rule::Segments, (0, None), error.to_string(), tell);
                (check.gap, check.lost) = (true, true);
                Ok(false)
            }
        }
    }

    fn frame(
        &mut self,
        check: &mut Check,
        header: FrameHeader,
        tell: &mut impl FnMut(Finding<'_>),
    ) {
        if header.batch != check.next_batch {
            let (found, expected) = (header.batch, check.next_batch);
            let reason = format!("it is of batch {found}, expected was {expected}");
            self.wrong(Rule::Chain, (self.at, None), reason, tell);
            check.next_batch = found;
        }
        if header.chain != check.chain {
            let reason = "it does not follow the record before it".to_owned();
            self.wrong(Rule::Chain, (self.at, None), reason, tell);
        }
        check.chain = header.crc;
        self.batch.push((self.at, header.frame_bytes()));
        self.at += header.frame_bytes() as u64;
        if header.ends_batch {
            let (file, base) = (Arc::clone(&self.part.path), self.part.base);
            for (at, bytes) in self.batch.drain(..) {
                check.record((&file, base, at), self.window.payload(at, bytes), tell);
            }
            check.checked.batches += 1;
            check.next_batch += 1;
            self.good_end = self.at;
        }
    }

    /// Whether what is bad here is the end of a batch that was never acknowledged.
    fn is_torn(&mut self, check: &Check) -> io::Result<bool> {
        if !self.part.may_be_torn {
            return Ok(false);
        }
        Ok(!later_batch_in(self.window.rest(self.at)?, check.next_batch))
    }

    /// How far behind the bad record the next good one begins, and its header; `None` where the bad
    /// one's length cannot be trusted.
    fn next_frame(&mut self, error: BadFrame) -> io::Result<Option<(usize, FrameHeader)>> {
        if error != BadFrame::Crc {
            return Ok(None);
        }
        let Ok(bad) = FrameHeader::parse(self.window.behind(self.at)) else {
            return Ok(None);
        };
        let skipped = bad.frame_bytes();
        let behind = self.at + skipped as u64;
        let length = match FrameHeader::parse(self.window.at_least(behind, HEADER_BYTES)?) {
            Ok(header) => header.frame_bytes(),
            Err(_) => return Ok(None),
        };
        let bytes = self.window.at_least(behind, length)?;
        Ok(Frame::parse(bytes).ok().map(|frame| (skipped, frame.header)))
    }

    fn wrong(
        &self,
        rule: Rule,
        (byte, entry): (u64, Option<crate::EntryId>),
        reason: String,
        tell: &mut impl FnMut(Finding<'_>),
    ) {
        let place = Place { file: Arc::clone(&self.part.path), byte, entry };
        tell(Finding::Violation(Violation { rule, place, reason }));
    }
}
