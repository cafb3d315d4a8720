//! What a cell shares with its handles and its supervisor.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::Process;
use crate::child::{Event, Next, Watch};
use crate::mailbox::Mailbox;
use crate::pulse::Pulse;
use crate::word::{Status, Word};

/// What a cell shares with its handles and its supervisor.
pub(crate) struct Shared<P: Process> {
    name: Arc<str>,
    watch: OnceLock<Arc<dyn Watch>>,
    /// The [`Pulse::place`] of the cell; 0 before it has come to its arbiter.
    place: AtomicUsize,
    pub(crate) mailbox: Mailbox<P>,
}

impl<P: Process> Shared<P> {
    pub(crate) fn new(name: Arc<str>, capacity: usize, kept: usize) -> Self {
        Self {
            name,
            watch: OnceLock::new(),
            place: AtomicUsize::new(0),
            mailbox: Mailbox::new(capacity, kept),
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// A number that is this cell's as long as anybody holds it.
    pub(crate) fn id(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self) as usize
    }

    /// The thread that its cell lives on, by [`Pulse::place`]; 0 before it has come there.
    pub(crate) fn place(&self) -> usize {
        self.place.load(Ordering::Relaxed)
    }

    /// Whether its cell lives on the present thread.
    pub(crate) fn is_here(&self) -> bool {
        let place = self.place();
        place != 0 && place == Pulse::place_here()
    }

    /// The cell of that epoch has come to its arbiter.
    pub(crate) fn arrive(&self, epoch: u32, pulse: &Arc<Pulse>) {
        if self.mailbox.arrive(epoch, pulse) {
            self.place.store(pulse.place(), Ordering::Relaxed);
        }
    }

    /// Takes the mailbox from a cell whose thread is blocked; see [`Mailbox::depose`].
    pub(crate) fn depose(&self) -> (u32, u64) {
        self.place.store(0, Ordering::Relaxed);
        self.mailbox.depose()
    }

    pub(crate) fn set_watch(&self, watch: Arc<dyn Watch>) {
        let _ = self.watch.set(watch);
    }

    /// Tells the supervisor; without one, nothing can come any more.
    pub(crate) fn report(&self, event: Event) -> Next {
        self.watch.get().map_or(Next::Close, |watch| watch.report(event))
    }

    /// Takes no more messages for now, and sends back those that wait.
    pub(crate) fn retire(&self) {
        self.mailbox.shut(Status::Retired);
    }

    /// Closes the cell from outside: callers see it at once, the cell as soon as it is polled.
    pub(crate) fn close(&self) {
        self.mailbox.shut(Status::Closed);
        self.mailbox.say(Word::Close);
    }
}
