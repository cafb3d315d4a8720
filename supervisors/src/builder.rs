//! Building a cell: name, mailbox, place, and the factory of its processes.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};

use crate::cell::Timing;
use crate::cell_child::{CellChild, Recipe};
use crate::mailbox::{FIRST_EPOCH, MANY_PLACES};
use crate::shared::Shared;
use crate::{ChildSpec, DEFAULT_SHUTDOWN, Failure, Handle, Process, Restart, Shutdown};

/// The bound of a mailbox whose builder names none.
pub const DEFAULT_CAPACITY: usize = 1024;

/// How long a factory may take when its builder names no time.
pub const DEFAULT_START_TIMEOUT: Duration = Duration::from_mins(1);

/// What a factory is told about the process it makes.
#[derive(Debug)]
pub struct Birth<P: Process> {
    /// A handle to its cell.
    pub handle: Handle<P>,
    /// The number of the incarnation, from 1.
    pub incarnation: u64,
}

/// Builds a cell that waits to be started by a supervisor.
///
/// Its handle works at once: messages queue up.
pub fn cell<P: Process>(name: impl Into<String>) -> CellBuilder<P> {
    CellBuilder {
        name: name.into(),
        capacity: DEFAULT_CAPACITY,
        arbiter: None,
        restart: Restart::default(),
        significant: false,
        patience: None,
        timing: Timing::default(),
        process: PhantomData,
    }
}

/// Builds a cell; see [`cell()`].
#[must_use = "a builder does nothing until it gets its factory"]
pub struct CellBuilder<P: Process> {
    name: String,
    capacity: usize,
    arbiter: Option<ArbiterHandle>,
    restart: Restart,
    significant: bool,
    patience: Option<Duration>,
    timing: Timing,
    process: PhantomData<fn() -> P>,
}

impl<P: Process> CellBuilder<P> {
    /// Sets the bound of the mailbox, at least 1; [`DEFAULT_CAPACITY`] otherwise.
    pub fn capacity(mut self, messages: usize) -> Self {
        self.capacity = messages;
        self
    }

    /// Sets the arbiter, the thread, it lives on; the present one otherwise.
    pub fn on(mut self, arbiter: &ArbiterHandle) -> Self {
        self.arbiter = Some(arbiter.clone());
        self
    }

    /// Sets which exits call for a restart; [`Restart::Permanent`] otherwise.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Marks it as significant to its supervisor; see [`AutoShutdown`](crate::AutoShutdown).
    pub fn significant(mut self) -> Self {
        self.significant = true;
        self
    }

    /// Sets how long it may take to stop; [`DEFAULT_SHUTDOWN`] otherwise.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.timing.shutdown = shutdown;
        self
    }

    /// Sets how long it may take to stop because a sibling begins anew; as long as for any stop
    /// otherwise.
    ///
    /// For a child that finishes what it has under way when it stops, and needs for that what stands
    /// before it: while that is down it would wait in vain, and keep it from being started.
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = Some(time);
        self
    }

    /// Sets how long its factory may take; [`DEFAULT_START_TIMEOUT`] otherwise.
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.timing.start = timeout;
        self
    }

    /// Names the factory that makes each incarnation, on the cell's arbiter.
    ///
    /// # Panics
    ///
    /// When no arbiter was set and the present thread has none.
    pub fn factory<F, Fut>(self, factory: F) -> (Handle<P>, ChildSpec)
    where
        F: Fn(Birth<P>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<P, Failure>> + 'static,
    {
        let arbiter = self.arbiter.unwrap_or_else(Arbiter::current);
        let shared = Arc::new(Shared::new(Arc::from(self.name), self.capacity, MANY_PLACES));
        let handle = Handle::new(Arc::clone(&shared));
        // Shared by the cells that follow each other when a thread is abandoned, so never in dispute
        // unless the factory itself blocks; the future that it returns is made under the lock alone.
        let factory = Mutex::new(factory);
        let child = CellChild {
            shared,
            restart: self.restart,
            significant: self.significant,
            patience: self.patience,
            recipe: Arc::new(Recipe {
                factory: Box::new(move |birth| {
                    let factory = factory.lock().unwrap_or_else(PoisonError::into_inner);
                    Box::pin(factory(birth))
                }),
                timing: self.timing,
            }),
            site: None,
        };
        child.launch(&arbiter, FIRST_EPOCH);
        (handle, ChildSpec::single(child))
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self { start: DEFAULT_START_TIMEOUT, shutdown: DEFAULT_SHUTDOWN }
    }
}

impl<P: Process> fmt::Debug for CellBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CellBuilder")
            .field("name", &self.name)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
