//! The envelope of a message in a cell's mailbox.

use tokio::sync::oneshot;

use crate::contain;
use crate::message::{Message, Outcome, ReplyTo};

/// A message on its way to a process; dropped unhandled, it sends the message back to its asker.
pub(crate) struct Letter<M: Message> {
    message: Option<M>,
    asker: Option<oneshot::Sender<Outcome<M::Reply>>>,
}

impl<M: Message> Letter<M> {
    pub(crate) fn tell(message: M) -> Self {
        Self { message: Some(message), asker: None }
    }

    pub(crate) fn ask(message: M) -> (Self, oneshot::Receiver<Outcome<M::Reply>>) {
        let (asker, answer) = oneshot::channel();
        (Self { message: Some(message), asker: Some(asker) }, answer)
    }

    /// Takes it out of its envelope: from here on it is in flight.
    pub(crate) fn open(mut self) -> Option<(M, ReplyTo<M::Reply>)> {
        Some((self.message.take()?, ReplyTo::new(self.asker.take())))
    }
}

impl<M: Message> actix::Message for Letter<M> {
    type Result = ();
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
