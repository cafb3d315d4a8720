//! The futures and timers of one incarnation.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::{Context, Failure, Process, contain};

/// What a finished future does with the process.
pub(crate) type Then<P> = Box<dyn FnOnce(&mut P, &mut Context<'_, P>) -> Result<(), Failure>>;

/// Whether a future holds something up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nothing: it is cancelled when the incarnation ends.
    Nothing,
    /// The mailbox, and the end of a stop in good order.
    Mailbox,
    /// The end of a stop in good order.
    Stop,
}

/// One future of an incarnation.
struct Task<P: Process> {
    future: Option<Pin<Box<dyn Future<Output = Then<P>>>>>,
    hold: Hold,
}

impl<P: Process> Future for Task<P> {
    type Output = (Hold, Then<P>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let hold = self.hold;
        match &mut self.future {
            Some(future) => future.as_mut().poll(cx).map(|then| (hold, then)),
            None => Poll::Pending,
        }
    }
}

impl<P: Process> Drop for Task<P> {
    /// A panic here must not keep the set from dropping the others.
    fn drop(&mut self) {
        contain::discard(self.future.take());
    }
}

/// The futures and timers of one incarnation, dropped with it.
pub(crate) struct Work<P: Process> {
    /// Made at the first use: many processes never have any.
    tasks: Option<Box<FuturesUnordered<Task<P>>>>,
    mailbox_holds: u32,
    stop_holds: u32,
    stop_asked: bool,
    stopping: bool,
    /// What is handed over now comes of [`Process::stopping`], and holds up the stop.
    inherits: bool,
}

impl<P: Process> Work<P> {
    pub(crate) fn new() -> Self {
        Self {
            tasks: None,
            mailbox_holds: 0,
            stop_holds: 0,
            stop_asked: false,
            stopping: false,
            inherits: false,
        }
    }

    /// Takes up a future.
    pub(crate) fn push(&mut self, hold: Hold, future: Pin<Box<dyn Future<Output = Then<P>>>>) {
        let hold = if self.inherits && hold == Hold::Nothing { Hold::Stop } else { hold };
        match hold {
            Hold::Nothing => {}
            Hold::Mailbox => self.mailbox_holds += 1,
            Hold::Stop => self.stop_holds += 1,
        }
        self.tasks.get_or_insert_with(Box::default).push(Task { future: Some(future), hold });
    }

    /// Whether there never was a future.
    pub(crate) fn is_idle(&self) -> bool {
        self.tasks.is_none()
    }

    /// The next future that is finished. It holds what it holds until [`Work::leave`].
    pub(crate) fn poll_next(&mut self, cx: &mut TaskContext<'_>) -> Poll<(Hold, Then<P>)> {
        match self.tasks.as_mut().map(|tasks| tasks.poll_next_unpin(cx)) {
            Some(Poll::Ready(Some(done))) => Poll::Ready(done),
            Some(Poll::Ready(None) | Poll::Pending) | None => Poll::Pending,
        }
    }

    /// Before the continuation of a finished future: what it hands over while the process is
    /// stopping holds up the stop if it did itself.
    pub(crate) fn enter(&mut self, hold: Hold) {
        self.inherits = self.stopping && hold != Hold::Nothing;
    }

    /// After the continuation: takes away what the future held up. Not before, so that one that
    /// pauses again leaves no gap in which a message could be read.
    pub(crate) fn leave(&mut self, hold: Hold) {
        self.inherits = false;
        match hold {
            Hold::Nothing => {}
            Hold::Mailbox => self.mailbox_holds -= 1,
            Hold::Stop => self.stop_holds -= 1,
        }
    }

    pub(crate) fn ask_stop(&mut self) {
        self.stop_asked = true;
    }

    pub(crate) fn stop_asked(&self) -> bool {
        self.stop_asked
    }

    /// Before [`Process::stopping`]; after it comes a [`Work::leave`].
    pub(crate) fn enter_stopping(&mut self) {
        self.stopping = true;
        self.inherits = true;
    }

    pub(crate) fn holds_mailbox(&self) -> bool {
        self.mailbox_holds > 0
    }

    pub(crate) fn holds_stop(&self) -> bool {
        self.mailbox_holds > 0 || self.stop_holds > 0
    }
}
