//! Supervisor specifications: a tree as data.

use crate::{Backoff, ChildSpec, Intensity, Restart};

/// Who is restarted when one child ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// That child only: the children do not depend on each other.
    OneForOne,
    /// All children: each depends on all others. The others are stopped in reverse order, and all
    /// begin anew in order.
    OneForAll,
    /// That child and all that started after it: each depends on those before it. The later ones
    /// are stopped in reverse order, and all begin anew in order.
    RestForOne,
}

/// Whether a supervisor ends by itself when its *significant* children have done their work.
///
/// A significant child must be [`Restart::Transient`], and then its normal exit counts, or
/// [`Restart::Temporary`], and then any exit of its own counts. An exit that calls for a restart
/// never does, nor does a stop by the supervisor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoShutdown {
    /// No: no child may be significant.
    #[default]
    Never,
    /// As soon as one significant child has ended.
    AnySignificant,
    /// When the last significant child has ended.
    AllSignificant,
}

/// A supervisor and its children, which start in order and stop in reverse order.
///
/// It is itself a [`ChildSpec`], so that trees nest.
#[derive(Debug)]
#[must_use = "a specification does nothing until a tree is started with it"]
pub struct SupervisorSpec {
    pub(crate) name: String,
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) backoff: Backoff,
    pub(crate) restart: Restart,
    pub(crate) significant: bool,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) children: Vec<ChildSpec>,
}

impl SupervisorSpec {
    /// A supervisor without children, with the default [`Intensity`] and [`Backoff`].
    pub fn new(name: impl Into<String>, strategy: Strategy) -> Self {
        Self {
            name: name.into(),
            strategy,
            intensity: Intensity::default(),
            backoff: Backoff::default(),
            restart: Restart::default(),
            significant: false,
            auto_shutdown: AutoShutdown::default(),
            children: Vec::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets how many restarts of its children are bearable before it gives up.
    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.intensity = intensity;
        self
    }

    /// Sets how long it waits before it restarts a child.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets which of its own exits call for a restart; [`Restart::Permanent`] otherwise.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Marks it as significant to its own supervisor; see [`AutoShutdown`].
    pub fn significant(mut self) -> Self {
        self.significant = true;
        self
    }

    /// Sets whether it ends by itself when its significant children have: it stops the others in
    /// reverse order and exits with [`ExitReason::Shutdown`](crate::ExitReason::Shutdown), after
    /// which its own supervisor restarts it only if it is permanent.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// Adds a child, which starts after those added before it.
    pub fn child(mut self, child: impl Into<ChildSpec>) -> Self {
        self.children.push(child.into());
        self
    }
}
