//! What callers hold of a cell.

use std::fmt;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::letter::{Letter, Taken};
use crate::mailbox::Refused;
use crate::monitor::{Monitor, Told};
use crate::shared::Shared;
use crate::word::Status;
use crate::{AskError, Message, Process, Receive, SendError};

/// Sends messages to a cell; cheap to clone, and outlives every incarnation.
pub struct Handle<P: Process> {
    shared: Arc<Shared<P>>,
}

impl<P: Process> Handle<P> {
    pub(crate) fn new(shared: Arc<Shared<P>>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<P>> {
        &self.shared
    }

    /// The cell's name.
    pub fn name(&self) -> &str {
        self.shared.name()
    }

    /// Whether an incarnation is up at this moment.
    pub fn is_running(&self) -> bool {
        self.shared.mailbox.status() == Status::Up
    }

    /// The number of messages queued.
    pub fn depth(&self) -> usize {
        self.shared.mailbox.depth()
    }

    /// Sends a message and asks for no answer; never waits.
    ///
    /// `Ok` says that it is queued, not that it will be handled: the cell may stop first.
    pub fn tell<M>(&self, message: M) -> Result<(), SendError<M>>
    where
        P: Receive<M>,
        M: Message,
    {
        match self.shared.mailbox.post(Letter::tell(message)) {
            Ok(_) => Ok(()),
            Err(Refused::Full(letter)) => Err(SendError::Full(letter.into_message())),
            Err(Refused::Stopped(letter)) => Err(SendError::Stopped(letter.into_message())),
        }
    }

    /// Sends a message, waiting for room in the mailbox, and waits for the answer.
    ///
    /// It ends with an answer or an error, whatever becomes of the cell. There is no time limit:
    /// wrap it in a timeout where one is wanted. Dropping the future gives up the answer; the
    /// message, once queued, is still handled.
    pub async fn ask<M>(&self, message: M) -> Result<M::Reply, AskError<M>>
    where
        P: Receive<M>,
        M: Message,
    {
        let taken = self.taken();
        let (letter, channel) = Letter::ask(message, taken.clone());
        match self.shared.mailbox.post_waiting(letter).await {
            Ok(epoch) => Answer::new(&self.shared, channel, taken, epoch).await,
            Err(letter) => Err(AskError::NotDelivered(letter.into_message())),
        }
    }

    /// As [`Handle::ask`], but a full mailbox is an error at once.
    pub async fn try_ask<M>(&self, message: M) -> Result<M::Reply, AskError<M>>
    where
        P: Receive<M>,
        M: Message,
    {
        let taken = self.taken();
        let (letter, channel) = Letter::ask(message, taken.clone());
        match self.shared.mailbox.post(letter) {
            Ok(epoch) => Answer::new(&self.shared, channel, taken, epoch).await,
            Err(Refused::Full(letter)) => Err(AskError::Full(letter.into_message())),
            Err(Refused::Stopped(letter)) => Err(AskError::NotDelivered(letter.into_message())),
        }
    }

    /// Tells, once, how the incarnation that is up now ends; at once if none is.
    pub fn monitor(&self) -> Monitor {
        let (sender, told) = oneshot::channel();
        let up = self.shared.mailbox.monitor(Told::Channel(sender)).is_ok();
        Monitor(up.then_some(told))
    }

    /// Where an asker on another thread learns who took its letter out.
    fn taken(&self) -> Option<Arc<Taken>> {
        (!self.shared.is_here()).then(Arc::default)
    }
}

impl<P: Process> Clone for Handle<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<P: Process> fmt::Debug for Handle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("name", &self.name())
            .field("status", &self.shared.mailbox.status())
            .field("depth", &self.depth())
            .finish()
    }
}
