//! Opening a log: its segments are read one after the other, and a torn end is cut off.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::active::Active;
use super::disk::Disk;
use super::error::io_error;
use super::index::{Index, Topics};
use super::scan::{Good, Scan};
use super::segment::{self, HEADER_LENGTH, Header, Segment};
use crate::LogError;

/// What was found when a log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// How many entries the log holds.
    pub entries: u64,
    /// How many segment files it has.
    pub segments: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many bytes of an unfinished batch, which was never acknowledged, were cut off.
    pub torn_bytes_cut: u64,
}

/// A log that is ready for readers and the writer.
#[derive(Debug)]
pub(super) struct Recovered {
    /// Where each entry stands.
    pub(super) index: Index,
    /// All segments.
    pub(super) segments: Vec<Arc<Segment>>,
    /// The last of them.
    pub(super) active: Active,
    /// What was found.
    pub(super) opened: Opened,
}

/// Opens the log in that folder, which is locked; makes an empty one where there is none.
pub(super) fn recover(
    folder: &Path,
    topics: &Topics,
    segment_bytes: u64,
    disk: Arc<dyn Disk>,
) -> Result<Recovered, LogError> {
    let mut bases = segment::list(folder)?;
    let mut torn_bytes_cut = drop_unfinished(folder, &mut bases)?;
    let mut scan = Scan::new(topics);
    let mut segments = Vec::with_capacity(bases.len().max(1));
    for (number, &base) in bases.iter().enumerate() {
        let segment = Arc::new(Segment::open(folder, base)?);
        scan.follows(&segment, segments.last())?;
        let bytes = fs::read(&segment.path).map_err(io_error("read", &segment.path))?;
        let is_last = number + 1 == bases.len();
        let good = scan.segment(&segment, &bytes, is_last)?;
        if is_last {
            torn_bytes_cut += (bytes.len() - good.end) as u64;
            settle(&segment, &bytes, good, &*disk)?;
        }
        segments.push(segment);
    }
    segment::sync_folder(folder).map_err(io_error("sync", folder))?;
    if segments.is_empty() {
        let header = Header { base: 0, first_batch: scan.next_batch, chain: scan.chain };
        let segment =
            Segment::create(folder, header, &*disk).map_err(io_error("begin a log in", folder))?;
        scan.end = HEADER_LENGTH;
        segments.push(Arc::new(segment));
    }
    let last = segments.last().cloned().expect("one was made where there was none");
    let opened = Opened {
        entries: scan.index.entries(),
        segments: segments.len(),
        bytes: scan.end,
        torn_bytes_cut,
    };
    let active = Active {
        folder: folder.to_owned(),
        length: scan.end - last.base,
        segment: last,
        next_batch: scan.next_batch,
        chain: scan.chain,
        segment_bytes,
        disk,
    };
    Ok(Recovered { index: scan.index, segments, active, opened })
}

/// Removes a last segment that was begun but holds nothing; returns how many bytes it had.
fn drop_unfinished(folder: &Path, bases: &mut Vec<u64>) -> Result<u64, LogError> {
    let Some(&last) = bases.last() else {
        return Ok(0);
    };
    let path = Segment::open(folder, last)?.path;
    let bytes = fs::metadata(&path).map_err(io_error("look at", &path))?.len();
    if bytes > HEADER_LENGTH {
        return Ok(0);
    }
    let header = fs::read(&path).map_err(io_error("read", &path))?;
    match Header::parse(&header, &path) {
        Ok(_) => Ok(0),
        Err(LogError::Corrupt { .. }) => {
            fs::remove_file(&path).map_err(io_error("remove", &path))?;
            segment::sync_folder(folder).map_err(io_error("sync", folder))?;
            bases.pop();
            Ok(bytes)
        }
        Err(error) => Err(error),
    }
}

/// Cuts an unfinished batch off the last segment, and makes sure that the one before it is durable.
///
/// Whoever wrote that one may have ended before it was durable, or because it could not be made so;
/// then the system may take for written what never was. So it is written once more, as it is.
fn settle(segment: &Segment, bytes: &[u8], good: Good, disk: &dyn Disk) -> Result<(), LogError> {
    let last_batch = &bytes[good.last_batch..good.end];
    disk.set_len(&segment.file, good.end as u64)
        .and_then(|()| disk.write_all_at(&segment.file, last_batch, good.last_batch as u64))
        .and_then(|()| disk.sync(&segment.file))
        .map_err(io_error("make durable", &segment.path))
}
