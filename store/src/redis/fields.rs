//! The fields of a stream's entry: ours with a domain event, those of others without.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use redis::Value;
use serde::Deserialize;
use uuid::Uuid;

use crate::{Action, Entry, EntryId, LogError, Origin, Topic};

/// The length of a UUID in the one form that counts: hexadecimal, with hyphens.
const UUID_LENGTH: usize = 36;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// The entry of that stream that an answer of `XRANGE` or `XREAD` holds.
pub(super) fn decode(topic: Topic, action: Action, value: Value) -> Result<Entry, LogError> {
    let (id, fields) = parts(value).ok_or_else(|| unexpected("an entry of a stream"))?;
    let fields = Fields(&fields);
    let mut entry = Entry {
        id,
        topic,
        action,
        event_id: Uuid::nil(),
        entity_id: Uuid::nil(),
        version: 0,
        kind: Cow::Borrowed(""),
        schema: 0,
        time_us: time_of(id),
        command_id: Uuid::nil(),
        cause: None,
        document: Arc::from(""),
        data: Arc::from(""),
        ends_transaction: true,
        origin: Origin::Foreign,
    };
    if !fields.fill_own(&mut entry)
        && let Err(reason) = fields.fill_foreign(&mut entry)
    {
        entry.origin = Origin::Unreadable(reason.into());
    }
    Ok(entry)
}

/// The event in the first entry of an answer of `XRANGE`.
pub(super) fn event_id_of(value: &Value) -> Option<Uuid> {
    let Value::Array(entries) = value else {
        return None;
    };
    let (_, fields) = parts(entries.first()?.clone())?;
    Fields(&fields).uuid("event_id")
}

/// The id of the first entry of an answer of `XRANGE` or `XREVRANGE`.
pub(super) fn first_id(value: &Value) -> Option<EntryId> {
    let Value::Array(entries) = value else {
        return None;
    };
    let Value::Array(entry) = entries.first()? else {
        return None;
    };
    text(entry.first()?)?.parse().ok()
}

/// A text in an answer.
pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        Value::Okay => Some("OK"),
        _ => None,
    }
}

/// The error of an answer that has another form than the command's.
pub(super) fn unexpected(what: &str) -> LogError {
    LogError::Refused(format!("its answer holds no {what}").into())
}

/// A field's name and value.
type Field = (Vec<u8>, Vec<u8>);

fn parts(value: Value) -> Option<(EntryId, Vec<Field>)> {
    let Value::Array(entry) = value else {
        return None;
    };
    let [id, Value::Array(pairs)] = <[Value; 2]>::try_from(entry).ok()? else {
        return None;
    };
    let id = text(&id)?.parse().ok()?;
    let mut fields = Vec::with_capacity(pairs.len() / 2);
    let mut pairs = pairs.into_iter();
    while let (Some(Value::BulkString(name)), Some(Value::BulkString(value))) =
        (pairs.next(), pairs.next())
    {
        fields.push((name, value));
    }
    Some((id, fields))
}

/// The moment that an id of another program names, where it names one.
fn time_of(id: EntryId) -> i64 {
    let seconds = i64::try_from(id.seconds()).unwrap_or(i64::MAX);
    let micros = i64::try_from(id.micros()).unwrap_or(i64::MAX);
    seconds.saturating_mul(MICROS_PER_SECOND).saturating_add(micros.min(MICROS_PER_SECOND - 1))
}

/// A UUID in the one form that counts.
fn parse_uuid(text: &str) -> Option<Uuid> {
    if text.len() == UUID_LENGTH { Uuid::parse_str(text).ok() } else { None }
}

#[derive(Clone, Copy)]
struct Fields<'a>(&'a [Field]);

/// The one field of an entity that the log needs to know.
#[derive(Deserialize)]
struct Identified<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

impl<'a> Fields<'a> {
    /// The first field of that name counts.
    fn bytes(self, name: &str) -> Option<&'a [u8]> {
        let (_, value) = self.0.iter().find(|(field, _)| field == name.as_bytes())?;
        Some(value)
    }

    fn text(self, name: &str) -> Option<&'a str> {
        str::from_utf8(self.bytes(name)?).ok()
    }

    fn uuid(self, name: &str) -> Option<Uuid> {
        parse_uuid(self.text(name)?)
    }

    fn number<T: FromStr>(self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// Fills in what an entry of ours holds; returns whether it is one.
    fn fill_own(self, entry: &mut Entry) -> bool {
        let filled = || {
            let mut own = entry.clone();
            own.event_id = self.uuid("event_id")?;
            own.entity_id = self.uuid("entity_id")?;
            own.version = self.number("version")?;
            own.kind = Cow::Owned(self.text("type")?.to_owned());
            own.schema = self.number("schema")?;
            own.time_us = self.number("time")?;
            own.command_id = self.uuid("command_id")?;
            own.cause = match self.text("cause")? {
                "" => None,
                cause => Some(parse_uuid(cause)?),
            };
            own.document = self.text("entity")?.into();
            own.data = self.text("data")?.into();
            let (place, count) = self.text("transaction")?.split_once('/')?;
            own.ends_transaction = place == count;
            own.origin = Origin::Own;
            Some(own)
        };
        match filled() {
            Some(own) => *entry = own,
            None => return false,
        }
        true
    }

    /// Fills in what an entry of another program must hold, or says what it lacks.
    fn fill_foreign(self, entry: &mut Entry) -> Result<(), String> {
        let document = self.bytes("entity").map(String::from_utf8_lossy);
        entry.document = document.as_deref().unwrap_or_default().into();
        let known = self.uuid("event_id");
        entry.event_id = known.unwrap_or_default();
        known.ok_or("its event_id is no UUID")?;
        let text = self.text("entity").ok_or("it has no entity, or one that is no text")?;
        let identified: Identified<'_> = serde_json::from_str(text)
            .map_err(|error| format!("its entity is no JSON object with an id: {error}"))?;
        entry.entity_id = parse_uuid(&identified.id).ok_or("its entity's id is no UUID")?;
        Ok(())
    }
}
