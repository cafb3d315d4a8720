//! The names of a tree: from the path of a running process to its handle.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};

use dashmap::DashMap;

use crate::child::{Event, Next, Watch};
use crate::shared::Shared;
use crate::{Handle, Process};

/// Finds the running processes of a tree by their paths; cheap to clone.
///
/// A name stands from the moment its process is up until it ends, as with Erlang's `register`: it is
/// gone before the supervisor or any asker learns of the end, and back when the next incarnation is
/// up. Children of a dynamic supervisor are found by key:
/// [`DynamicHandle::get`](crate::DynamicHandle::get).
#[derive(Clone, Default)]
pub struct Names(Arc<DashMap<Arc<str>, Arc<dyn Any + Send + Sync>>>);

impl Names {
    /// The handle of the running process with that path, if it is a `P`.
    pub fn find<P: Process>(&self, path: &str) -> Option<Handle<P>> {
        let shared = Arc::clone(&*self.0.get(path)?);
        shared.downcast::<Shared<P>>().ok().map(Handle::new)
    }

    /// Whether a process with that path is running.
    pub fn contains(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// The paths of all running processes, sorted.
    pub fn paths(&self) -> Vec<Arc<str>> {
        let mut paths: Vec<_> = self.0.iter().map(|entry| Arc::clone(entry.key())).collect();
        paths.sort_unstable();
        paths
    }

    pub(crate) fn remove(&self, path: &str) {
        self.0.remove(path);
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.paths()).finish()
    }
}

/// Keeps the name of one process while it is up, in the thread of the process itself.
pub(crate) struct Naming<P: Process> {
    pub(crate) watch: Box<dyn Watch>,
    pub(crate) names: Names,
    pub(crate) path: Arc<str>,
    pub(crate) shared: Weak<Shared<P>>,
}

impl<P: Process> Watch for Naming<P> {
    fn report(&self, event: Event) -> Next {
        match event {
            Event::Started { .. } => {
                if let Some(shared) = self.shared.upgrade() {
                    self.names.0.insert(Arc::clone(&self.path), shared);
                }
            }
            Event::Exited { .. } | Event::Gone => self.names.remove(&self.path),
        }
        self.watch.report(event)
    }
}
