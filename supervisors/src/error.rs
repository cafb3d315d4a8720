//! What can go wrong for callers, and at the start of a tree.

use std::error::Error;
use std::fmt;

use crate::{ExitReason, Failure, Lost};

/// Why a tell was not taken; the message comes back.
pub enum SendError<M> {
    /// The mailbox is full.
    Full(M),
    /// The cell has stopped and does not come back by itself.
    Stopped(M),
}

impl<M> SendError<M> {
    /// The message that was not taken.
    pub fn into_message(self) -> M {
        match self {
            Self::Full(message) | Self::Stopped(message) => message,
        }
    }

    /// The same error without the message.
    pub fn into_failure(self) -> AskFailure {
        self.into()
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Stopped(_) => "Stopped(..)",
        })
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the mailbox is full",
            Self::Stopped(_) => "the actor has stopped",
        })
    }
}

impl<M> Error for SendError<M> {}

/// Why an ask has no answer.
///
/// Only [`AskError::Lost`] leaves the outcome open; all others hand the message back unhandled.
pub enum AskError<M> {
    /// The mailbox is full, or a dynamic supervisor has all the children it may have.
    Full(M),
    /// The cell stopped before it handled the message, which is safe to send elsewhere.
    NotDelivered(M),
    /// The message was in flight when its incarnation ended, or its reply was dropped: it may or
    /// may not have had its effect.
    Lost(Lost),
    /// The child failed too often and is cooling down.
    Unavailable(M),
}

impl<M> AskError<M> {
    /// The message, unless its outcome is unknown.
    pub fn into_message(self) -> Option<M> {
        match self {
            Self::Full(message) | Self::NotDelivered(message) | Self::Unavailable(message) => {
                Some(message)
            }
            Self::Lost(_) => None,
        }
    }

    /// The same error without the message.
    pub fn into_failure(self) -> AskFailure {
        self.into()
    }
}

impl<M> fmt::Debug for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("Full(..)"),
            Self::NotDelivered(_) => f.write_str("NotDelivered(..)"),
            Self::Lost(lost) => f.debug_tuple("Lost").field(lost).finish(),
            Self::Unavailable(_) => f.write_str("Unavailable(..)"),
        }
    }
}

impl<M> fmt::Display for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the mailbox is full"),
            Self::NotDelivered(_) => f.write_str("the actor stopped before it took the message"),
            Self::Lost(lost) => write!(f, "the answer is lost: {lost}"),
            Self::Unavailable(_) => f.write_str("the actor failed too often and is cooling down"),
        }
    }
}

impl<M> Error for AskError<M> {}

/// An [`AskError`] or a [`SendError`] without the message, for `?` and for logs.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskFailure {
    /// See [`AskError::Full`].
    #[error("the mailbox is full")]
    Full,
    /// See [`AskError::NotDelivered`].
    #[error("the actor stopped before it took the message")]
    NotDelivered,
    /// See [`AskError::Lost`].
    #[error("the answer is lost: {0}")]
    Lost(Lost),
    /// See [`AskError::Unavailable`].
    #[error("the actor failed too often and is cooling down")]
    Unavailable,
}

impl<M> From<AskError<M>> for AskFailure {
    fn from(error: AskError<M>) -> Self {
        match error {
            AskError::Full(_) => Self::Full,
            AskError::NotDelivered(_) => Self::NotDelivered,
            AskError::Lost(lost) => Self::Lost(lost),
            AskError::Unavailable(_) => Self::Unavailable,
        }
    }
}

impl<M> From<SendError<M>> for AskFailure {
    fn from(error: SendError<M>) -> Self {
        match error {
            SendError::Full(_) => Self::Full,
            SendError::Stopped(_) => Self::NotDelivered,
        }
    }
}

/// What is wrong with a tree's specification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// Two children of one supervisor bear the same name, so that neither could be told by it.
    #[error("{path}: two children have this name")]
    NameTaken {
        /// The names from the root down to the child, joined by `/`.
        path: String,
    },
    /// A permanent child never ends by itself, so it can't be significant.
    #[error("{path}: a permanent child cannot be significant")]
    SignificantPermanent {
        /// The names from the root down to the child, joined by `/`.
        path: String,
    },
    /// A significant child of a supervisor that never shuts itself down.
    #[error("{path}: significant, but its supervisor has no auto shutdown")]
    SignificantToNobody {
        /// The names from the root down to the child, joined by `/`.
        path: String,
    },
}

/// Why a tree did not start.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// This build aborts at the first panic, so that nothing could be supervised.
    #[error("built with panic = \"abort\": a panic could not be supervised")]
    PanicAborts,
    /// The specification makes no sense; nothing was started.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A child did not start; what had started before it was stopped.
    #[error("{path} {reason}")]
    Child {
        /// The names from the root down to the child, joined by `/`.
        path: String,
        /// What became of it.
        #[source]
        reason: ExitReason,
    },
    /// The tree was stopped, or its arbiter went away, before it was up.
    #[error("stopped before it was up")]
    Stopped,
}

impl StartError {
    /// The error of a child; one that comes from deeper down names its own path already.
    pub(crate) fn of_child(path: String, reason: ExitReason) -> Self {
        match reason.failure().and_then(Failure::downcast_ref::<Self>) {
            Some(inner) => inner.clone(),
            None => Self::Child { path, reason },
        }
    }
}

/// Nothing runs at the path that was named: there is no such thing, or it is down at this moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} is not running")]
pub struct NotRunning {
    /// The path.
    pub path: String,
}

/// Why a supervisor gave up.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{path} gave up: too many restarts, the last because {child} {reason}")]
pub struct TooManyRestarts {
    /// The path of the supervisor.
    pub path: String,
    /// The path of the child whose exit was one too many.
    pub child: String,
    /// Why that child ended.
    #[source]
    pub reason: ExitReason,
}

/// Why a tree failed over a handler that blocks its thread.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "{path} blocks {arbiter}: the supervisors' own thread, or one too many; {abandoned} are abandoned"
)]
pub struct TooManyBlocked {
    /// The path of the process.
    pub path: String,
    /// The name of the arbiter's thread.
    pub arbiter: String,
    /// How many threads were abandoned, with this one.
    pub abandoned: usize,
}
