//! How a log fails.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use uuid::Uuid;

use crate::{Action, EntryId, Topic};

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
    /// The server of the log cannot be reached, or does not serve yet: nothing was written, and it
    /// may be tried again.
    #[error("the store at {address} is away: {reason}")]
    Away {
        /// The server.
        address: Arc<str>,
        /// What was last heard of it.
        reason: Arc<str>,
    },
    /// The server of the log was asked and did not answer in time; what was asked may be done.
    #[error("the store at {address} gave no answer: {reason}")]
    Unanswered {
        /// The server.
        address: Arc<str>,
        /// What happened in place of an answer.
        reason: Arc<str>,
    },
    /// The server of the log answered that it does not do what it was asked: nothing was written.
    #[error("the store refuses: {0}")]
    Refused(Arc<str>),
    /// The log no longer holds entries that it had acknowledged, as after a failover or with an older
    /// copy of its files; whoever has seen them knows more than the log.
    #[error("the log has lost {}", Losses(.0))]
    Lost(Arc<[Loss]>),
}

/// An entry that the log no longer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Its topic.
    pub topic: Topic,
    /// Its stream.
    pub action: Action,
    /// Where it stood.
    pub id: EntryId,
    /// The event that it held.
    pub event_id: Uuid,
}

/// How many of the lost entries an error names.
const NAMED_LOSSES: usize = 20;

struct Losses<'a>(&'a [Loss]);

impl fmt::Display for Losses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries that it had acknowledged:", self.0.len())?;
        for Loss { topic, action, id, event_id } in self.0.iter().take(NAMED_LOSSES) {
            write!(f, " {topic}_{} {id} (event {event_id})", action.name())?;
        }
        match self.0.len().checked_sub(NAMED_LOSSES) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, " and {more} more"),
        }
    }
}

impl LogError {
    /// Whether the append that got this error may have been committed all the same.
    pub const fn leaves_outcome_open(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Io { .. } | Self::Unanswered { .. })
    }

    /// Whether it is the server's state and not the question's: the same may be asked again, and
    /// whoever asked did nothing wrong.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Unanswered { .. } | Self::Lost(_))
    }

    /// Whether the server is away or silent for now, and nothing is known to be wrong with the log.
    pub const fn is_absence(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Unanswered { .. })
    }

    /// Whether the log does nothing more until it is opened again, so that trying again is in vain.
    pub const fn ends_the_log(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Io { .. } | Self::Closed | Self::Corrupt { .. })
    }
}
