//! Why an incarnation ended, and why an answer was lost.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::{Failure, Panic};

/// Why an incarnation ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExitReason {
    /// It ended itself with [`Context::stop`](crate::Context::stop).
    Normal,
    /// Its supervisor told it to stop.
    Shutdown,
    /// It was dropped without being asked: its shutdown time was over, it was to be killed, its
    /// arbiter went away, or somebody [wanted it so](crate::Tree::kill).
    Killed,
    /// It blocked its thread for too long, so that the thread was abandoned with it.
    Blocked,
    /// It returned an error; of a supervisor: it gave up.
    Failed(Arc<Failure>),
    /// It panicked, in a handler, a future or a timer.
    Panicked(Arc<Panic>),
    /// Its factory or [`Process::started`](crate::Process::started) failed or panicked.
    StartFailed(Arc<Failure>),
    /// Its factory took longer than the start timeout.
    StartTimedOut,
}

impl ExitReason {
    /// Whether a transient child is restarted after it.
    pub fn is_abnormal(&self) -> bool {
        !matches!(self, Self::Normal | Self::Shutdown)
    }

    /// Where it happened, as `file:line`: the panic, or where the [`Failure`] was made.
    pub fn place(&self) -> Option<Arc<str>> {
        match self {
            Self::Panicked(panic) => panic.place.clone(),
            Self::Failed(failure) | Self::StartFailed(failure) => Some(failure.place()),
            Self::Normal | Self::Shutdown | Self::Killed | Self::Blocked | Self::StartTimedOut => {
                None
            }
        }
    }

    /// The failure inside, where there is one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) | Self::StartFailed(failure) => Some(failure),
            Self::Normal
            | Self::Shutdown
            | Self::Killed
            | Self::Blocked
            | Self::Panicked(_)
            | Self::StartTimedOut => None,
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("ended normally"),
            Self::Shutdown => f.write_str("shut down"),
            Self::Killed => f.write_str("killed"),
            Self::Blocked => f.write_str("blocked its thread"),
            Self::Failed(failure) => write!(f, "failed: {failure}"),
            Self::Panicked(panic) => panic.fmt(f),
            Self::StartFailed(failure) => write!(f, "could not start: {failure}"),
            Self::StartTimedOut => f.write_str("could not start in time"),
        }
    }
}

impl Error for ExitReason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failure().and_then(Failure::source)
    }
}

/// Why an ask in flight got no answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Lost {
    /// The incarnation that held the [`ReplyTo`](crate::ReplyTo) ended.
    Exited(ExitReason),
    /// The [`ReplyTo`](crate::ReplyTo) was dropped without an answer, and not by an exit.
    Unanswered,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(reason) => write!(f, "its process {reason}"),
            Self::Unanswered => f.write_str("its process dropped it unanswered"),
        }
    }
}
