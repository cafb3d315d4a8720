//! A segment file as the check reads it: a part of it in memory, from the batch at hand on.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::super::frame::{BadFrame, Frame, HEADER_BYTES, Header};

/// How much is read at once.
const READ_BYTES: usize = 256 * 1024;

/// The part of a file that is in memory.
///
/// It holds what [`Window::forget`] has not dropped, so with one batch at a time it has about the bytes
/// of one batch, and never more than those and the longest record there can be.
#[derive(Debug)]
pub(super) struct Window {
    file: File,
    /// Where in the file `bytes` begin.
    start: u64,
    bytes: Vec<u8>,
    /// What stands before this is no longer wanted.
    wanted: u64,
    /// Where the part of the file ends that is to be read.
    end: u64,
}

impl Window {
    /// Nothing yet of that file, which is to be read up to `end`.
    pub(super) const fn new(file: File, start: u64, end: u64) -> Self {
        Self { file, start, bytes: Vec::new(), wanted: start, end }
    }

    /// What stands before that place is not asked for again.
    pub(super) fn forget(&mut self, before: u64) {
        self.wanted = self.wanted.max(before);
    }

    /// What is in memory from that place on.
    pub(super) fn behind(&self, at: u64) -> &[u8] {
        let skipped = usize::try_from(at.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.bytes.get(skipped..).unwrap_or_default()
    }

    /// The same, when so many bytes are in memory, or all that there are.
    pub(super) fn at_least(&mut self, at: u64, bytes: usize) -> io::Result<&[u8]> {
        while self.behind(at).len() < bytes && self.read_on()? {}
        Ok(self.behind(at))
    }

    /// The same, up to the end.
    pub(super) fn rest(&mut self, at: u64) -> io::Result<&[u8]> {
        self.at_least(at, usize::MAX)
    }

    /// The header of the record at that place, if it is there whole.
    pub(super) fn frame(&mut self, at: u64) -> io::Result<Result<Header, BadFrame>> {
        let bytes = self.at_least(at, HEADER_BYTES)?;
        let header = match Header::parse(bytes) {
            Ok(header) => header,
            Err(error) => return Ok(Err(error)),
        };
        let bytes = self.at_least(at, header.frame_bytes())?;
        Ok(Frame::parse(bytes).map(|frame| frame.header))
    }

    /// The payload of the record at that place, which was found whole.
    pub(super) fn payload(&self, at: u64, frame_bytes: usize) -> &[u8] {
        self.behind(at).get(HEADER_BYTES..frame_bytes).unwrap_or_default()
    }

    /// Reads some more; `false` at the end, which comes early in a file that was cut.
    fn read_on(&mut self) -> io::Result<bool> {
        let dropped = usize::try_from(self.wanted.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let dropped = dropped.min(self.bytes.len());
        self.bytes.drain(..dropped);
        self.start += dropped as u64;
        let filled = self.bytes.len();
        let at = self.start + filled as u64;
        let left = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
        self.bytes.resize(filled + left.min(READ_BYTES), 0);
        let read = loop {
            match self.file.read_at(&mut self.bytes[filled..], at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.bytes.truncate(filled + *read.as_ref().unwrap_or(&0));
        read.map(|read| read > 0)
    }
}
