//! The mailbox of a cell: its letters, the word of its supervisor, and those who wait for room.
//!
//! It is ours because actix's is no backpressure (each clone of an address has a place of its own,
//! and `do_send` knows no bound), and because nobody but its actor can empty it: the letters of a
//! cell whose thread is blocked would be lost. Here they are at hand for whoever holds the cell, and
//! one short lock serves bound, count, word and wake-up at once.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;

use crate::letter::{Envelope, Letter};
use crate::monitor::{Down, Told};
use crate::pulse::Pulse;
use crate::word::{Status, Word};
use crate::{ExitReason, Message, Process, Receive};

/// The epoch of the first cell.
pub(crate) const FIRST_EPOCH: u32 = 0;

/// The queue of a cell that was longer gives its memory back once it is empty: a burst of the usual
/// size finds the places of the one before.
pub(crate) const MANY_PLACES: usize = 1024;

/// The same for a cell that is one of very many.
pub(crate) const FEW_PLACES: usize = 64;

/// The mailbox of a cell, which outlives each of its incarnations.
pub(crate) struct Mailbox<P: Process> {
    capacity: usize,
    /// How many places an empty queue may keep.
    kept: usize,
    inner: Mutex<Inner<P>>,
}

struct Inner<P: Process> {
    status: Status,
    word: Word,
    /// Which cell may read. One on an abandoned thread is deposed: the next has a higher number.
    epoch: u32,
    /// Those who wait for room. While there are any, nobody else takes a place before them.
    waiting: u32,
    /// The cell waits for a letter, not only for a word.
    reading: bool,
    letters: VecDeque<Box<dyn Envelope<P>>>,
    handled: u64,
    incarnation: u64,
    waker: Option<Waker>,
    /// Wakes those who wait for room, made when first needed.
    freed: Option<Arc<Notify>>,
    /// Wakes those whose answer would come from a thread that was abandoned.
    deposed: Option<Arc<Notify>>,
    /// Who is to be told of the end of the incarnation; boxed, since hardly any cell has one.
    monitors: Option<Box<Monitors>>,
    /// Where the cell lives, once it has arrived there.
    pulse: Option<Arc<Pulse>>,
}

/// Who is to be told of an exit.
#[derive(Default)]
struct Monitors(Vec<Told>);

/// Why a letter was not taken; it comes back.
pub(crate) enum Refused<M: Message> {
    Full(Letter<M>),
    Stopped(Letter<M>),
}

/// What a cell has to do next.
pub(crate) enum Turn<P: Process> {
    Word(Word),
    Letter {
        letter: Box<dyn Envelope<P>>,
        /// There is nothing behind it; the task is woken when that changes, as if it were parked.
        last: bool,
    },
    /// Nothing; its task is woken when that changes.
    Parked,
    /// Another cell has its place.
    Deposed,
}

impl<P: Process> Inner<P> {
    fn park(&mut self, open: bool, waker: &Waker) {
        self.reading = open;
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
    }
}

