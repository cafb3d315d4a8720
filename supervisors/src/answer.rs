//! The wait for the answer to an ask.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::futures::OwnedNotified;
use tokio::sync::oneshot;

use crate::letter::Taken;
use crate::message::Outcome;
use crate::shared::Shared;
use crate::{AskError, ExitReason, Lost, Message, Process};

/// Waits for the answer to an ask.
///
/// Whoever asks from the thread of the cell needs nothing but the channel. From another thread it
/// must learn, too, that the thread of the cell was abandoned with the letter in its hands.
pub(crate) struct Answer<'a, P: Process, M: Message> {
    shared: &'a Shared<P>,
    channel: oneshot::Receiver<Outcome<M::Reply>>,
    /// Who took the letter out; unknown when it was not written for that.
    taken: Option<Arc<Taken>>,
    epoch: u32,
    deposed: Option<Pin<Box<OwnedNotified>>>,
}

impl<'a, P: Process, M: Message> Answer<'a, P, M> {
    pub(crate) fn new(
        shared: &'a Shared<P>,
        channel: oneshot::Receiver<Outcome<M::Reply>>,
        taken: Option<Arc<Taken>>,
        epoch: u32,
    ) -> Self {
        Self { shared, channel, taken, epoch, deposed: None }
    }

    /// Whether the cell was deposed while it had the letter.
    fn is_abandoned(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let deposed = self
                .deposed
                .get_or_insert_with(|| Box::pin(self.shared.mailbox.deposed().notified_owned()));
            // Registered first, then compared: a change in between is not missed.
            let notified = deposed.as_mut().poll(cx).is_ready();
            let Some(epoch) = self.shared.mailbox.epoch_after(self.epoch) else {
                if notified {
                    self.deposed = None;
                    continue;
                }
                return false;
            };
            let Some(taken) = &self.taken else { return true };
            match taken.epoch() {
                Some(by) if by < epoch => return true,
                // Still in the mailbox, or with a cell that has the place since.
                Some(_) | None => self.epoch = epoch,
            }
            self.deposed = None;
        }
    }
}

impl<P: Process, M: Message> Future for Answer<'_, P, M> {
    type Output = Result<M::Reply, AskError<M>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match Pin::new(&mut self.channel).poll(cx) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                if !self.shared.is_here() && self.is_abandoned(cx) {
                    return Poll::Ready(Err(AskError::Lost(Lost::Exited(ExitReason::Blocked))));
                }
                return Poll::Pending;
            }
        };
        Poll::Ready(match outcome {
            Ok(Outcome::Answered(reply)) => Ok(reply),
            Ok(Outcome::Returned(message)) => match message.downcast::<M>() {
                Ok(message) => Err(AskError::NotDelivered(*message)),
                Err(_) => Err(AskError::Lost(Lost::Unanswered)),
            },
            Ok(Outcome::Lost(lost)) => Err(AskError::Lost(lost)),
            Err(_dropped) => Err(AskError::Lost(Lost::Unanswered)),
        })
    }
}
