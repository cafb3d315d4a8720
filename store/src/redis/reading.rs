//! Reads: merged over streams from each one's own place, or along an entity's index.

use std::collections::HashMap;
use std::sync::Arc;

use redis::{Cmd, Pipeline, Value};
use uuid::Uuid;

use super::Inner;
use super::fields::{decode, first_id, text, unexpected};
use super::keys::{holders_key, stream_key};
use super::link::{Request, refuse};
use crate::{
    Action, Entry, EntryId, LogError, Origin, Page, Position, Positions, Topic, UniqueKey,
};

/// Where in an item of an entity's index the number of the stream stands; behind it is the id.
const STREAM_OFFSET: usize = 24;

/// All streams of these topics, merged by id, each from its own place.
///
/// Of streams that hold more than was asked for nothing is given from the first id on that was not
/// asked for: a sister stream may hold a smaller one behind what came.
pub(super) async fn topics(
    inner: &Inner,
    after: &Positions,
    limit: usize,
) -> Result<Page, LogError> {
    let per_stream = limit.clamp(1, inner.options.max_page_entries);
    let mut streams = HashMap::new();
    let (mut names, mut ids) = (Vec::new(), Vec::new());
    for (topic, position) in after.iter() {
        inner.known(topic)?;
        for action in Action::ALL {
            let name = stream_key(topic, action);
            names.push(name.clone());
            ids.push(position.of(action).to_string());
            streams.insert(name, (topic, action));
        }
    }
    if names.is_empty() {
        return Ok(Page::default());
    }
    let mut read = redis::cmd("XREAD");
    read.arg("COUNT").arg(per_stream + 1).arg("STREAMS").arg(names).arg(ids);
    let mut entries = Vec::new();
    let mut bound = None;
    for (name, values) in streams_of(inner.reads.ask_one(&read).await?)? {
        let (topic, action) = *streams.get(&name).ok_or_else(|| unexpected("such stream"))?;
        let is_full = values.len() > per_stream;
        let before = entries.len();
        for value in values {
            entries.push(decode(topic, action, value)?);
        }
        if is_full && let Some(last) = entries[before..].last() {
            bound = Some(bound.map_or(last.id, |bound: EntryId| bound.min(last.id)));
        }
    }
    entries.sort_by_key(|entry| (entry.id, entry.topic));
    let deliverable = match bound {
        Some(bound) => entries.partition_point(|entry| entry.id < bound),
        None => entries.len(),
    };
    let count = deliverable.min(limit);
    let more = count < entries.len();
    entries.truncate(count);
    let entries: Vec<_> = entries.into_iter().map(Arc::new).collect();
    for entry in &entries {
        inner.saw(entry);
    }
    Ok(Page { entries, more })
}

/// One stream behind that id.
pub(super) async fn stream(
    inner: &Inner,
    topic: Topic,
    action: Action,
    after: EntryId,
    limit: usize,
) -> Result<Page, LogError> {
    inner.known(topic)?;
    let limit = limit.min(inner.options.max_page_entries);
    if after == EntryId::MAX {
        return Ok(Page::default());
    }
    let mut range = redis::cmd("XRANGE");
    range.arg(stream_key(topic, action)).arg(format!("({after}")).arg("+");
    range.arg("COUNT").arg(limit + 1);
    let values = array(inner.reads.ask_one(&range).await?)?;
    let more = values.len() > limit;
    let entries = values.into_iter().take(limit).map(|value| decode(topic, action, value));
    let entries = entries.map(|entry| entry.map(Arc::new)).collect::<Result<_, _>>()?;
    Ok(Page { entries, more })
}

/// One entity behind that version, what others wrote included.
pub(super) async fn entity(
    inner: &Inner,
    topic: Topic,
    entity_id: Uuid,
    after: u64,
    limit: usize,
) -> Result<Page, LogError> {
    let limit = limit.min(inner.options.max_page_entries);
    let arguments = |command: &mut Cmd| {
        command.arg(entity_id.to_string()).arg(after).arg(limit + 1);
    };
    let mut found = found(inner.locate(topic, &arguments).await?)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let entries = load(inner, topic, found.into_iter().flatten().collect()).await?;
    Ok(Page { entries, more })
}

/// The last entry of each of these entities, what others wrote included.
pub(super) async fn latest(
    inner: &Inner,
    topic: Topic,
    entity_ids: Vec<Uuid>,
) -> Result<Vec<Option<Arc<Entry>>>, LogError> {
    if entity_ids.is_empty() {
        return Ok(Vec::new());
    }
    let arguments = |command: &mut Cmd| {
        command.arg("last");
        for entity_id in &entity_ids {
            command.arg(entity_id.to_string());
        }
    };
    let found = found(inner.locate(topic, &arguments).await?)?;
    let is_there: Vec<bool> = found.iter().map(Option::is_some).collect();
    let mut entries = load(inner, topic, found.into_iter().flatten().collect()).await?.into_iter();
    Ok(is_there.into_iter().map(|there| if there { entries.next() } else { None }).collect())
}

