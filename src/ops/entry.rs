//! An entry of the log as one line of JSON.

use ordershop_store::Entry;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::moment::rfc3339;

/// All of an entry but its two texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of an entry")]
pub struct EntryHead {
    pub id: String,
    pub topic: String,
    pub action: String,
    /// The domain event.
    pub r#type: String,
    pub schema: u16,
    pub entity_id: Uuid,
    pub version: u64,
    pub time: String,
    pub event_id: Uuid,
    pub command_id: Uuid,
    pub cause: Option<Uuid>,
    pub ends_transaction: bool,
}

impl EntryHead {
    /// The head of an entry.
    pub fn of(entry: &Entry) -> Self {
        Self {
            id: entry.id.to_string(),
            topic: entry.topic.name().to_owned(),
            action: entry.action.name().to_owned(),
            r#type: entry.kind.to_string(),
            schema: entry.schema,
            entity_id: entry.entity_id,
            version: entry.version,
            time: rfc3339(entry.time_us),
            event_id: entry.event_id,
            command_id: entry.command_id,
            cause: entry.cause,
            ends_transaction: entry.ends_transaction,
        }
    }
}

/// The whole entry as one line of JSON: its head, then `entity` and `data` as they stand in the log.
pub fn to_json(entry: &Entry) -> String {
    let mut line = serde_json::to_string(&EntryHead::of(entry)).expect("a struct of plain values");
    line.pop();
    for (name, text) in [("entity", &entry.document), ("data", &entry.data)] {
        line.push_str(",\"");
        line.push_str(name);
        line.push_str("\":");
        line.push_str(&json_in_one_line(text));
    }
    line.push('}');
    line
}

/// A text of the log that should be JSON, as JSON that fits in a line; where it is none, as a string.
pub fn json_in_one_line(text: &str) -> String {
    if text.is_empty() {
        return "null".to_owned();
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        // Line ends within JSON stand between its tokens only.
        Ok(_) => text.replace(['\n', '\r'], " "),
        Err(_) => serde_json::Value::from(text).to_string(),
    }
}
