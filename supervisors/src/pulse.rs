//! The pulse of an arbiter: what its thread is busy with, for a watchdog on another thread to see.

use std::cell::{Cell, OnceCell};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use actix_rt::{Arbiter, ArbiterHandle};

/// What a thread is busy with. Only that thread writes, so that plain stores will do.
#[derive(Debug)]
pub(crate) struct Pulse {
    name: String,
    arbiter: Option<ArbiterHandle>,
    #[cfg(feature = "testing")]
    system: Option<usize>,
    /// The thread is at its end.
    ended: AtomicBool,
    /// The cell that has its turn, by [`Shared::id`](crate::shared::Shared::id); 0 for none.
    busy: AtomicUsize,
    /// Counts what that cell does.
    beats: AtomicU64,
}

/// The pulses of all threads on which a cell has lived.
static PULSES: Mutex<Vec<Weak<Pulse>>> = Mutex::new(Vec::new());

fn pulses() -> MutexGuard<'static, Vec<Weak<Pulse>>> {
    PULSES.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    static HERE: OnceCell<Beating> = const { OnceCell::new() };
    /// The same as a number, which costs less to reach.
    static PLACE: Cell<usize> = const { Cell::new(0) };
}

/// A pulse that ends with its thread.
struct Beating(Arc<Pulse>);

impl Drop for Beating {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
    }
}

impl Pulse {
    /// The present thread's.
    pub(crate) fn here() -> Arc<Self> {
        HERE.with(|here| {
            let Beating(pulse) = here.get_or_init(|| {
                let pulse = Arc::new(Self {
                    name: std::thread::current().name().unwrap_or("unnamed").to_owned(),
                    arbiter: Arbiter::try_current(),
                    #[cfg(feature = "testing")]
                    system: actix_rt::System::try_current().map(|system| system.id()),
                    ended: AtomicBool::new(false),
                    busy: AtomicUsize::new(0),
                    beats: AtomicU64::new(0),
                });
                let mut all = pulses();
                all.retain(|pulse| pulse.strong_count() > 0);
                all.push(Arc::downgrade(&pulse));
                Beating(pulse)
            });
            PLACE.set(pulse.place());
            Arc::clone(pulse)
        })
    }

    /// All that beat at this moment.
    pub(crate) fn all() -> Vec<Arc<Self>> {
        let all = pulses();
        all.iter().filter_map(Weak::upgrade).filter(|pulse| !pulse.has_ended()).collect()
    }

    /// A number that is this pulse's as long as it lives.
    pub(crate) fn place(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self) as usize
    }

    /// The number of the present thread's; 0 where no cell has lived.
    pub(crate) fn place_here() -> usize {
        PLACE.get()
    }

    /// Whether its thread is at its end.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The actix system of its thread.
    #[cfg(feature = "testing")]
    pub(crate) fn system(&self) -> Option<usize> {
        self.system
    }

    /// The name of the arbiter's thread.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The arbiter whose thread it is.
    pub(crate) fn arbiter(&self) -> Option<&ArbiterHandle> {
        self.arbiter.as_ref()
    }

    /// A cell has its turn; tells which had it before.
    pub(crate) fn enter(&self, cell: usize) -> usize {
        let before = self.busy.load(Ordering::Relaxed);
        self.busy.store(cell, Ordering::Relaxed);
        self.beat();
        before
    }

    /// It does something.
    pub(crate) fn beat(&self) {
        self.beats.store(self.beats.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Its turn is over, and the one from before goes on.
    pub(crate) fn leave(&self, before: usize) {
        self.busy.store(before, Ordering::Relaxed);
    }

    /// Which cell has its turn, and the count of what it does.
    pub(crate) fn sample(&self) -> (usize, u64) {
        (self.busy.load(Ordering::Relaxed), self.beats.load(Ordering::Relaxed))
    }
}
