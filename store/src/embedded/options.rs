//! What can be set on an embedded log.

use std::sync::Arc;

use super::clock::{Clock, SystemClock};
use super::frame::MAX_PAYLOAD_BYTES;

/// How an embedded log is run; none of it changes how its files are read.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many bytes a segment file has at most, unless a single batch has more. Each is kept open.
    pub segment_bytes: u64,
    /// How many bytes the events and keys of one transaction may have together, 16 MiB at most;
    /// a larger one is refused as ill-formed.
    pub max_transaction_bytes: usize,
    /// From how many bytes on a write takes in no further append that waits.
    pub max_batch_bytes: usize,
    /// After how many appended bytes another checkpoint of the index is made, beside the one at
    /// closing: about so much must be decoded at the next opening after a crash.
    pub checkpoint_bytes: u64,
    /// How many of its last entries each topic keeps in memory.
    pub tail_entries: usize,
    /// How many bytes those entries may have for each topic.
    pub tail_bytes: usize,
    /// How many bytes may be kept of older entries that were asked for as the last of their entity.
    pub warm_bytes: usize,
    /// How many entries a read returns at most, whatever its limit.
    pub max_page_entries: usize,
    /// From how many bytes on a read returns no further entry.
    pub max_page_bytes: usize,
    /// The clock that gives ids and times.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 * 1024 * 1024,
            max_transaction_bytes: MAX_PAYLOAD_BYTES,
            max_batch_bytes: 4 * 1024 * 1024,
            checkpoint_bytes: 64 * 1024 * 1024,
            tail_entries: 16_384,
            tail_bytes: 16 * 1024 * 1024,
            warm_bytes: 32 * 1024 * 1024,
            max_page_entries: 4_096,
            max_page_bytes: 8 * 1024 * 1024,
            clock: Arc::new(SystemClock),
        }
    }
}

impl Options {
    /// The bytes that a transaction may have: what is set, but no more than a record can hold.
    pub(super) fn transaction_limit_bytes(&self) -> usize {
        self.max_transaction_bytes.min(MAX_PAYLOAD_BYTES)
    }
}
