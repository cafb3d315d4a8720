//! Reading a whole log that is not open, and comparing what it gives with its checkpoint.

use std::path::Path;
use std::sync::Arc;

use super::checkpoint::{self, NoCheckpoint};
use super::error::corrupt;
use super::index::Topics;
use super::lock::Lock;
use super::recovery::{Scanned, from_checkpoint, take_in};
use super::scan::Scan;
use super::segment::{self, Segment};
use crate::LogError;

/// A log in which nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rescanned {
    /// How many entries it holds.
    pub entries: u64,
    /// How many segment files it has.
    pub segments: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many bytes of an unfinished batch, never acknowledged, stand behind them; the next
    /// opening cuts them off.
    pub torn_bytes: u64,
    /// What its checkpoint is worth.
    pub checkpoint: CheckpointVerdict,
}

/// What a checkpoint is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointVerdict {
    /// There is none.
    Absent,
    /// It does not fit the log and will be made anew.
    Unfit,
    /// With the log behind it, it gives the very index that the whole log gives.
    Agrees,
}

/// Reads the log in that folder, and changes nothing; `progress` is told how many bytes are done,
/// and of how many.
pub(super) fn rescan(
    folder: &Path,
    topics: &Topics,
    mut progress: impl FnMut(u64, u64),
) -> Result<Rescanned, LogError> {
    let _lock = Lock::look(folder)?;
    let mut bases = segment::list(folder)?.bases;
    let mut unfinished_bytes = 0;
    if let Some(&last) = bases.last()
        && let Some(bytes) = segment::unfinished(folder, last)?
    {
        bases.pop();
        unfinished_bytes = bytes;
    }
    let open = |&base: &u64| Segment::open_to_read(folder, base).map(Arc::new);
    let segments: Vec<_> = bases.iter().map(open).collect::<Result<_, _>>()?;
    let total = segments.last().map_or(Ok(0), |last| Ok(last.base + last.length()?))?;
    let mut scan = Scan::new(topics);
    scan.checks_keys = true;
    let whole = take_in(scan, &segments, 0, |done| progress(done, total))?;
    let good_bytes = whole.scan.end;
    let checkpoint = compare(folder, topics, &segments, &whole)?;
    progress(total, total);
    Ok(Rescanned {
        entries: whole.scan.index.entries(),
        segments: segments.len(),
        bytes: good_bytes,
        torn_bytes: total - good_bytes + unfinished_bytes,
        checkpoint,
    })
}

fn compare(
    folder: &Path,
    topics: &Topics,
    segments: &[Arc<Segment>],
    whole: &Scanned<'_>,
) -> Result<CheckpointVerdict, LogError> {
    match from_checkpoint(folder, topics, segments) {
        Err(NoCheckpoint::Absent) => Ok(CheckpointVerdict::Absent),
        Err(_) => Ok(CheckpointVerdict::Unfit),
        Ok(resumed) if resumed.scan.index == whole.scan.index => Ok(CheckpointVerdict::Agrees),
        Ok(_) => {
            let path = checkpoint::path_in(folder);
            Err(corrupt(&path, 0, "it fits the log, but gives another index; remove it"))
        }
    }
}
