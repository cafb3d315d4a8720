//! The names of the keys, all of a topic on one slot.

use crate::{Action, Topic};

/// The stream of that topic and action: `events:{customer}_created`.
pub(super) fn stream_key(topic: Topic, action: Action) -> String {
    format!("events:{{{topic}}}_{}", action.name())
}

/// What all other keys of a topic begin with: `ordershop:{customer}:`.
pub(super) fn prefix(topic: Topic) -> String {
    format!("ordershop:{{{topic}}}:")
}

/// The key that holds the last known id of each stream.
pub(super) fn ids_key(topic: Topic) -> String {
    prefix(topic) + "ids"
}

/// The hash of unique keys and their holders.
pub(super) fn holders_key(topic: Topic) -> String {
    prefix(topic) + "keys"
}

/// The hash of cursors by name.
pub(super) fn cursors_key(topic: Topic) -> String {
    prefix(topic) + "cursors"
}

/// The hash of the events at which cursors stand.
pub(super) fn digests_key(topic: Topic) -> String {
    prefix(topic) + "digests"
}

/// The hash of snapshots by entity.
pub(super) fn snapshots_key(topic: Topic) -> String {
    prefix(topic) + "snapshots"
}

/// The list of a blob's parts.
pub(super) fn blob_key(name: &str) -> String {
    format!("ordershop:{{blob:{name}}}:parts")
}
