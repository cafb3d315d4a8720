//! The records of the embedded log, as they stand on the disk.
//!
//! They are public so that tools and tests can read a log's files; nobody needs them to use one.
//! Each changed shape gets a format number of its own, and a stored example that must always decode.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::codec::{self, CodecError, Format};
use crate::{Action, EntitySnapshot, Entry, EntryId, Origin, Position, Topic, UniqueKey};

/// The format in which records are written, but those of snapshots.
pub const FORMAT: Format = Format::new(1);
/// The format in which records of snapshots are written; programs that know none refuse it.
pub const SNAPSHOT_FORMAT: Format = Format::new(2);

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record<'a> {
    /// An entry.
    #[serde(borrow)]
    Entry(EntryRecord<'a>),
    /// The new position of a cursor.
    #[serde(borrow)]
    Cursor(CursorRecord<'a>),
    /// The snapshot of an entity, in a format of its own.
    #[serde(borrow)]
    Snapshot(SnapshotRecord<'a>),
}

/// An entry; the fields are those of [`Entry`], UUIDs as numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of an entry")]
pub struct EntryRecord<'a> {
    pub id: EntryId,
    pub topic: &'a str,
    pub action: Action,
    pub event_id: u128,
    pub entity_id: u128,
    pub version: u64,
    pub kind: &'a str,
    pub schema: u16,
    pub time_us: i64,
    pub command_id: u128,
    pub cause: Option<u128>,
    pub document: &'a str,
    pub data: &'a str,
    /// There for the last entry of a transaction, and only for it.
    #[serde(borrow)]
    pub end: Option<TransactionEnd<'a>>,
}

/// What a transaction changed beside its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionEnd<'a> {
    /// Keys that were given up, each by the entity that may have held it; they come first.
    #[serde(borrow)]
    pub releases: Vec<KeyRecord<'a>>,
    /// Keys that were claimed, each by the entity that holds it now.
    #[serde(borrow)]
    pub claims: Vec<KeyRecord<'a>>,
}

/// A unique key, and the entity that claims or releases it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord<'a> {
    /// The key.
    pub key: &'a str,
    /// The entity.
    pub entity_id: u128,
}

/// The position of a cursor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorRecord<'a> {
    /// The name of the cursor.
    pub name: &'a str,
    /// The topic in which it stands.
    pub topic: &'a str,
    /// How far it has come.
    pub position: Position,
}

/// The snapshot of an entity; the fields are those of [`EntitySnapshot`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of a snapshot")]
pub struct SnapshotRecord<'a> {
    pub topic: &'a str,
    pub entity_id: u128,
    pub version: u64,
    pub last_event: u128,
    pub first_position: EntryId,
    pub format: u16,
    pub bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record that these bytes hold.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, CodecError> {
        if Format::of(bytes)? == SNAPSHOT_FORMAT {
            return codec::decode(SNAPSHOT_FORMAT, bytes).map(Self::Snapshot);
        }
        codec::decode(FORMAT, bytes)
    }

    /// The topic to which it belongs.
    pub const fn topic(&self) -> &'a str {
        match self {
            Self::Entry(entry) => entry.topic,
            Self::Cursor(cursor) => cursor.topic,
            Self::Snapshot(snapshot) => snapshot.topic,
        }
    }

    /// Appends the bytes of this record.
    pub fn encode_into(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Snapshot(snapshot) => codec::encode_into(bytes, SNAPSHOT_FORMAT, snapshot),
            Self::Entry(_) | Self::Cursor(_) => codec::encode_into(bytes, FORMAT, self),
        }
    }
}

impl<'a> EntryRecord<'a> {
    /// The record of that entry.
    pub fn new(entry: &'a Entry, end: Option<TransactionEnd<'a>>) -> Self {
        Self {
            id: entry.id,
            topic: entry.topic.name(),
            action: entry.action,
            event_id: entry.event_id.as_u128(),
            entity_id: entry.entity_id.as_u128(),
            version: entry.version,
            kind: &entry.kind,
            schema: entry.schema,
            time_us: entry.time_us,
            command_id: entry.command_id.as_u128(),
            cause: entry.cause.map(|cause| cause.as_u128()),
            document: &entry.document,
            data: &entry.data,
            end,
        }
    }

    /// The entry that this record holds, in that topic.
    pub fn to_entry(&self, topic: Topic) -> Entry {
        Entry {
            id: self.id,
            topic,
            action: self.action,
            event_id: Uuid::from_u128(self.event_id),
            entity_id: Uuid::from_u128(self.entity_id),
            version: self.version,
            kind: Cow::Owned(self.kind.to_owned()),
            schema: self.schema,
            time_us: self.time_us,
            command_id: Uuid::from_u128(self.command_id),
            cause: self.cause.map(Uuid::from_u128),
            document: self.document.into(),
            data: self.data.into(),
            ends_transaction: self.end.is_some(),
            origin: Origin::Own,
        }
    }
}

impl<'a> SnapshotRecord<'a> {
    /// The record of that snapshot.
    pub fn new(topic: Topic, entity_id: Uuid, snapshot: &'a EntitySnapshot) -> Self {
        Self {
            topic: topic.name(),
            entity_id: entity_id.as_u128(),
            version: snapshot.version,
            last_event: snapshot.last_event.as_u128(),
            first_position: snapshot.first_position,
            format: snapshot.format,
            bytes: &snapshot.bytes,
        }
    }

    /// The snapshot that this record holds.
    pub fn to_snapshot(&self) -> EntitySnapshot {
        EntitySnapshot {
            version: self.version,
            last_event: Uuid::from_u128(self.last_event),
            first_position: self.first_position,
            format: self.format,
            bytes: self.bytes.into(),
        }
    }
}

impl<'a> TransactionEnd<'a> {
    /// What a transaction with these claims and releases changed.
    pub fn new(releases: &'a [(UniqueKey, Uuid)], claims: &'a [(UniqueKey, Uuid)]) -> Self {
        let records = |keys: &'a [(UniqueKey, Uuid)]| {
            keys.iter()
                .map(|(key, entity_id)| KeyRecord { key, entity_id: entity_id.as_u128() })
                .collect()
        };
        Self { releases: records(releases), claims: records(claims) }
    }
}
