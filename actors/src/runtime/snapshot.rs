//! Snapshots of entities: taken when many events have come since the last, and checked when loaded.

use ordershop_store::codec::{self, Format};
use ordershop_store::{Action, EntitySnapshot, Entry, EventLog};
use uuid::Uuid;

use super::{EventSourced, ReplayError, Replayed};

/// The format around every state; which state it is, [`EventSourced::SNAPSHOT_FORMAT`] says.
const FORMAT: Format = Format::new(3);
/// The most bytes of a state of which a snapshot is saved; a larger one is replayed.
const MAX_STATE_BYTES: usize = 1024 * 1024;

/// A snapshot of this entity; `None` where it cannot have one.
pub(super) fn take<A: EventSourced>(entity: &Replayed<A>) -> Option<EntitySnapshot> {
    let bytes = codec::encode(FORMAT, &entity.state);
    (bytes.len() <= MAX_STATE_BYTES).then_some(EntitySnapshot {
        version: entity.version,
        last_event: entity.last_event?,
        first_position: entity.first_position?,
        format: A::SNAPSHOT_FORMAT,
        bytes: bytes.into(),
    })
}

/// The entity as of its snapshot; `None` where it has none that the log bears out.
pub(super) async fn load<A: EventSourced>(
    log: &dyn EventLog,
    entity_id: Uuid,
) -> Result<Option<Replayed<A>>, ReplayError> {
    let snapshot = match log.snapshot(A::TOPIC, entity_id).await {
        Ok(Some(snapshot)) if snapshot.format == A::SNAPSHOT_FORMAT => snapshot,
        Ok(_) => return Ok(None),
        Err(error) if error.passes() => return Err(error.into()),
        Err(error) => {
            tracing::warn!(topic = %A::TOPIC, %entity_id, %error, "a snapshot is ignored");
            return Ok(None);
        }
    };
    let Some(before) = snapshot.version.checked_sub(1) else {
        return Ok(None);
    };
    let page = log.read_entity(A::TOPIC, entity_id, before, 1).await?;
    let Some(entry) = page.entries.first() else {
        return Ok(None);
    };
    let state = match codec::decode::<A>(FORMAT, &snapshot.bytes) {
        Ok(state) if bears_out(entry, &snapshot, &state) => state,
        Ok(_) => return Ok(None),
        Err(error) => {
            tracing::warn!(topic = %A::TOPIC, %entity_id, %error, "a snapshot is ignored");
            return Ok(None);
        }
    };
    Ok(Some(Replayed {
        state,
        version: snapshot.version,
        last_event: Some(snapshot.last_event),
        first_position: Some(snapshot.first_position),
        last_position: Some(entry.id),
        snapshot_version: snapshot.version,
    }))
}

/// Whether the entity was so after that entry: the state's own text stands there, too.
fn bears_out<A: EventSourced>(entry: &Entry, snapshot: &EntitySnapshot, state: &A) -> bool {
    entry.version == snapshot.version
        && entry.event_id == snapshot.last_event
        && (entry.action == Action::Internal || *entry.document == state.document())
}
