//! How the incarnations of a cell begin, go on and end.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use futures_util::future::LocalBoxFuture;
use tokio::time::{Sleep, sleep};

use crate::cell::Cell;
use crate::child::{Event, Next};
use crate::contain::{self, Orphans, contained};
use crate::mailbox::Turn;
use crate::monitor::Down;
use crate::word::{Status, Word};
use crate::work::{Hold, Work};
use crate::{Birth, Context, ExitReason, Failure, Handle, Panic, Process, Shutdown};

/// After so many steps in a row (finished futures, changes of state) the other actors of the
/// arbiter have a turn.
const STEPS_IN_A_ROW: u32 = 64;

/// After so many messages in a row the cell lets its futures and the other actors of its arbiter
/// have a turn.
const MESSAGES_IN_A_ROW: u32 = 64;

type Timer = Pin<Box<Sleep>>;

/// The state of a cell.
pub(crate) enum Life<P> {
    /// Waits for a word.
    Idle,
    /// Waits for the time to begin anew, if it is to wait at all: no timer is as quick as none.
    Resting(Option<Timer>),
    /// The factory is at work. The limit is set when there is something to wait for.
    Starting { process: LocalBoxFuture<'static, Result<P, Failure>>, limit: Option<Timer> },
    /// An incarnation is up.
    Up(P),
    /// First its pauses finish; then it is told, and what [`Process::stopping`] began finishes.
    Stopping(P, Box<Stop>),
}

/// A stop that goes on; boxed, since a cell has room for it all its life.
pub(crate) struct Stop {
    reason: ExitReason,
    /// Whether the process was told.
    told: bool,
    /// Set when there is something to wait for.
    limit: Option<Timer>,
}

impl<P> Life<P> {
    /// Whether an exit is still to be reported.
    pub(crate) fn is_incarnate(&self) -> bool {
        matches!(self, Self::Starting { .. } | Self::Up(_) | Self::Stopping(..))
    }

    fn process(&mut self) -> Option<&mut P> {
        match self {
            Self::Up(process) | Self::Stopping(process, _) => Some(process),
            Self::Idle | Self::Resting(_) | Self::Starting { .. } => None,
        }
    }
}

impl<P: Process> Cell<P> {
    /// Obeys the supervisor, reads the mailbox and goes on with whatever can go on.
    pub(crate) fn drive(&mut self, cx: &mut TaskContext<'_>) {
        let (mut messages, mut steps) = (0, 0);
        while messages < MESSAGES_IN_A_ROW && steps < STEPS_IN_A_ROW {
            match self.shared.mailbox.turn(self.epoch, self.is_open(), cx.waker()) {
                Turn::Word(word) => {
                    self.obey(word);
                    if self.closing {
                        return;
                    }
                }
                Turn::Letter { letter, last } => {
                    messages += 1;
                    self.pulse.beat();
                    self.step(|process, ctx| letter.open(process, ctx));
                    if last && self.is_open() && self.work.is_idle() {
                        return;
                    }
                }
                Turn::Parked => {
                    steps += 1;
                    self.pulse.beat();
                    if !self.advance(cx) {
                        return;
                    }
                }
                Turn::Deposed => return self.give_way(),
            }
        }
        // The futures first: they have not had a turn since the first of the messages.
        if steps < STEPS_IN_A_ROW {
            self.advance(cx);
        }
        cx.waker().wake_by_ref();
    }

    /// Goes away without a word: its supervisor has given its thread up, and the place away.
    fn give_way(&mut self) {
        self.closing = true;
        contain::discard(mem::replace(&mut self.work, Work::new()));
        contain::discard(mem::replace(&mut self.life, Life::Idle));
    }

