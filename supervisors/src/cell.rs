//! The cell: an actix actor that holds one incarnation of a process after another.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use actix::fut::ActorFuture;
use actix::{Actor, ActorContext, AsyncContext};
use actix_rt::ArbiterHandle;
use futures_util::future::LocalBoxFuture;

use crate::child::{self, Event};
use crate::contain::Orphans;
use crate::letter::Letter;
use crate::life::Life;
use crate::shared::Shared;
use crate::work::Work;
use crate::{Birth, ExitReason, Failure, Message, Process, Receive, Restart, Shutdown};

/// After so many messages in a row the cell lets its futures and the other actors of its arbiter
/// have a turn; actix itself reads a mailbox until it is empty.
const MESSAGES_IN_A_ROW: u32 = 64;

/// Makes the processes of one cell, on its arbiter.
pub(crate) type Factory<P> = Box<dyn Fn(Birth<P>) -> LocalBoxFuture<'static, Result<P, Failure>>>;

/// The time limits of a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) start: Duration,
    pub(crate) shutdown: Shutdown,
}

/// A supervisor's grip on a cell; dropped, it closes the cell.
pub(crate) struct CellChild<P: Process> {
    pub(crate) shared: Arc<Shared<P>>,
    pub(crate) restart: Restart,
    pub(crate) significant: bool,
    pub(crate) shutdown: Shutdown,
}

impl<P: Process> Drop for CellChild<P> {
    fn drop(&mut self) {
        child::close(&self.shared);
    }
}

/// Puts a cell on its arbiter, where it waits for its first word.
pub(crate) fn launch<P: Process>(
    arbiter: &ArbiterHandle,
    shared: &Arc<Shared<P>>,
    timing: Timing,
    factory: impl FnOnce() -> Factory<P> + Send + 'static,
) {
    let seed = Seed(Some(Arc::clone(shared)));
    let addr = Cell::start_in_arbiter(arbiter, move |actx| {
        let shared = seed.grow();
        shared.set_addr(actx.address());
        Cell {
            shared,
            factory: factory(),
            timing,
            life: Life::Idle,
            work: Work::new(),
            incarnation: 0,
            in_a_row: 0,
            waits: false,
            yields: false,
            closing: false,
        }
    });
    shared.set_addr(addr);
}

/// A cell that has not come to its arbiter yet; lost on the way, it is closed.
struct Seed<P: Process>(Option<Arc<Shared<P>>>);

impl<P: Process> Seed<P> {
    fn grow(mut self) -> Arc<Shared<P>> {
        self.0.take().expect("a seed is emptied only here and when dropped")
    }
}

impl<P: Process> Drop for Seed<P> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.close();
            shared.report(Event::Gone);
        }
    }
}

/// The actix actor that holds one incarnation of a process after another.
pub(crate) struct Cell<P: Process> {
    pub(crate) shared: Arc<Shared<P>>,
    pub(crate) factory: Factory<P>,
    pub(crate) timing: Timing,
    pub(crate) life: Life<P>,
    pub(crate) work: Work<P>,
    pub(crate) incarnation: u64,
    /// Messages handled since the futures had their last turn.
    pub(crate) in_a_row: u32,
    /// A [`Gate`] keeps actix from reading the mailbox.
    pub(crate) waits: bool,
    /// The gate stays closed until the next poll of the actor's task.
    pub(crate) yields: bool,
    /// The cell is to go away for good.
    pub(crate) closing: bool,
}

// A process is never pinned: its futures are boxed.
impl<P: Process> Unpin for Cell<P> {}

impl<P: Process> Cell<P> {
    /// Whether the mailbox may be read.
    fn is_open(&self) -> bool {
        match self.life {
            Life::Up(_) => !self.yields && !self.work.holds_mailbox() && !self.work.stop_asked(),
            Life::Retired => !self.yields,
            Life::Idle | Life::Resting(_) | Life::Starting { .. } | Life::Stopping { .. } => false,
        }
    }

    /// Tells actix what has changed: that the actor ends, or that the mailbox is not to be read.
    fn settle(&mut self, actx: &mut actix::Context<Self>) {
        if self.closing {
            actx.stop();
            return;
        }
        if self.in_a_row >= MESSAGES_IN_A_ROW {
            self.in_a_row = 0;
            self.yields = true;
        }
        if !self.waits && (!self.is_open() || self.shared.has_word()) {
            self.waits = true;
            actx.wait(Gate);
        }
    }
}

impl<P: Process> Actor for Cell<P> {
    type Context = actix::Context<Self>;

    fn started(&mut self, actx: &mut Self::Context) {
        actx.spawn(Driver);
        self.settle(actx);
    }
}

impl<P: Process> Drop for Cell<P> {
    /// Reached when the cell is closed, and when its arbiter goes away under it.
    fn drop(&mut self) {
        self.close();
        if self.life.is_incarnate() {
            self.end(&ExitReason::Killed, Orphans::default());
        }
        self.shared.report(Event::Gone);
    }
}

impl<P: Receive<M>, M: Message> actix::Handler<Letter<M>> for Cell<P> {
    type Result = ();

    fn handle(&mut self, letter: Letter<M>, actx: &mut Self::Context) {
        self.shared.room().give_back();
        self.in_a_row += 1;
        // Without a process the letter is dropped here, and sends its message back.
        if matches!(self.life, Life::Up(_))
            && let Some((message, reply)) = letter.open()
        {
            self.step(|process, ctx| process.receive(message, reply, ctx));
        }
        self.settle(actx);
    }
}

/// Gives the cell its turns while the mailbox is read.
struct Driver;

impl<P: Process> ActorFuture<Cell<P>> for Driver {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        cell: &mut Cell<P>,
        actx: &mut actix::Context<Cell<P>>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<()> {
        cell.drive(cx);
        cell.settle(actx);
        Poll::Pending
    }
}

/// Keeps the mailbox from being read, and gives the cell its turns meanwhile.
struct Gate;

impl<P: Process> ActorFuture<Cell<P>> for Gate {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        cell: &mut Cell<P>,
        actx: &mut actix::Context<Cell<P>>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<()> {
        cell.drive(cx);
        if cell.closing {
            actx.stop();
            return Poll::Ready(());
        }
        if cell.yields {
            cell.yields = false;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if cell.is_open() {
            cell.waits = false;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
