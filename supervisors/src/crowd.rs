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
            let mut member = Member {
                name: self.name_of(&crash.key).to_string(),
                state: NodeState::Down,
                depth: 0,
                incarnations: crash.incarnation,
                handled: 0,
                arbiter: None,
                last_failure: Some(crash.failure),
            };
            match self.slots.get(&crash.key).as_deref() {
                Some(Slot::Living { handle, .. }) => {
                    let mailbox = &handle.shared().mailbox;
                    member.state = match mailbox.status() {
                        Status::Up => NodeState::Running,
                        _ => NodeState::BackingOff,
                    };
                    member.depth = mailbox.depth();
                    member.incarnations = member.incarnations.max(mailbox.incarnation());
                    member.handled = mailbox.handled();
                    member.arbiter = mailbox.pulse().map(|pulse| pulse.name().to_owned());
                }
                Some(Slot::CoolingDown { .. }) => member.state = NodeState::CoolingDown,
                None => {}
            }
            crowd.notable.push(member);
        }
        let mut busiest = BinaryHeap::new();
        let room = notable.saturating_sub(crowd.notable.len());
        for slot in &self.slots {
            match slot.value() {
                Slot::CoolingDown { .. } => crowd.cooling_down += 1,
                Slot::Living { handle, .. } if handle.depth() > 0 => {
                    let (depth, shared) = (handle.depth(), handle.shared());
                    let (name, up) = (Arc::clone(shared.name()), handle.is_running());
                    busiest.push(Reverse((depth, name, up, shared.mailbox.handled())));
                    if busiest.len() > room {
                        busiest.pop();
                    }
                }
                Slot::Living { .. } => {}
            }
        }
        for Reverse((depth, name, is_running, handled)) in busiest.into_sorted_vec() {
            let state = if is_running { NodeState::Running } else { NodeState::Starting };
            let name = name.to_string();
            if crowd.notable.iter().all(|member| member.name != name) {
                crowd.notable.push(Member {
                    name,
                    state,
                    depth,
                    incarnations: 1,
                    handled,
                    arbiter: None,
                    last_failure: None,
                });
            }
        }
        crowd
    }
}
