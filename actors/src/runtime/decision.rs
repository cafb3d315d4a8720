//! From a command to what is appended: the one place where events get their ids and their form.

use std::borrow::Cow;

use ordershop_store::{Action, EntityWrite, NewEvent, UniqueKey};
use uuid::Uuid;

use super::EventSourced;

/// What a command leads to: the write, the keys that change hands, and the state afterwards.
#[derive(Clone, Debug)]
pub struct Decision<A> {
    /// The events, at the version on which they were decided.
    pub write: EntityWrite,
    /// Keys that the entity newly holds.
    pub claims: Vec<(UniqueKey, Uuid)>,
    /// Keys that it gives up.
    pub releases: Vec<(UniqueKey, Uuid)>,
    /// The state after the events.
    pub state: A,
}

impl<A> Decision<A> {
    /// The entity's version after the events.
    pub fn version(&self) -> u64 {
        self.write.expected + self.write.events.len() as u64
    }

    /// The id of the last event.
    pub fn last_event(&self) -> Option<Uuid> {
        self.write.events.last().map(|event| event.event_id)
    }
}

/// The id of a command's event number `index` on that entity: the same whenever it is decided
/// again, so that a retry writes nothing new.
pub fn event_id(command_id: Uuid, entity_id: Uuid, index: usize) -> Uuid {
    let mut name = [0; 24];
    name[..16].copy_from_slice(entity_id.as_bytes());
    name[16..].copy_from_slice(&(index as u64).to_be_bytes());
    Uuid::new_v5(&command_id, &name)
}

/// Decides a command on a state of which `last_event` was the last; `None` where the command leads
/// to no event, because it was carried out before.
pub fn decide<A: EventSourced>(
    state: &A,
    version: u64,
    last_event: Option<Uuid>,
    entity_id: Uuid,
    command_id: Uuid,
    command: &A::Command,
) -> Result<Option<Decision<A>>, A::Rejection> {
    let decided = state.decide(command)?;
    if decided.is_empty() {
        return Ok(None);
    }
    let held_before = state.unique_keys();
    let mut after = state.clone();
    let mut events = Vec::with_capacity(decided.len());
    for (index, event) in decided.iter().enumerate() {
        after = after.evolve(event);
        let action = A::action(event);
        let document = match action {
            Action::Internal => String::new(),
            _ => after.document(),
        };
        let data = serde_json::to_string(event)
            .expect("events are structs and enums with string keys, which JSON can always hold");
        events.push(NewEvent {
            action,
            event_id: event_id(command_id, entity_id, index),
            kind: Cow::Borrowed(A::kind(event)),
            schema: A::schema(event),
            document: document.into(),
            data: data.into(),
        });
    }
    let held_after = after.unique_keys();
    let changed = |from: &[String], to: &[String]| {
        from.iter()
            .filter(|key| !to.contains(key))
            .map(|key| (UniqueKey::from(key.as_str()), entity_id))
            .collect::<Vec<_>>()
    };
    Ok(Some(Decision {
        claims: changed(&held_after, &held_before),
        releases: changed(&held_before, &held_after),
        write: EntityWrite { entity_id, expected: version, last_event, events },
        state: after,
    }))
}
