//! The grip of a supervisor on a cell.

use std::sync::Arc;

use actix_rt::ArbiterHandle;
use futures_util::future::LocalBoxFuture;

use crate::cell::{self, Timing};
use crate::child::{self, Child, Event, Watch};
use crate::introspect::Look;
use crate::shared::Shared;
use crate::word::{Status, Word};
use crate::{Birth, Failure, Process, Restart, Shutdown};

/// Makes the processes of one cell, on whichever arbiter it lives.
type SharedFactory<P> =
    Arc<dyn Fn(Birth<P>) -> LocalBoxFuture<'static, Result<P, Failure>> + Send + Sync>;

/// A supervisor's grip on a cell; dropped, it closes the cell.
pub(crate) struct CellChild<P: Process> {
    pub(crate) shared: Arc<Shared<P>>,
    pub(crate) restart: Restart,
    pub(crate) significant: bool,
    pub(crate) timing: Timing,
    pub(crate) factory: SharedFactory<P>,
}

impl<P: Process> CellChild<P> {
    /// Puts the cell of that epoch on an arbiter.
    pub(crate) fn launch(&self, arbiter: &ArbiterHandle, epoch: u32) {
        let factory = Arc::clone(&self.factory);
        cell::launch(arbiter, &self.shared, epoch, self.timing, move || {
            Box::new(move |birth| factory(birth))
        });
    }
}

impl<P: Process> Child for CellChild<P> {
    fn name(&self) -> &str {
        self.shared.name()
    }

    fn restart(&self) -> Restart {
        self.restart
    }

    fn significant(&self) -> bool {
        self.significant
    }

    fn shutdown(&self) -> Shutdown {
        self.timing.shutdown
    }

    fn attach(&mut self, _path: &str, watch: Box<dyn Watch>) {
        self.shared.set_watch(watch);
    }

    fn start(&self) {
        if self.shared.mailbox.status() == Status::Closed {
            self.shared.report(Event::Exited { incarnation: 0, reason: child::no_arbiter() });
        } else {
            self.shared.mailbox.reopen();
            self.shared.mailbox.say(Word::Start);
        }
    }

    fn stop(&self) {
        self.shared.mailbox.say(child::stop_word(self.timing.shutdown));
    }

    fn retire(&self) {
        self.shared.retire();
    }

    fn close(&self) {
        self.shared.close();
    }

    fn look(&self) -> Look {
        Look::Process { depth: self.shared.mailbox.depth() }
    }
}

impl<P: Process> Drop for CellChild<P> {
    fn drop(&mut self) {
        self.shared.close();
    }
}
