//! The envelope of a message in a cell's mailbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::oneshot;

use crate::contain;
use crate::message::{Message, Outcome, ReplyTo};
use crate::{Context, Failure, Process, Receive};

/// Which cell took a letter out of the mailbox. Each letter is taken out once.
#[derive(Debug, Default)]
pub(crate) struct Taken(AtomicU32);

impl Taken {
    fn mark(&self, epoch: u32) {
        self.0.store(epoch + 1, Ordering::Release);
    }

    /// The epoch of that cell; none while the letter is queued.
    pub(crate) fn epoch(&self) -> Option<u32> {
        self.0.load(Ordering::Acquire).checked_sub(1)
    }
}

/// A letter of whatever message.
pub(crate) trait Envelope<P: Process>: Send {
    /// Hands the message to the process: from here on it is in flight.
    fn open(self: Box<Self>, process: &mut P, ctx: &mut Context<'_, P>) -> Result<(), Failure>;

    /// The cell of that epoch took it out of the mailbox, which is locked meanwhile.
    fn mark_taken(&self, epoch: u32);
}

/// A message on its way to a process; dropped unhandled, it sends the message back to its asker.
pub(crate) struct Letter<M: Message> {
    message: Option<M>,
    asker: Option<oneshot::Sender<Outcome<M::Reply>>>,
    /// Tells an asker on another thread who has the message in flight.
    taken: Option<Arc<Taken>>,
}

impl<M: Message> Letter<M> {
    pub(crate) fn tell(message: M) -> Self {
        Self { message: Some(message), asker: None, taken: None }
    }

    pub(crate) fn ask(
        message: M,
        taken: Option<Arc<Taken>>,
    ) -> (Self, oneshot::Receiver<Outcome<M::Reply>>) {
        let (asker, answer) = oneshot::channel();
        (Self { message: Some(message), asker: Some(asker), taken }, answer)
    }

    /// The message, from a letter that was not sent.
    pub(crate) fn into_message(mut self) -> M {
        self.message.take().expect("only an opened letter is empty, and none is left of that")
    }
}

impl<P: Receive<M>, M: Message> Envelope<P> for Letter<M> {
    fn open(mut self: Box<Self>, process: &mut P, ctx: &mut Context<'_, P>) -> Result<(), Failure> {
        let Some(message) = self.message.take() else { return Ok(()) };
        let reply = ReplyTo::new(self.asker.take());
        drop(self);
        process.receive(message, reply, ctx)
    }

    fn mark_taken(&self, epoch: u32) {
        if let Some(taken) = &self.taken {
            taken.mark(epoch);
        }
    }
}

impl<M: Message> Drop for Letter<M> {
    fn drop(&mut self) {
        let Some(message) = self.message.take() else {
            return;
        };
        match self.asker.take() {
            Some(asker) => {
                if let Err(unwanted) = asker.send(Outcome::Returned(Box::new(message))) {
                    contain::discard(unwanted);
                }
            }
            None => contain::discard(message),
        }
    }
}
