//! What a process can do while it handles something.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt};

use crate::monitor;
use crate::shared::Shared;
use crate::work::{Hold, Then, Work};
use crate::{Down, Failure, Handle, Process};

/// What a process can do while it handles something.
///
/// Futures and timers belong to the incarnation: they run on its arbiter, a panic in one of them
/// is a panic of the process, and they are cancelled when it ends.
pub struct Context<'a, P: Process> {
    shared: &'a Arc<Shared<P>>,
    work: &'a mut Work<P>,
    incarnation: u64,
}

impl<'a, P: Process> Context<'a, P> {
    pub(crate) fn new(shared: &'a Arc<Shared<P>>, work: &'a mut Work<P>, incarnation: u64) -> Self {
        Self { shared, work, incarnation }
    }

    /// A handle to this cell.
    pub fn handle(&self) -> Handle<P> {
        Handle::new(Arc::clone(self.shared))
    }

    /// The number of this incarnation, from 1.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// The number of messages behind the present one: queued, or waiting for room in the mailbox.
    ///
    /// At 0 nobody wants anything of this process, and it may well [stop](Context::stop).
    pub fn depth(&self) -> usize {
        self.shared.mailbox.wanted()
    }

    /// Runs a future beside the mailbox, and `then` with its output.
    pub fn spawn<F, T>(
        &mut self,
        future: F,
        then: impl FnOnce(&mut P, T, &mut Context<'_, P>) -> Result<(), Failure> + 'static,
    ) where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        self.push(Hold::Nothing, future, then);
    }

    /// As [`Context::spawn`], but the mailbox is not read until it is done.
    ///
    /// Other futures and timers of the process go on meanwhile.
    pub fn pause<F, T>(
        &mut self,
        future: F,
        then: impl FnOnce(&mut P, T, &mut Context<'_, P>) -> Result<(), Failure> + 'static,
    ) where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        self.push(Hold::Mailbox, future, then);
    }

    /// Runs `then` after a while.
    pub fn after(
        &mut self,
        delay: Duration,
        then: impl FnOnce(&mut P, &mut Context<'_, P>) -> Result<(), Failure> + 'static,
    ) {
        self.push(Hold::Nothing, tokio::time::sleep(delay), |process, (), ctx| then(process, ctx));
    }

    /// Runs `then` again and again, with that much time between one end and the next begin.
    pub fn every(
        &mut self,
        period: Duration,
        mut then: impl FnMut(&mut P, &mut Context<'_, P>) -> Result<(), Failure> + 'static,
    ) {
        self.after(period, move |process, ctx| {
            then(process, ctx)?;
            ctx.every(period, then);
            Ok(())
        });
    }

    /// Runs `then` with each item of a stream, and at its end with none.
    ///
    /// The next item is asked for when `then` has returned, so that a fast stream waits for the
    /// process; messages are handled in between.
    pub fn stream<S>(
        &mut self,
        stream: S,
        then: impl FnMut(&mut P, Option<S::Item>, &mut Context<'_, P>) -> Result<(), Failure> + 'static,
    ) where
        S: Stream + 'static,
    {
        self.next_item(Box::pin(stream), then);
    }

    fn next_item<S>(
        &mut self,
        mut stream: Pin<Box<S>>,
        mut then: impl FnMut(&mut P, Option<S::Item>, &mut Context<'_, P>) -> Result<(), Failure>
        + 'static,
    ) where
        S: Stream + 'static,
    {
        let next = async move {
            let item = stream.next().await;
            (item, stream)
        };
        self.spawn(next, move |process, (item, stream), ctx| {
            let goes_on = item.is_some();
            then(process, item, ctx)?;
            if goes_on {
                ctx.next_item(stream, then);
            }
            Ok(())
        });
    }

    /// Runs `then`, once, when the incarnation of another cell that is up now has ended; at once if
    /// none is.
    pub fn monitor<Q: Process>(
        &mut self,
        other: &Handle<Q>,
        then: impl FnOnce(&mut P, Down, &mut Context<'_, P>) -> Result<(), Failure> + 'static,
    ) {
        self.spawn(other.monitor(), then);
    }

    /// Ties the fates of two processes together, as Erlang's `link` does: when the present
    /// incarnation of one ends abnormally, that of the other fails with [`LinkBroken`], before its
    /// next message. Linked to a cell whose process is not up, this one fails at once.
    ///
    /// [`LinkBroken`]: crate::LinkBroken
    pub fn link<Q: Process>(&mut self, other: &Handle<Q>) {
        monitor::link(other.shared(), self.shared, self.incarnation);
        let theirs = other.shared().mailbox.incarnation();
        monitor::link(self.shared, other.shared(), theirs);
    }

    /// Ends this incarnation normally, once the present handler has returned.
    ///
    /// No further message is read; see [`Process::stopping`] for what is still finished.
    pub fn stop(&mut self) {
        self.work.ask_stop();
    }

    fn push<F, T>(
        &mut self,
        hold: Hold,
        future: F,
        then: impl FnOnce(&mut P, T, &mut Context<'_, P>) -> Result<(), Failure> + 'static,
    ) where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        let task = async move {
            let output = future.await;
            Box::new(move |process: &mut P, ctx: &mut Context<'_, P>| then(process, output, ctx))
                as Then<P>
        };
        self.work.push(hold, Box::pin(task));
    }
}

impl<P: Process> std::fmt::Debug for Context<'_, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("name", self.shared.name())
            .field("incarnation", &self.incarnation)
            .finish()
    }
}
