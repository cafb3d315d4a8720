//! What callers hold of a cell.

use std::fmt;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::letter::Letter;
use crate::message::Outcome;
use crate::shared::{Shared, Status};
use crate::{AskError, Lost, Message, Process, Receive, SendError};

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
        self.shared.status() == Status::Up
    }

    /// The number of messages queued.
    pub fn depth(&self) -> usize {
        self.shared.depth()
    }

    /// Sends a message and asks for no answer; never waits.
    ///
    /// `Ok` says that it is queued, not that it will be handled: the cell may stop first.
    pub fn tell<M>(&self, message: M) -> Result<(), SendError<M>>
    where
        P: Receive<M>,
        M: Message,
    {
        if self.shared.status() >= Status::Retired {
            return Err(SendError::Stopped(message));
        }
        if !self.shared.room().try_take() {
            return Err(SendError::Full(message));
        }
        self.post(Letter::tell(message));
        Ok(())
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
        if self.shared.status() >= Status::Retired {
            return Err(AskError::NotDelivered(message));
        }
        if self.shared.room().wait().await.is_err() {
            return Err(AskError::NotDelivered(message));
        }
        let (letter, answer) = Letter::ask(message);
        self.post(letter);
        outcome(answer).await
    }

    /// As [`Handle::ask`], but a full mailbox is an error at once.
    pub async fn try_ask<M>(&self, message: M) -> Result<M::Reply, AskError<M>>
    where
        P: Receive<M>,
        M: Message,
    {
        if self.shared.status() >= Status::Retired {
            return Err(AskError::NotDelivered(message));
        }
        if !self.shared.room().try_take() {
            return Err(AskError::Full(message));
        }
        let (letter, answer) = Letter::ask(message);
        self.post(letter);
        outcome(answer).await
    }

    /// Puts a letter into the mailbox. A mailbox that has closed meanwhile drops it, which sends
    /// an ask's message back.
    fn post<M>(&self, letter: Letter<M>)
    where
        P: Receive<M>,
        M: Message,
    {
        if let Some(addr) = self.shared.addr() {
            addr.do_send(letter);
        }
    }
}

async fn outcome<M: Message>(
    answer: oneshot::Receiver<Outcome<M::Reply>>,
) -> Result<M::Reply, AskError<M>> {
    match answer.await {
        Ok(Outcome::Answered(reply)) => Ok(reply),
        Ok(Outcome::Returned(message)) => match message.downcast::<M>() {
            Ok(message) => Err(AskError::NotDelivered(*message)),
            Err(_) => Err(AskError::Lost(Lost::Unanswered)),
        },
        Ok(Outcome::Lost(lost)) => Err(AskError::Lost(lost)),
        Err(_dropped) => Err(AskError::Lost(Lost::Unanswered)),
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
            .field("status", &self.shared.status())
            .field("depth", &self.depth())
            .finish()
    }
}
