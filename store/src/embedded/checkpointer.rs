//! The thread that makes checkpoints of the index, so that the writer need not.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use super::checkpoint::{self, Mark};
use super::error::io_error;
use super::shared::Shared;
use crate::LogError;

/// Tells the thread to make a checkpoint; when it is dropped the thread makes the last one.
#[derive(Debug)]
pub(super) struct Wake {
    thread: SyncSender<()>,
    /// After how many bytes the next checkpoint is made.
    every_bytes: u64,
    /// Where the log ended when the last one was asked for.
    asked_at: u64,
}

impl Wake {
    /// Asks for a checkpoint if the log has grown enough; never waits.
    pub(super) fn log_ends_at(&mut self, offset: u64) {
        // One that is asked for while another is being made is made behind it; more are not needed.
        if offset - self.asked_at >= self.every_bytes && self.thread.try_send(()).is_ok() {
            self.asked_at = offset;
        }
    }
}

/// Starts the thread; `saved` is where the checkpoint on disk is complete, if there is one.
pub(super) fn start(
    shared: &Arc<Shared>,
    saved: Option<Mark>,
    every_bytes: u64,
) -> Result<(Wake, JoinHandle<()>), LogError> {
    let (wake, asked) = mpsc::sync_channel(1);
    let asked_at = saved.map_or(0, |mark| mark.offset);
    let checkpointer = Checkpointer { shared: Arc::clone(shared), asked, saved };
    let thread = thread::Builder::new()
        .name("log-checkpoint".to_owned())
        .spawn(move || checkpointer.run())
        .map_err(io_error("start the checkpoint thread of", &shared.folder))?;
    Ok((Wake { thread: wake, every_bytes, asked_at }, thread))
}

struct Checkpointer {
    shared: Arc<Shared>,
    asked: Receiver<()>,
    saved: Option<Mark>,
}

impl Checkpointer {
    fn run(mut self) {
        while self.asked.recv().is_ok() {
            self.save();
        }
        self.save();
    }

    fn save(&mut self) {
        // A writer that panicked may have left the index half changed.
        if self.shared.is_poisoned() || self.saved == Some(self.shared.view().end) {
            return;
        }
        match checkpoint::save(&self.shared) {
            Ok(mark) => self.saved = Some(mark),
            Err(error) => {
                tracing::warn!(%error, "no checkpoint was made; opening the log will take longer");
            }
        }
    }
}
