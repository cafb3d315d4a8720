//! What the writer thread and the readers of a log share.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use super::blobs::Blobs;
use super::checkpoint::Mark;
use super::error::unknown;
use super::index::{Index, Topics};
use super::segment::Segments;
use super::tail::Tail;
use super::warm::Warm;
use crate::{Entry, LogError, Topic};

/// The shared part of an open log.
#[derive(Debug)]
pub(super) struct Shared {
    /// Where the log lies.
    pub(super) folder: PathBuf,
    /// The topics it was opened with.
    pub(super) topics: Topics,
    /// Its files.
    pub(super) segments: Segments,
    /// What projections have saved.
    pub(super) blobs: Blobs,
    /// Older entries that are asked for often.
    pub(super) warm: Warm,
    /// Tells waiting readers that there is more to see, or that there will be no more.
    pub(super) progress: watch::Sender<Progress>,
    view: RwLock<View>,
}

impl Shared {
    /// What is to be shared of a log that was just opened.
    pub(super) fn new(
        folder: PathBuf,
        topics: Topics,
        segments: Segments,
        view: View,
        warm: Warm,
    ) -> Self {
        let (progress, _) = watch::channel(Progress::default());
        let blobs = Blobs::of(&folder);
        Self { folder, topics, segments, blobs, warm, progress, view: RwLock::new(view) }
    }

    /// What readers see at this moment; held for a few lookups, never over disk or await.
    pub(super) fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, to add what has become durable.
    pub(super) fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the writer panicked while it changed what readers see.
    pub(super) fn is_poisoned(&self) -> bool {
        self.view.is_poisoned()
    }

    /// The number of a topic, or the error that says that it has none.
    pub(super) fn number(&self, topic: Topic) -> Result<usize, LogError> {
        self.topics.number(topic.name()).ok_or_else(|| {
            unknown(&self.folder, format!("the log was not opened with topic `{topic}`"))
        })
    }
}

/// How far the log has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// How many batches became visible since the log was opened.
    pub(super) batches: u64,
    /// Whether the log is closed.
    pub(super) closed: bool,
}

/// All that readers can see: only durable entries.
#[derive(Debug)]
pub(super) struct View {
    /// Where every entry stands.
    pub(super) index: Index,
    /// The last entries of each topic.
    pub(super) tails: Vec<Tail>,
    /// Where the last visible batch ends.
    pub(super) end: Mark,
}

impl View {
    /// The entry at that offset of that topic, with its content where that is in memory.
    pub(super) fn locate(&self, topic: usize, offset: u64) -> Located {
        Located { topic, offset, entry: self.tails[topic].get(offset).cloned() }
    }
}

/// An entry that was found, but perhaps not yet read.
#[derive(Clone, Debug)]
pub(super) struct Located {
    /// The number of its topic.
    pub(super) topic: usize,
    /// The offset of its record.
    pub(super) offset: u64,
    /// The entry, where it is in memory.
    pub(super) entry: Option<Arc<Entry>>,
}
