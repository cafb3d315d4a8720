//! What becomes of the children of a dynamic supervisor when their thread is abandoned.

use std::hash::Hash;
use std::sync::{Arc, PoisonError, Weak};

use crate::child::Event;
use crate::children::{Children, Slot};
use crate::commons::Resident;
use crate::pulse::Pulse;
use crate::{ExitReason, Handle, Process};

impl<K, P> Children<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    /// The thread of any of those that live.
    pub(crate) fn thread(&self) -> Option<Arc<Pulse>> {
        self.living().iter().find_map(|child| child.shared().mailbox.pulse())
    }

    /// Takes those that live there out of the registry, where fresh ones on another thread take
    /// their place on demand. The one that blocks the thread cools down first.
    pub(crate) fn abandon(self: &Arc<Self>, place: usize) {
        let Some(commons) = self.commons.get().and_then(Weak::upgrade) else { return };
        if !self.lives_at(place) {
            return;
        }
        let fresh = commons.fresh_arbiter(place);
        *self.arbiter.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        let culprit = commons.culprit(place);
        for (key, number, child) in self.living_at(place) {
            let shared = child.shared();
            let (_, incarnation) = shared.depose();
            if shared.id() == culprit {
                self.crashes().note(&key, incarnation, &ExitReason::Blocked);
                self.cool_down(&key, number);
            } else {
                self.remove(&key, number);
            }
            shared.close();
        }
    }

    /// Closes all without their help.
    pub(crate) fn give_up(&self) {
        self.close();
        for child in self.living() {
            child.shared().depose();
        }
    }

    /// Those that live there, and those that have not come anywhere yet.
    fn living_at(&self, place: usize) -> Vec<(K, u64, Handle<P>)> {
        let living = self.slots.iter().filter_map(|slot| match slot.value() {
            Slot::Living { number, handle } if [0, place].contains(&handle.shared().place()) => {
                Some((slot.key().clone(), *number, handle.clone()))
            }
            Slot::Living { .. } | Slot::CoolingDown { .. } => None,
        });
        living.collect()
    }
}

impl<K, P> Resident for Children<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    fn name_of(&self, id: usize) -> Option<String> {
        self.slots.iter().find_map(|slot| match slot.value() {
            Slot::Living { handle, .. } if handle.shared().id() == id => {
                Some(format!("/{}", self.name_of(slot.key())))
            }
            Slot::Living { .. } | Slot::CoolingDown { .. } => None,
        })
    }

    fn lives_at(&self, place: usize) -> bool {
        self.slots.iter().any(|slot| match slot.value() {
            Slot::Living { handle, .. } => handle.shared().place() == place,
            Slot::CoolingDown { .. } => false,
        })
    }

    fn give_up(&self, place: usize) {
        for (_, _, child) in self.living_at(place) {
            child.shared().depose();
            child.shared().close();
            child.shared().report(Event::Gone);
        }
    }

    fn kill(&self, name: Option<&str>) -> bool {
        let Some(name) = name else { return self.kill_all() };
        let found = self.slots.iter().find_map(|slot| match slot.value() {
            Slot::Living { handle, .. } if handle.name() == name => Some(handle.clone()),
            Slot::Living { .. } | Slot::CoolingDown { .. } => None,
        });
        found.is_some_and(|child| child.shared().mailbox.kill())
    }
}
