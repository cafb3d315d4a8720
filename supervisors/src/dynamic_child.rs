//! The grip of a supervisor on a dynamic supervisor.

use std::hash::Hash;
use std::sync::{Arc, Weak};

use crate::child::{Child, Watch};
use crate::children::Children;
use crate::commons::{Commons, Resident};
use crate::introspect::Look;
use crate::pulse::Pulse;
use crate::shutdown::ABANDON_AFTER;
use crate::{Process, Restart, Shutdown};

/// The supervisor's grip on a dynamic supervisor; dropped, it closes it.
pub(crate) struct DynamicChild<K, P>(pub(crate) Arc<Children<K, P>>)
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process;

impl<K, P> Child for DynamicChild<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    fn name(&self) -> &str {
        self.0.name()
    }

    fn restart(&self) -> Restart {
        Restart::Permanent
    }

    fn significant(&self) -> bool {
        false
    }

    fn shutdown(&self) -> Shutdown {
        match self.0.limits().timing.shutdown {
            Shutdown::Timeout(time) => Shutdown::Timeout(time + ABANDON_AFTER),
            Shutdown::Kill => Shutdown::Timeout(ABANDON_AFTER),
            Shutdown::Infinity => Shutdown::Infinity,
        }
    }

    fn attach(&mut self, path: &Arc<str>, watch: Box<dyn Watch>, commons: &Arc<Commons>) {
        commons.add(path, Arc::downgrade(&self.0) as Weak<dyn Resident>);
        self.0.attach(path, watch, commons);
    }

    fn start(&self) {
        self.0.open();
    }

    fn stop(&self) {
        self.0.stop();
    }

    fn retire(&self) {
        self.0.retire();
    }

    fn close(&self) {
        self.0.close();
    }

    fn thread(&self) -> Option<Arc<Pulse>> {
        self.0.thread()
    }

    fn abandon(&self, place: usize) -> Option<u64> {
        self.0.abandon(place);
        None
    }

    fn give_up(&self) {
        self.0.give_up();
    }

    fn id(&self) -> usize {
        0
    }

    fn look(&self) -> Look {
        let children = Arc::clone(&self.0);
        Look::Crowd(Box::new(move |notable| children.crowd(notable)))
    }
}

impl<K, P> Drop for DynamicChild<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    fn drop(&mut self) {
        self.0.close();
    }
}
