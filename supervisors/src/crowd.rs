//! How the children of a dynamic supervisor are shown to people.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::Hash;
use std::sync::Arc;

use crate::Process;
use crate::children::{Children, Slot};
use crate::introspect::{Crowd, Member, NodeState};
use crate::word::Status;

/// How it is shown to people.
impl<K, P> Children<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    /// Counts the children, and names at most so many: those that failed, then the busiest.
    ///
    /// It visits each child once; a shard of the registry is locked for reading meanwhile.
    pub(crate) fn crowd(&self, notable: usize) -> Crowd {
        let (failures, crashes) = self.crashes().all();
        let mut crowd = Crowd { living: self.len(), failures, ..Crowd::default() };
        for crash in crashes.into_iter().take(notable) {
            let (state, depth, restarts) = match self.slots.get(&crash.key).as_deref() {
                Some(Slot::Living { handle, .. }) => match handle.shared().mailbox.status() {
                    // It was made anew since.
                    Status::Up => (NodeState::Running, handle.depth(), 1),
                    _ => (NodeState::BackingOff, handle.depth(), 0),
                },
                Some(Slot::CoolingDown { .. }) => (NodeState::CoolingDown, 0, 0),
                None => (NodeState::Down, 0, 0),
            };
            crowd.notable.push(Member {
                name: self.name_of(&crash.key).to_string(),
                state,
                depth,
                incarnations: crash.incarnation + restarts,
                last_failure: Some((crash.reason, crash.at)),
            });
        }
        let mut busiest = BinaryHeap::new();
        let room = notable.saturating_sub(crowd.notable.len());
        for slot in &self.slots {
            match slot.value() {
                Slot::CoolingDown { .. } => crowd.cooling_down += 1,
                Slot::Living { handle, .. } if handle.depth() > 0 => {
                    let (depth, name) = (handle.depth(), Arc::clone(handle.shared().name()));
                    busiest.push(Reverse((depth, name, handle.is_running())));
                    if busiest.len() > room {
                        busiest.pop();
                    }
                }
                Slot::Living { .. } => {}
            }
        }
        for Reverse((depth, name, is_running)) in busiest.into_sorted_vec() {
            let state = if is_running { NodeState::Running } else { NodeState::Starting };
            let name = name.to_string();
            if crowd.notable.iter().all(|member| member.name != name) {
                let (incarnations, last_failure) = (1, None);
                crowd.notable.push(Member { name, state, depth, incarnations, last_failure });
            }
        }
        crowd
    }
}
