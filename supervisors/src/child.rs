//! Child specifications, and how a supervisor and its children talk.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::commons::Commons;
use crate::introspect::Look;
use crate::pulse::Pulse;
use crate::word::Word;
use crate::{ExitReason, Failure, SupervisorSpec};

/// The shutdown time of a child that names none: 5 seconds, as in OTP.
pub const DEFAULT_SHUTDOWN: Shutdown = Shutdown::Timeout(Duration::from_secs(5));

/// Which exits of a child call for a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Every exit.
    #[default]
    Permanent,
    /// An abnormal exit: anything but [`ExitReason::Normal`] and [`ExitReason::Shutdown`].
    Transient,
    /// None, not even when a sibling's restart stopped it.
    Temporary,
}

/// How long a child may take to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// It is told to stop, and dropped when the time is over.
    Timeout(Duration),
    /// It is dropped at once, without a word.
    Kill,
    /// It is told to stop and waited for; right for supervisors.
    Infinity,
}

/// A child that waits to be started by a supervisor: a cell, or a whole subtree.
///
/// Dropped instead, it takes its cells with it: their queued messages go back to their askers.
pub struct ChildSpec(pub(crate) Kind);

pub(crate) enum Kind {
    Single(Box<dyn Child>),
    Supervisor(Box<SupervisorSpec>),
}

impl ChildSpec {
    pub(crate) fn single(child: impl Child + 'static) -> Self {
        Self(Kind::Single(Box::new(child)))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::Single(child) => child.name(),
            Kind::Supervisor(spec) => spec.name(),
        }
    }
}

impl From<SupervisorSpec> for ChildSpec {
    fn from(spec: SupervisorSpec) -> Self {
        Self(Kind::Supervisor(Box::new(spec)))
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChildSpec").field(&self.name()).finish()
    }
}

/// What a child reports to its supervisor.
#[derive(Debug)]
pub(crate) enum Event {
    /// An incarnation is up.
    Started { incarnation: u64 },
    /// An incarnation ended, or did not come up. One for each start, and the last of it.
    Exited { incarnation: u64, reason: ExitReason },
    /// The child is gone for good.
    Gone,
}

/// What a child does after an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Waits for a word.
    Wait,
    /// Begins anew after a while.
    RestartAfter(Duration),
    /// Goes away for good.
    Close,
}

/// The ear of a supervisor for one child; it is called from the child's thread.
pub(crate) trait Watch: Send + Sync {
    fn report(&self, event: Event) -> Next;
}

/// A supervisor's grip on one child. No call waits; what comes of it is reported to the watch.
pub(crate) trait Child: Send {
    fn name(&self) -> &str;
    fn restart(&self) -> Restart;
    /// Whether its end may shut its supervisor down.
    fn significant(&self) -> bool;
    fn shutdown(&self) -> Shutdown;
    /// How long it may take when a sibling begins anew, if that is less.
    fn patience(&self) -> Option<Duration> {
        None
    }
    /// Names the ear. Called once, before anything else.
    fn attach(&mut self, path: &Arc<str>, watch: Box<dyn Watch>, commons: &Arc<Commons>);
    /// Begins an incarnation; reports `Started`, or `Exited` if that failed.
    fn start(&self);
    /// Ends the incarnation by its shutdown; reports `Exited` if there was one.
    fn stop(&self);
    /// Ends the incarnation at once, also one that is stopping; only of those with a patience.
    fn kill(&self) {}
    /// Has messages sent back until the next start.
    fn retire(&self);
    /// Ends everything.
    fn close(&self);
    /// The thread that keeps it from ending when it is told to, if one is known.
    fn thread(&self) -> Option<Arc<Pulse>>;
    /// Takes it from an abandoned thread to another one, if it lives there; tells the incarnation
    /// that is over with it. What it was doing there is never heard of again.
    fn abandon(&self, place: usize) -> Option<u64>;
    /// Closes it without its help: its thread is blocked.
    fn give_up(&self);
    /// The number of the cell, for the watchdog; 0 for what is none.
    fn id(&self) -> usize;
    /// How it can be looked at.
    fn look(&self) -> Look;
}

/// The word that ends an incarnation.
pub(crate) fn stop_word(shutdown: Shutdown) -> Word {
    match shutdown {
        Shutdown::Kill => Word::Kill,
        Shutdown::Timeout(_) | Shutdown::Infinity => Word::Stop,
    }
}

pub(crate) fn no_arbiter() -> ExitReason {
    ExitReason::StartFailed(Arc::new(Failure::new("its arbiter has stopped")))
}
