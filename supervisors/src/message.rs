//! Messages and the place where their answer goes.

use std::any::Any;
use std::fmt;

use tokio::sync::oneshot;

use crate::Lost;
use crate::contain::{self, Orphan};

/// Something a process receives.
pub trait Message: Send + 'static {
    /// What an ask is answered with; `()` for messages that are only told.
    type Reply: Send + 'static;
}

/// What becomes of an ask.
pub(crate) enum Outcome<R> {
    Answered(R),
    /// The message itself, boxed: this channel knows only the type of the reply.
    Returned(Box<dyn Any + Send>),
    Lost(Lost),
}

/// The place where the answer to an ask goes; for a tell it leads nowhere.
///
/// It may be kept, sent to another thread, or handed on inside a message. Dropped unanswered, the
/// asker gets [`AskError::Lost`](crate::AskError::Lost).
pub struct ReplyTo<R: Send + 'static> {
    asker: Option<oneshot::Sender<Outcome<R>>>,
}

impl<R: Send + 'static> ReplyTo<R> {
    pub(crate) fn new(asker: Option<oneshot::Sender<Outcome<R>>>) -> Self {
        Self { asker }
    }

    /// Answers; silently dropped when nobody waits any more.
    pub fn send(mut self, reply: R) {
        if let Some(asker) = self.asker.take()
            && let Err(unwanted) = asker.send(Outcome::Answered(reply))
        {
            contain::discard(unwanted);
        }
    }

    /// Whether an asker still waits.
    pub fn is_wanted(&self) -> bool {
        self.asker.as_ref().is_some_and(|asker| !asker.is_closed())
    }
}

impl<R: Send + 'static> Drop for ReplyTo<R> {
    fn drop(&mut self) {
        if let Some(asker) = self.asker.take() {
            contain::orphan(Box::new(asker));
        }
    }
}

impl<R: Send + 'static> Orphan for oneshot::Sender<Outcome<R>> {
    fn lose(self: Box<Self>, lost: Lost) {
        // The asker may be gone, and then there is nobody to tell.
        let _ = self.send(Outcome::Lost(lost));
    }
}

impl<R: Send + 'static> fmt::Debug for ReplyTo<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyTo").field("is_wanted", &self.is_wanted()).finish()
    }
}