impl<P: Process> Mailbox<P> {
    pub(crate) fn new(capacity: usize, kept: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            kept,
            inner: Mutex::new(Inner {
                status: Status::Down,
                word: Word::None,
                epoch: FIRST_EPOCH,
                waiting: 0,
                reading: false,
                letters: VecDeque::new(),
                handled: 0,
                incarnation: 0,
                waker: None,
                freed: None,
                deposed: None,
                monitors: None,
                pulse: None,
            }),
        }
    }

    /// No foreign code runs under the lock, so that whatever it guards is whole.
    fn lock(&self) -> MutexGuard<'_, Inner<P>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().status
    }

    pub(crate) fn depth(&self) -> usize {
        self.lock().letters.len()
    }

    /// The letters, and those who wait for room.
    pub(crate) fn wanted(&self) -> usize {
        let inner = self.lock();
        inner.letters.len() + inner.waiting as usize
    }

    /// The number of the last incarnation.
    pub(crate) fn incarnation(&self) -> u64 {
        self.lock().incarnation
    }

    /// How many letters were taken out so far.
    pub(crate) fn handled(&self) -> u64 {
        self.lock().handled
    }

    pub(crate) fn pulse(&self) -> Option<Arc<Pulse>> {
        self.lock().pulse.clone()
    }

    pub(crate) fn is_epoch(&self, epoch: u32) -> bool {
        self.lock().epoch == epoch
    }

    /// The epoch, if it is another one than that.
    pub(crate) fn epoch_after(&self, epoch: u32) -> Option<u32> {
        let now = self.lock().epoch;
        (now != epoch).then_some(now)
    }

    /// Puts a letter in; tells in which epoch.
    pub(crate) fn post<M>(&self, letter: Letter<M>) -> Result<u32, Refused<M>>
    where
        P: Receive<M>,
        M: Message,
    {
        self.put(letter, false)
    }

    fn put<M>(&self, letter: Letter<M>, has_waited: bool) -> Result<u32, Refused<M>>
    where
        P: Receive<M>,
        M: Message,
    {
        let mut inner = self.lock();
        if inner.status >= Status::Retired {
            return Err(Refused::Stopped(letter));
        }
        if inner.letters.len() >= self.capacity || (inner.waiting > 0 && !has_waited) {
            return Err(Refused::Full(letter));
        }
        if inner.letters.capacity() == 0 {
            // Most of very many cells never have more than one.
            inner.letters.reserve_exact(1);
        }
        inner.letters.push_back(Box::new(letter));
        let epoch = inner.epoch;
        let waker = if inner.reading { inner.waker.take() } else { None };
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(epoch)
    }

    /// As [`Mailbox::post`], but waits for room; the letter comes back from one that stops.
    pub(crate) async fn post_waiting<M>(&self, letter: Letter<M>) -> Result<u32, Letter<M>>
    where
        P: Receive<M>,
        M: Message,
    {
        let mut letter = match self.put(letter, false) {
            Ok(epoch) => return Ok(epoch),
            Err(Refused::Stopped(letter)) => return Err(letter),
            Err(Refused::Full(letter)) => letter,
        };
        let waiting = Waiting::new(self);
        loop {
            let mut freed = pin!(waiting.freed.notified());
            // From here on no place that becomes free is missed.
            freed.as_mut().enable();
            match self.put(letter, true) {
                Ok(epoch) => return Ok(epoch),
                Err(Refused::Stopped(letter)) => return Err(letter),
                Err(Refused::Full(refused)) => letter = refused,
            }
            freed.await;
        }
    }

    /// What the cell has to do next; letters only if it is open to them.
    pub(crate) fn turn(&self, epoch: u32, open: bool, waker: &Waker) -> Turn<P> {
        let mut inner = self.lock();
        if inner.epoch != epoch {
            return Turn::Deposed;
        }
        if inner.word != Word::None {
            return Turn::Word(std::mem::replace(&mut inner.word, Word::None));
        }
        if open && let Some(letter) = inner.letters.pop_front() {
            inner.handled += 1;
            letter.mark_taken(epoch);
            if inner.letters.is_empty() && inner.letters.capacity() > self.kept {
                inner.letters = VecDeque::new();
            }
            let last = inner.letters.is_empty();
            if last {
                inner.park(open, waker);
            }
            if inner.waiting > 0 {
                let freed = inner.freed.clone();
                drop(inner);
                if let Some(freed) = freed {
                    freed.notify_one();
                }
            }
            return Turn::Letter { letter, last };
        }
        inner.park(open, waker);
        Turn::Parked
    }

    /// Gives the cell a word, from any thread.
    pub(crate) fn say(&self, word: Word) {
        let mut inner = self.lock();
        inner.word = word.after(inner.word);
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Has the incarnation that is up end at once; tells whether one is.
    pub(crate) fn kill(&self) -> bool {
        let mut inner = self.lock();
        if inner.status != Status::Up {
            return false;
        }
        inner.word = Word::Kill.after(inner.word);
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// The cell has come to its arbiter; tells whether it still has the place.
    pub(crate) fn arrive(&self, epoch: u32, pulse: &Arc<Pulse>) -> bool {
        let mut inner = self.lock();
        let is_its = inner.epoch == epoch;
        if is_its {
            inner.pulse = Some(Arc::clone(pulse));
        }
        is_its
    }

    /// Notes who is to be told of the end of the incarnation that is up; it comes back if none is.
    pub(crate) fn monitor(&self, told: Told) -> Result<(), Told> {
        let mut inner = self.lock();
        if inner.status != Status::Up {
            return Err(told);
        }
        inner.monitors.get_or_insert_default().0.push(told);
        Ok(())
    }

    /// Takes out who is to be told of the end that is just coming.
    pub(crate) fn take_monitors(&self, epoch: u32) -> Vec<Told> {
        let mut inner = self.lock();
        if inner.epoch != epoch {
            return Vec::new();
        }
        inner.monitors.take().map_or_else(Vec::new, |monitors| monitors.0)
    }

    /// Puts a letter before all others, whatever the bound; there are never more than links.
    pub(crate) fn post_first(&self, letter: Box<dyn Envelope<P>>) {
        let mut inner = self.lock();
        if inner.status != Status::Up {
            return;
        }
        inner.letters.push_front(letter);
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Begins an incarnation, and tells its number; none if another cell has the place.
    pub(crate) fn begin(&self, epoch: u32) -> Option<u64> {
        let mut inner = self.lock();
        (inner.epoch == epoch).then(|| {
            inner.incarnation += 1;
            inner.incarnation
        })
    }

    /// Sets the status; a closed mailbox stays closed.
    pub(crate) fn set_status(&self, epoch: u32, status: Status) {
        let mut inner = self.lock();
        if inner.epoch == epoch && inner.status != Status::Closed {
            inner.status = status;
        }
    }

    /// Takes no more letters and sends back what is there: for now, or for good.
    pub(crate) fn shut(&self, status: Status) {
        let mut inner = self.lock();
        if inner.status == Status::Closed {
            return;
        }
        inner.status = status;
        let letters = std::mem::take(&mut inner.letters);
        let freed = inner.freed.clone();
        drop(inner);
        if let Some(freed) = freed {
            freed.notify_waiters();
        }
        drop(letters);
    }

    /// Takes letters again after a [`Mailbox::shut`] that was not for good.
    pub(crate) fn reopen(&self) {
        let mut inner = self.lock();
        if inner.status == Status::Retired {
            inner.status = Status::Down;
        }
    }

    /// Takes the mailbox from the cell, whose thread is blocked: the letters stay, those whose
    /// letter it took are told. Returns the next epoch and the incarnation that is over.
    pub(crate) fn depose(&self) -> (u32, u64) {
        let mut inner = self.lock();
        inner.epoch += 1;
        if inner.status == Status::Up {
            inner.status = Status::Down;
        }
        inner.word = if inner.word == Word::Close { Word::Close } else { Word::None };
        inner.reading = false;
        inner.pulse = None;
        let waker = inner.waker.take();
        let deposed = inner.deposed.take();
        let (epoch, incarnation) = (inner.epoch, inner.incarnation);
        let monitors = inner.monitors.take();
        drop(inner);
        for monitor in monitors.into_iter().flat_map(|monitors| monitors.0) {
            monitor.tell(&Down::Exited { incarnation, reason: ExitReason::Blocked });
        }
        if let Some(deposed) = deposed {
            deposed.notify_waiters();
        }
        // Should its thread ever go on, it is to go away.
        if let Some(waker) = waker {
            waker.wake();
        }
        (epoch, incarnation)
    }

    /// What tells that the cell was deposed.
    pub(crate) fn deposed(&self) -> Arc<Notify> {
        Arc::clone(self.lock().deposed.get_or_insert_with(Arc::default))
    }
}

/// Somebody who waits for room, until dropped.
struct Waiting<'a, P: Process> {
    mailbox: &'a Mailbox<P>,
    freed: Arc<Notify>,
}

impl<'a, P: Process> Waiting<'a, P> {
    fn new(mailbox: &'a Mailbox<P>) -> Self {
        let mut inner = mailbox.lock();
        inner.waiting += 1;
        let freed = Arc::clone(inner.freed.get_or_insert_with(Arc::default));
        Self { mailbox, freed }
    }
}

impl<P: Process> Drop for Waiting<'_, P> {
    fn drop(&mut self) {
        let mut inner = self.mailbox.lock();
        inner.waiting -= 1;
        if inner.waiting == 0 {
            inner.freed = None;
        }
    }
}