    /// Runs a handler of the process; its error or panic ends the incarnation.
    pub(crate) fn step(
        &mut self,
        handler: impl FnOnce(&mut P, &mut Context<'_, P>) -> Result<(), Failure>,
    ) {
        let Some(process) = self.life.process() else {
            return;
        };
        let mut ctx = Context::new(&self.shared, &mut self.work, self.incarnation);
        match contained(|| handler(process, &mut ctx)) {
            (Ok(Ok(())), orphans) => orphans.unanswered(),
            (Ok(Err(failure)), orphans) => {
                self.end(&ExitReason::Failed(Arc::new(failure)), orphans);
            }
            (Err(panic), orphans) => self.end(&ExitReason::Panicked(Arc::new(panic)), orphans),
        }
    }

    /// Ends the incarnation: drops it, tells the supervisor, then the askers left without answer.
    pub(crate) fn end(&mut self, reason: &ExitReason, mut orphans: Orphans) {
        let life = mem::replace(&mut self.life, Life::Idle);
        let work = mem::replace(&mut self.work, Work::new());
        self.shared.mailbox.set_status(self.epoch, Status::Down);
        let monitors = self.shared.mailbox.take_monitors(self.epoch);
        // One after the other, so that a panic in one does not meet a panic in the other.
        for (dropped, more) in [contained(|| drop(work)), contained(|| drop(life))] {
            orphans.join(more);
            if let Err(panic) = dropped {
                tracing::error!(name = %self.shared.name(), %panic, "a process panicked while it was dropped");
            }
        }
        let incarnation = self.incarnation;
        let next = if self.shared.mailbox.is_epoch(self.epoch) {
            self.shared.report(Event::Exited { incarnation, reason: reason.clone() })
        } else {
            Next::Close
        };
        match next {
            // A cell whose arbiter goes away comes here while it is dropped, out of reach of timers.
            Next::RestartAfter(_) if self.closing => {}
            Next::Wait => {}
            Next::RestartAfter(delay) => {
                let timer = (!delay.is_zero()).then(|| Box::pin(sleep(delay)));
                self.life = Life::Resting(timer);
            }
            Next::Close => self.close(),
        }
        orphans.exited(reason);
        for monitor in monitors {
            monitor.tell(&Down::Exited { incarnation, reason: reason.clone() });
        }
    }

    fn obey(&mut self, word: Word) {
        match word {
            Word::None => {}
            Word::Start => {
                if matches!(self.life, Life::Idle | Life::Resting(_)) {
                    self.begin();
                }
            }
            Word::Stop => match self.life {
                Life::Up(_) => self.begin_stop(ExitReason::Shutdown),
                Life::Starting { .. } | Life::Resting(_) => {
                    self.end(&ExitReason::Shutdown, Orphans::default());
                }
                Life::Idle | Life::Stopping(..) => {}
            },
            Word::Kill => {
                if self.life.is_incarnate() || matches!(self.life, Life::Resting(_)) {
                    self.end(&ExitReason::Killed, Orphans::default());
                }
            }
            Word::Cancel => self.end(&ExitReason::Shutdown, Orphans::default()),
            Word::Close => {
                if self.life.is_incarnate() {
                    self.end(&ExitReason::Killed, Orphans::default());
                }
                self.close();
            }
        }
    }

    pub(crate) fn close(&mut self) {
        self.closing = true;
        if self.shared.mailbox.is_epoch(self.epoch) {
            self.shared.mailbox.shut(Status::Closed);
        }
    }

    /// Makes one step, if there is one to make.
    fn advance(&mut self, cx: &mut TaskContext<'_>) -> bool {
        match &mut self.life {
            Life::Idle => false,
            Life::Resting(timer) => {
                let over = timer.as_mut().is_none_or(|timer| timer.as_mut().poll(cx).is_ready());
                if over {
                    self.begin();
                }
                over
            }
            Life::Starting { process, limit } => {
                match contained(|| process.as_mut().poll(cx)) {
                    (Ok(Poll::Ready(Ok(process))), orphans) => {
                        orphans.unanswered();
                        self.born(process);
                    }
                    (Ok(Poll::Ready(Err(failure))), orphans) => {
                        self.end(&ExitReason::StartFailed(Arc::new(failure)), orphans);
                    }
                    (Err(panic), orphans) => self.end(&panicked_at_start(panic), orphans),
                    (Ok(Poll::Pending), orphans) => {
                        orphans.unanswered();
                        let time = self.origin.timing().start;
                        let limit = limit.get_or_insert_with(|| Box::pin(sleep(time)));
                        if limit.as_mut().poll(cx).is_pending() {
                            return false;
                        }
                        self.end(&ExitReason::StartTimedOut, Orphans::default());
                    }
                }
                true
            }
            Life::Up(_) if self.work.stop_asked() => {
                self.begin_stop(ExitReason::Normal);
                true
            }
            Life::Up(_) => self.advance_work(cx),
            Life::Stopping(..) => self.advance_stop(cx),
        }
    }

    /// Has the factory begin an incarnation.
    fn begin(&mut self) {
        let Some(incarnation) = self.shared.mailbox.begin(self.epoch) else { return };
        self.incarnation = incarnation;
        let birth =
            Birth { handle: Handle::new(Arc::clone(&self.shared)), incarnation: self.incarnation };
        match contained(|| self.origin.make(birth)) {
            (Ok(process), orphans) => {
                orphans.unanswered();
                self.life = Life::Starting { process, limit: None };
            }
            (Err(panic), orphans) => self.end(&panicked_at_start(panic), orphans),
        }
    }

    /// Takes up a process from the factory.
    fn born(&mut self, mut process: P) {
        let mut ctx = Context::new(&self.shared, &mut self.work, self.incarnation);
        let (started, orphans) = contained(|| process.started(&mut ctx));
        // The factory's future is foreign, too.
        contain::discard(mem::replace(&mut self.life, Life::Up(process)));
        match started {
            Ok(Ok(())) => {
                orphans.unanswered();
                self.shared.mailbox.set_status(self.epoch, Status::Up);
                if self.shared.mailbox.is_epoch(self.epoch) {
                    self.shared.report(Event::Started { incarnation: self.incarnation });
                }
            }
            Ok(Err(failure)) => self.end(&ExitReason::StartFailed(Arc::new(failure)), orphans),
            Err(panic) => self.end(&panicked_at_start(panic), orphans),
        }
    }

    /// Gives the futures a turn, and carries on after one that is finished.
    fn advance_work(&mut self, cx: &mut TaskContext<'_>) -> bool {
        if self.work.is_idle() {
            return false;
        }
        match contained(|| self.work.poll_next(cx)) {
            (Ok(Poll::Ready((hold, then))), orphans) => {
                orphans.unanswered();
                self.work.enter(hold);
                self.step(then);
                if self.life.is_incarnate() {
                    self.work.leave(hold);
                }
                true
            }
            (Ok(Poll::Pending), orphans) => {
                orphans.unanswered();
                false
            }
            (Err(panic), orphans) => {
                self.end(&ExitReason::Panicked(Arc::new(panic)), orphans);
                true
            }
        }
    }

    fn begin_stop(&mut self, reason: ExitReason) {
        if let Life::Up(process) = mem::replace(&mut self.life, Life::Idle) {
            self.life =
                Life::Stopping(process, Box::new(Stop { reason, told: false, limit: None }));
        }
    }

    fn advance_stop(&mut self, cx: &mut TaskContext<'_>) -> bool {
        let Life::Stopping(process, stop) = &mut self.life else {
            return false;
        };
        if !stop.told && !self.work.holds_mailbox() {
            stop.told = true;
            self.work.enter_stopping();
            let mut ctx = Context::new(&self.shared, &mut self.work, self.incarnation);
            match contained(|| process.stopping(&mut ctx)) {
                (Ok(()), orphans) => {
                    self.work.leave(Hold::Nothing);
                    orphans.unanswered();
                }
                (Err(panic), orphans) => self.end(&ExitReason::Panicked(Arc::new(panic)), orphans),
            }
            return true;
        }
        if stop.told && !self.work.holds_stop() {
            let reason = stop.reason.clone();
            self.end(&reason, Orphans::default());
            return true;
        }
        // The limit first: a process that always has something to do must not escape it.
        self.kill_if_late(cx) || self.advance_work(cx)
    }

    fn kill_if_late(&mut self, cx: &mut TaskContext<'_>) -> bool {
        let Life::Stopping(_, stop) = &mut self.life else {
            return false;
        };
        let late = match self.origin.timing().shutdown {
            Shutdown::Infinity => false,
            Shutdown::Kill => true,
            Shutdown::Timeout(time) => {
                let limit = stop.limit.get_or_insert_with(|| Box::pin(sleep(time)));
                limit.as_mut().poll(cx).is_ready()
            }
        };
        if late {
            self.end(&ExitReason::Killed, Orphans::default());
        }
        late
    }
}

fn panicked_at_start(panic: Panic) -> ExitReason {
    ExitReason::StartFailed(Arc::new(Failure::from(panic)))
}
