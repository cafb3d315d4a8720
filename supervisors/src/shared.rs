//! What a cell shares with its handles and its supervisor.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use actix::Addr;
use futures_util::task::AtomicWaker;

use crate::Process;
use crate::cell::Cell;
use crate::child::{Event, Next, Watch};
use crate::room::Room;

/// Whether messages are taken, as callers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Status {
    /// No incarnation is up, but one may come: messages queue up.
    Down,
    /// An incarnation is up.
    Up,
    /// No incarnation comes unless the supervisor itself is restarted: messages go back.
    Retired,
    /// The cell is gone.
    Closed,
}

/// A word of the supervisor to the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Word {
    None,
    /// Begin an incarnation.
    Start,
    /// End the incarnation in good order.
    Stop,
    /// End the incarnation at once.
    Kill,
    /// There will be no more incarnation for now: send messages back.
    Retire,
    /// A start was taken back before it was seen; it is answered as an exit.
    Cancel,
    /// Go away for good. No later word takes its place.
    Close,
}

impl Word {
    const ALL: [Self; 7] =
        [Self::None, Self::Start, Self::Stop, Self::Kill, Self::Retire, Self::Cancel, Self::Close];

    /// What is left to do when a new word comes before an old one was seen.
    fn after(self, old: Self) -> Self {
        match (old, self) {
            (Self::Close, _) => Self::Close,
            (Self::Start | Self::Cancel, Self::Stop | Self::Kill) => Self::Cancel,
            (_, new) => new,
        }
    }

    fn from_u8(byte: u8) -> Self {
        Self::ALL.get(usize::from(byte)).copied().unwrap_or(Self::None)
    }
}

/// What a cell shares with its handles and its supervisor.
pub(crate) struct Shared<P: Process> {
    name: Arc<str>,
    /// The bound of the mailbox. actix's own capacity is no backpressure: each clone of an address
    /// has a place of its own, and `do_send` ignores it.
    room: Room,
    status: AtomicU8,
    word: AtomicU8,
    waker: AtomicWaker,
    addr: OnceLock<Addr<Cell<P>>>,
    watch: OnceLock<Box<dyn Watch>>,
}

impl<P: Process> Shared<P> {
    pub(crate) fn new(name: Arc<str>, capacity: usize) -> Self {
        Self {
            name,
            room: Room::new(capacity),
            status: AtomicU8::new(Status::Down as u8),
            word: AtomicU8::new(Word::None as u8),
            waker: AtomicWaker::new(),
            addr: OnceLock::new(),
            watch: OnceLock::new(),
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    pub(crate) fn depth(&self) -> usize {
        self.room.taken()
    }

    pub(crate) fn addr(&self) -> Option<&Addr<Cell<P>>> {
        self.addr.get()
    }

    /// Sets the address; the second time is a no-op, for both threads that may do it know the same.
    pub(crate) fn set_addr(&self, addr: Addr<Cell<P>>) {
        let _ = self.addr.set(addr);
    }

    pub(crate) fn set_watch(&self, watch: Box<dyn Watch>) {
        let _ = self.watch.set(watch);
    }

    /// Tells the supervisor; without one, nothing can come any more.
    pub(crate) fn report(&self, event: Event) -> Next {
        self.watch.get().map_or(Next::Close, |watch| watch.report(event))
    }

    pub(crate) fn status(&self) -> Status {
        match self.status.load(Ordering::Acquire) {
            0 => Status::Down,
            1 => Status::Up,
            2 => Status::Retired,
            _ => Status::Closed,
        }
    }

    /// Sets the status; a closed cell stays closed.
    pub(crate) fn set_status(&self, status: Status) {
        let _ = self.status.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
            (now != Status::Closed as u8).then_some(status as u8)
        });
    }

    /// Takes no more messages, and wakes those who wait for room. Returns whether it was open.
    pub(crate) fn close(&self) -> bool {
        let before = self.status.swap(Status::Closed as u8, Ordering::AcqRel);
        self.room.close();
        before != Status::Closed as u8
    }

    /// Gives the cell a word, from any thread.
    pub(crate) fn say(&self, word: Word) {
        let _ = self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, |old| {
            Some(word.after(Word::from_u8(old)) as u8)
        });
        self.waker.wake();
    }

    /// Whether a word waits; cheap enough to ask after each message.
    pub(crate) fn has_word(&self) -> bool {
        self.word.load(Ordering::Relaxed) != Word::None as u8
    }

    pub(crate) fn take_word(&self) -> Word {
        if self.has_word() {
            Word::from_u8(self.word.swap(Word::None as u8, Ordering::AcqRel))
        } else {
            Word::None
        }
    }

    /// Has the cell's task woken at the next word.
    pub(crate) fn listen(&self, waker: &Waker) {
        self.waker.register(waker);
    }
}
