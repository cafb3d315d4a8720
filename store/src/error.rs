//! How a log fails.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// A log that could not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// Another process has the log open.
    #[error("{path} is in use by another process", path = .0.display())]
    Locked(PathBuf),
    /// A record does not hold what was written, although a good one stands behind it.
    #[error("{path} is corrupt at byte {offset}: {reason}", path = .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in the file the bad record begins, in bytes.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The log was written by a program that knows more than this one.
    #[error("{path} is of an unknown kind: {reason}", path = .path.display())]
    Unknown {
        /// The file or folder.
        path: PathBuf,
        /// What this program does not know.
        reason: String,
    },
    /// The operating system refused.
    #[error("cannot {doing} {path}: {source}", path = .path.display())]
    Io {
        /// What was being done, as in "cannot {doing} {path}".
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Arc<io::Error>,
    },
    /// There was no room: nothing of the append was written, and it may be tried again.
    #[error("the log has no room: {0}")]
    Full(String),
    /// A write failed in a way that leaves open what of it is durable; the log takes no more
    /// writes until it is opened again.
    #[error("the log failed, and takes no more writes: {0}")]
    Failed(String),
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
}

impl LogError {
    /// Whether the append that got this error may have been committed all the same.
    pub const fn leaves_outcome_open(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Io { .. })
    }
}