/// Who holds each of these keys.
pub(super) async fn holders(
    inner: &Inner,
    topic: Topic,
    keys: Vec<UniqueKey>,
) -> Result<Vec<Option<Uuid>>, LogError> {
    inner.known(topic)?;
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut get = redis::cmd("HMGET");
    get.arg(holders_key(topic));
    for key in &keys {
        get.arg(&**key);
    }
    let values = array(inner.commands.ask_one(&get).await?)?;
    let holder = |value: &Value| match value {
        Value::Nil => Ok(None),
        value => {
            let holder = text(value).and_then(|text| text.parse().ok());
            holder.map(Some).ok_or_else(|| unexpected("holder of a key"))
        }
    };
    values.iter().map(holder).collect()
}

/// The last id of each stream.
pub(super) async fn ends(inner: &Inner, topics: Vec<Topic>) -> Result<Positions, LogError> {
    let mut last = Pipeline::new();
    for topic in &topics {
        inner.known(*topic)?;
        for action in Action::ALL {
            last.cmd("XREVRANGE").arg(stream_key(*topic, action)).arg("+").arg("-");
            last.arg("COUNT").arg(1);
        }
    }
    if topics.is_empty() {
        return Ok(Positions::default());
    }
    let values = inner.commands.ask(Request::Several(&last)).await?;
    let values = values.into_iter().map(refuse).collect::<Result<Vec<_>, _>>()?;
    let position = |values: &[Value]| {
        let mut position = Position::START;
        for (action, value) in Action::ALL.into_iter().zip(values) {
            position.advance(action, first_id(value).unwrap_or_default());
        }
        position
    };
    Ok(topics.into_iter().zip(values.chunks(Action::ALL.len()).map(position)).collect())
}

/// Where an entry of an entity stands, and as which version.
#[derive(Clone, Copy, Debug)]
struct Place {
    action: Action,
    id: EntryId,
    version: u64,
}

fn place(item: &Value) -> Result<Place, LogError> {
    let parse = || {
        let Value::BulkString(bytes) = item else {
            return None;
        };
        let (stream, rest) = bytes.get(STREAM_OFFSET..)?.split_first()?;
        let action = Action::ALL.get(usize::from(stream.checked_sub(b'1')?)).copied()?;
        let (id, version) = str::from_utf8(rest).ok()?.split_once(' ')?;
        Some(Place { action, id: id.parse().ok()?, version: version.parse().ok()? })
    };
    parse().ok_or_else(|| unexpected("item of an index"))
}

/// A place, and what stands there where that was given along with it.
type Found = (Place, Option<Value>);

/// The places that an answer of `locate` holds.
fn found(answer: Vec<Value>) -> Result<Vec<Option<Found>>, LogError> {
    let mut found = Vec::with_capacity(answer.len() / 2);
    let mut answer = answer.into_iter();
    while let (Some(item), Some(entry)) = (answer.next(), answer.next()) {
        found.push(match (item, entry) {
            (Value::Nil, _) => None,
            (item, Value::Nil) => Some((place(&item)?, None)),
            (item, entry) => Some((place(&item)?, Some(entry))),
        });
    }
    Ok(found)
}

/// The entries at these places. They never change, so it does not matter that some come later.
async fn load(inner: &Inner, topic: Topic, found: Vec<Found>) -> Result<Vec<Arc<Entry>>, LogError> {
    let mut ranges = Pipeline::new();
    for (place, _) in found.iter().filter(|(_, entry)| entry.is_none()) {
        let id = place.id.to_string();
        ranges.cmd("XRANGE").arg(stream_key(topic, place.action)).arg(&id).arg(&id);
    }
    let asked = if ranges.is_empty() {
        Vec::new()
    } else {
        inner.reads.ask(Request::Several(&ranges)).await?
    };
    let mut asked = asked.into_iter();
    found
        .into_iter()
        .map(|(place, entry)| {
            let entry = entry.or_else(|| asked.next()).ok_or_else(|| unexpected("entry"))?;
            let entry = array(refuse(entry)?)?.pop().ok_or_else(|| {
                let stream = stream_key(topic, place.action);
                LogError::Refused(format!("{stream} no longer holds {}", place.id).into())
            })?;
            let mut entry = decode(topic, place.action, entry)?;
            if entry.origin == Origin::Foreign {
                entry.version = place.version;
            }
            Ok(Arc::new(entry))
        })
        .collect()
}

pub(super) fn array(value: Value) -> Result<Vec<Value>, LogError> {
    match value {
        Value::Array(values) | Value::Set(values) => Ok(values),
        Value::Nil => Ok(Vec::new()),
        _ => Err(unexpected("list")),
    }
}

/// The streams in an answer of `XREAD`, which leaves out those without news.
fn streams_of(value: Value) -> Result<Vec<(String, Vec<Value>)>, LogError> {
    let stream = |name: &Value, entries| {
        let name = text(name).ok_or_else(|| unexpected("name of a stream"))?.to_owned();
        Ok((name, array(entries)?))
    };
    match value {
        Value::Nil => Ok(Vec::new()),
        Value::Map(streams) => {
            streams.into_iter().map(|(name, entries)| stream(&name, entries)).collect()
        }
        _ => Err(unexpected("streams by name")),
    }
}
