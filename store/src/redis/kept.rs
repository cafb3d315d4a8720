//! What is kept beside the entries: cursors with the events at which they stand, and snapshots.

use redis::{Pipeline, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Inner;
use super::fields::{text, unexpected};
use super::keys::{cursors_key, digests_key, snapshots_key};
use super::link::{Request, refuse};
use super::witness::{lookup, still_missing};
use crate::codec::{self, Format};
use crate::{Action, CursorName, EntitySnapshot, EntryId, LogError, Loss, Position, Topic};

/// The format of a cursor.
const CURSOR_FORMAT: Format = Format::new(33);
/// The format of a snapshot.
const SNAPSHOT_FORMAT: Format = Format::new(34);

/// A snapshot as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    version: u64,
    last_event: u128,
    first_position: EntryId,
    format: u16,
    bytes: &'a [u8],
}

pub(super) fn encode_position(position: Position) -> Vec<u8> {
    codec::encode(CURSOR_FORMAT, &position)
}

pub(super) fn encode_snapshot(snapshot: &EntitySnapshot) -> Vec<u8> {
    let EntitySnapshot { version, last_event, first_position, format, bytes } = snapshot;
    let stored = Stored {
        version: *version,
        last_event: last_event.as_u128(),
        first_position: *first_position,
        format: *format,
        bytes,
    };
    codec::encode(SNAPSHOT_FORMAT, &stored)
}

fn decode_snapshot(bytes: &[u8]) -> Option<EntitySnapshot> {
    let stored: Stored<'_> = codec::decode(SNAPSHOT_FORMAT, bytes).ok()?;
    Some(EntitySnapshot {
        version: stored.version,
        last_event: Uuid::from_u128(stored.last_event),
        first_position: stored.first_position,
        format: stored.format,
        bytes: stored.bytes.into(),
    })
}

/// The cursor of that name as it was saved, and the events at which it stood then.
pub(super) async fn saved_cursor(
    inner: &Inner,
    name: &str,
    topic: Topic,
) -> Result<Option<(Position, Vec<Loss>)>, LogError> {
    inner.known(topic)?;
    let mut get = Pipeline::new();
    get.cmd("HGET").arg(cursors_key(topic)).arg(name);
    get.cmd("HGET").arg(digests_key(topic)).arg(name);
    let values = inner.commands.ask(Request::Several(&get)).await?;
    let values = values.into_iter().map(refuse).collect::<Result<Vec<_>, _>>()?;
    let [position, digests] = &values[..] else {
        return Err(unexpected("cursor"));
    };
    let Value::BulkString(bytes) = position else {
        return Ok(None);
    };
    let position: Position =
        codec::decode(CURSOR_FORMAT, bytes).map_err(|_| unexpected("cursor of a known format"))?;
    let digests = text(digests).unwrap_or_default().split(' ');
    let stood_at: Vec<Loss> = Action::ALL
        .into_iter()
        .zip(digests)
        .filter_map(|(action, event)| {
            let (id, event_id) = (position.of(action), event.parse().ok()?);
            Some(Loss { topic, action, id, event_id })
        })
        .collect();
    Ok(Some((position, stood_at)))
}

/// The cursor of that name; an error where the log no longer holds the events at which it stands.
pub(super) async fn cursor(
    inner: &Inner,
    name: CursorName,
    topic: Topic,
) -> Result<Option<Position>, LogError> {
    let Some((position, stood_at)) = saved_cursor(inner, &name, topic).await? else {
        return Ok(None);
    };
    if stood_at.is_empty() {
        return Ok(Some(position));
    }
    let found = inner.commands.ask(Request::Several(&lookup(&stood_at))).await?;
    let lost =
        still_missing(&stood_at, found).map_err(|e| LogError::Refused(e.to_string().into()))?;
    if lost.is_empty() { Ok(Some(position)) } else { Err(LogError::Lost(lost.into())) }
}

/// The snapshot of that entity; one of another format is none.
pub(super) async fn snapshot(
    inner: &Inner,
    topic: Topic,
    entity_id: Uuid,
) -> Result<Option<EntitySnapshot>, LogError> {
    inner.known(topic)?;
    let mut get = redis::cmd("HGET");
    get.arg(snapshots_key(topic)).arg(entity_id.to_string());
    match inner.commands.ask_one(&get).await? {
        Value::BulkString(bytes) => Ok(decode_snapshot(&bytes)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_can_be_read_for_ever() {
        let mut position = Position::START;
        position.advance(Action::Created, EntryId::new(1, 2));
        position.advance(Action::Internal, EntryId::new(3, 4));
        let mut cursor = vec![33];
        for number in [1_u64, 2, 0, 0, 0, 0, 3, 4] {
            cursor.extend_from_slice(&number.to_le_bytes());
        }
        assert_eq!(encode_position(position), cursor);

        let snapshot = EntitySnapshot {
            version: 5,
            last_event: Uuid::from_u128(6),
            first_position: EntryId::new(7, 8),
            format: 9,
            bytes: vec![10, 11].into(),
        };
        let mut stored = vec![34];
        stored.extend_from_slice(&5_u64.to_le_bytes());
        stored.extend_from_slice(&6_u128.to_le_bytes());
        stored.extend_from_slice(&7_u64.to_le_bytes());
        stored.extend_from_slice(&8_u64.to_le_bytes());
        stored.extend_from_slice(&9_u16.to_le_bytes());
        stored.extend_from_slice(&2_u64.to_le_bytes());
        stored.extend_from_slice(&[10, 11]);
        assert_eq!(encode_snapshot(&snapshot), stored);
        assert_eq!(decode_snapshot(&stored), Some(snapshot));
        assert_eq!(decode_snapshot(&stored[..9]), None);
    }
}
