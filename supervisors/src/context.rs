//! What a process can do while it handles something.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::shared::Shared;
use crate::work::{Hold, Then, Work};
use crate::{Failure, Handle, Process};

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
