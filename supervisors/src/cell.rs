//! The cell: an actix actor that holds one incarnation of a process after another.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use actix::{Actor, ActorContext, ActorState};
use actix_rt::ArbiterHandle;
use futures_util::future::LocalBoxFuture;

use crate::census::Counted;
use crate::child::Event;
use crate::contain::Orphans;
use crate::life::Life;
use crate::pulse::Pulse;
use crate::shared::Shared;
use crate::work::Work;
use crate::{Birth, ExitReason, Failure, Process, Shutdown};

/// Where the processes of a cell come from; shared by the cells that follow each other when a thread
/// is abandoned.
pub(crate) trait Origin<P: Process>: Send + Sync {
    /// Begins to make a process, on the arbiter of the cell.
    fn make(&self, birth: Birth<P>) -> LocalBoxFuture<'static, Result<P, Failure>>;

    /// The time limits of the cell.
    fn timing(&self) -> Timing;
}

/// The time limits of a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) start: Duration,
    pub(crate) shutdown: Shutdown,
}

/// Puts a cell on its arbiter, where it waits for its first word.
pub(crate) fn launch<P: Process>(
    arbiter: &ArbiterHandle,
    shared: &Arc<Shared<P>>,
    epoch: u32,
    origin: Arc<dyn Origin<P>>,
) {
    let seed = Seed { shared: Some(Arc::clone(shared)), epoch };
    // An arbiter that is gone drops the seed.
    let _ = arbiter.spawn_fn(move || {
        let shared = seed.grow();
        let pulse = Pulse::here();
        let counted = Counted::new("cell", shared.name());
        shared.arrive(epoch, &pulse);
        let cell = Cell {
            shared,
            epoch,
            pulse,
            origin,
            life: Life::Idle,
            work: Work::new(),
            incarnation: 0,
            closing: false,
            _counted: counted,
        };
        actix_rt::spawn(Driver { cell, context: Lifecycle(ActorState::Started) });
    });
}

/// A cell that has not come to its arbiter yet; lost on the way, it is closed.
struct Seed<P: Process> {
    shared: Option<Arc<Shared<P>>>,
    epoch: u32,
}

impl<P: Process> Seed<P> {
    fn grow(mut self) -> Arc<Shared<P>> {
        self.shared.take().expect("a seed is emptied only here and when dropped")
    }
}

impl<P: Process> Drop for Seed<P> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take()
            && shared.mailbox.is_epoch(self.epoch)
        {
            shared.close();
            shared.report(Event::Gone);
        }
    }
}

/// The actix actor that holds one incarnation of a process after another.
pub(crate) struct Cell<P: Process> {
    pub(crate) shared: Arc<Shared<P>>,
    /// The right to the mailbox: void when the thread was taken for blocked and abandoned.
    pub(crate) epoch: u32,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) origin: Arc<dyn Origin<P>>,
    pub(crate) life: Life<P>,
    pub(crate) work: Work<P>,
    pub(crate) incarnation: u64,
    /// The cell is to go away for good.
    pub(crate) closing: bool,
    _counted: Counted,
}

// A process is never pinned: its futures are boxed.
impl<P: Process> Unpin for Cell<P> {}

impl<P: Process> Cell<P> {
    /// Whether the mailbox may be read.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.life, Life::Up(_)) && !self.work.holds_mailbox() && !self.work.stop_asked()
    }
}

impl<P: Process> Actor for Cell<P> {
    type Context = Lifecycle;
}

impl<P: Process> Drop for Cell<P> {
    /// Reached when the cell is closed, and when its arbiter goes away under it.
    fn drop(&mut self) {
        if !self.shared.mailbox.is_epoch(self.epoch) {
            return;
        }
        self.close();
        if self.life.is_incarnate() {
            self.end(&ExitReason::Killed, Orphans::default());
        }
        self.shared.report(Event::Gone);
    }
}

/// The context of a cell. actix's own would bring a second mailbox, which nobody writes to, and
/// room for futures, which the cell holds itself: more than half of what an idle actor takes.
pub(crate) struct Lifecycle(ActorState);

impl ActorContext for Lifecycle {
    fn stop(&mut self) {
        self.0 = ActorState::Stopping;
    }

    fn terminate(&mut self) {
        self.0 = ActorState::Stopped;
    }

    fn state(&self) -> ActorState {
        self.0
    }
}

/// Gives the cell its turns, for as long as its actor lives.
struct Driver<P: Process> {
    cell: Cell<P>,
    context: Lifecycle,
}

impl<P: Process> Future for Driver<P> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let Self { cell, context } = self.get_mut();
        if context.state() == ActorState::Started {
            cell.started(context);
            context.0 = ActorState::Running;
        }
        let before = cell.pulse.enter(cell.shared.id());
        cell.drive(cx);
        cell.pulse.leave(before);
        if cell.closing {
            context.stop();
            cell.stopped(context);
            context.terminate();
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
