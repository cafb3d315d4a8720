//! Opening a log: its segments are read one after the other, and a torn end is cut off.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::active::Active;
use super::check::check;
use super::checkpoint::{self, Mark, NoCheckpoint};
use super::disk::Disk;
use super::error::io_error;
use super::index::{Index, Topics};
use super::scan::{Good, Scan};
use super::segment::{self, HEADER_LENGTH, Header, Listed, Segment};
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
    /// How many of them were not decoded, since a checkpoint of the index covers them; their
    /// checksums were compared all the same.
    pub checkpointed_bytes: u64,
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
    /// Where the checkpoint ends from which it was opened.
    pub(super) checkpoint: Option<Mark>,
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
    let Listed { mut bases, leftovers } = segment::list(folder)?;
    for path in &leftovers {
        fs::remove_file(path).map_err(io_error("remove", path))?;
    }
    let mut torn_bytes_cut = drop_unfinished(folder, &mut bases)?;
    let open = |&base: &u64| Segment::open(folder, base).map(Arc::new);
    let mut segments: Vec<_> = bases.iter().map(open).collect::<Result<_, _>>()?;
    let scanned = match from_checkpoint(folder, topics, &segments) {
        Ok(scanned) => scanned,
        Err(reason) => {
            let scanned = take_in(Scan::new(topics), &segments, 0, |_| {})?;
            // Told only now: a log that is damaged has worse to tell.
            if !matches!(reason, NoCheckpoint::Absent) {
                let path = checkpoint::path_in(folder);
                let path = path.display();
                tracing::warn!(%path, %reason, "a checkpoint was of no use, so the whole log was read");
            }
            scanned
        }
    };
    let Scanned { mut scan, last, checkpoint, checkpointed_bytes } = scanned;
    if let (Some(segment), Some((bytes, good))) = (segments.last(), last) {
        torn_bytes_cut += (bytes.len() - good.end) as u64;
        settle(segment, &bytes, good, &*disk)?;
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
        checkpointed_bytes,
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
    Ok(Recovered { index: scan.index, segments, active, checkpoint, opened })
}

/// All segments, taken in.
pub(super) struct Scanned<'a> {
    /// How far, and what was found.
    pub(super) scan: Scan<'a>,
    /// The bytes of the last segment, and which of them are good.
    pub(super) last: Option<(Vec<u8>, Good)>,
    /// Where the checkpoint ends that was used.
    pub(super) checkpoint: Option<Mark>,
    /// How many bytes it covers.
    pub(super) checkpointed_bytes: u64,
}

/// Takes in the segments but the first `skipped` ones, which are in the scan already; `progress` is
/// told how many bytes are done.
pub(super) fn take_in<'a>(
    mut scan: Scan<'a>,
    segments: &[Arc<Segment>],
    skipped: usize,
    mut progress: impl FnMut(u64),
) -> Result<Scanned<'a>, LogError> {
    let mut last = None;
    for (number, segment) in segments.iter().enumerate().skip(skipped) {
        let before = number.checked_sub(1).map(|before| &segments[before]);
        scan.follows(segment, before)?;
        let bytes = fs::read(&segment.path).map_err(io_error("read", &segment.path))?;
        let is_last = number + 1 == segments.len();
        let good = scan.segment(segment, &bytes, is_last)?;
        progress(scan.end);
        last = is_last.then_some((bytes, good));
    }
    Ok(Scanned { scan, last, checkpoint: None, checkpointed_bytes: 0 })
}

/// Takes in the log from its checkpoint on, or says why it can't.
///
/// What stands before it is not decoded, but its checksums and chain are compared, since damage must
/// be told when the log is opened. Whatever is wrong, a scan from the beginning finds and tells.
pub(super) fn from_checkpoint<'a>(
    folder: &Path,
    topics: &'a Topics,
    segments: &[Arc<Segment>],
) -> Result<Scanned<'a>, NoCheckpoint> {
    let unfit = |reason: &str| NoCheckpoint::Unfit(reason.to_owned());
    let began = checkpoint::began(folder)?;
    let covered = segments.partition_point(|segment| segment.base < began.offset);
    let covered = covered.saturating_sub(1);
    let (loaded, end) = thread::scope(|scope| {
        let checking = scope.spawn(|| check(&segments[..covered]));
        (checkpoint::load(folder, topics), checking.join().ok().flatten())
    });
    let checkpoint = loaded?;
    let end = end.ok_or_else(|| unfit("the log before it is damaged"))?;
    let complete = checkpoint.complete;
    let scan = Scan::behind(topics, checkpoint, end);
    let scanned =
        take_in(scan, segments, covered, |_| {}).map_err(|error| unfit(&error.to_string()))?;
    if scanned.scan.has_met_all_marks() {
        Ok(Scanned { checkpoint: Some(complete), checkpointed_bytes: began.offset, ..scanned })
    } else {
        Err(unfit("it does not fit the log"))
    }
}

/// Removes a last segment that was begun but holds nothing; returns how many bytes it had.
fn drop_unfinished(folder: &Path, bases: &mut Vec<u64>) -> Result<u64, LogError> {
    let Some(&last) = bases.last() else {
        return Ok(0);
    };
    let Some(bytes) = segment::unfinished(folder, last)? else {
        return Ok(0);
    };
    let path = segment::path_of(folder, last);
    fs::remove_file(&path).map_err(io_error("remove", &path))?;
    segment::sync_folder(folder).map_err(io_error("sync", folder))?;
    bases.pop();
    Ok(bytes)
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
