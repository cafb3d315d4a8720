//! An entry as an element of a stream: its id, and its fields.

use ordershop_store::{Entry, Origin};

use super::super::protocol::Output;

/// How many fields an event of ours has.
const OWN_FIELDS: usize = 10;
/// How many fields an entry of another program has.
const FOREIGN_FIELDS: usize = 2;

/// Writes an entry, its fields in the order in which they stand in a stream of Redis. What they hold
/// is told in docs/events.md.
pub(super) fn write(out: &mut Output, entry: &Entry) {
    let is_own = entry.origin == Origin::Own;
    out.array(2);
    out.bulk(entry.id.to_string());
    out.array(2 * if is_own { OWN_FIELDS } else { FOREIGN_FIELDS });
    let mut field = |name: &str, value: &str| {
        out.bulk(name);
        out.bulk(value);
    };
    field("event_id", &entry.event_id.to_string());
    field("entity", &entry.document);
    if !is_own {
        return;
    }
    field("type", &entry.kind);
    field("schema", &entry.schema.to_string());
    field("version", &entry.version.to_string());
    field("time", &entry.time_us.to_string());
    field("command_id", &entry.command_id.to_string());
    field("cause", &entry.cause.map(|cause| cause.to_string()).unwrap_or_default());
    field("data", &entry.data);
    field("entity_id", &entry.entity_id.to_string());
}
