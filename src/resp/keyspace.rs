//! Which keys there are: for each topic a set of ids, a hash for each entity, lists, streams.
//!
//! A key is there only as long as what it stands for has any element, as in Redis.

use std::sync::LazyLock;

use ordershop_actors::read_model::{Elements, Fields, LIST_FIELD, Row, STREAMS, StreamIndex, View};
use ordershop_actors::shop::topics;
use ordershop_store::{Action, Topic};
use uuid::Uuid;

use super::commands::{Refusal, WRONG_TYPE};

/// How many bytes an id has in a key.
const ID_BYTES: usize = 36;

/// What a key may stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// `<topic>_ids`: the ids of the topic's living entities.
    Ids(Topic),
    /// `<topic>_entity:<id>`: an entity's fields.
    Entity(Topic, Uuid),
    /// `order_product_ids:<id>`: an order's products.
    List(Uuid),
    /// `events:{<topic>}_<action>`: a stream.
    Stream(Topic, Action),
}

/// What there is at a key.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    /// A set.
    Set(Topic),
    /// A hash.
    Hash(Hash<'a>),
    /// A list.
    List(Elements<'a>),
    /// A stream.
    Stream(Topic, Action, &'a StreamIndex),
}

/// An entity's fields.
#[derive(Clone, Copy)]
pub(super) struct Hash<'a> {
    pub(super) topic: Topic,
    pub(super) id: Uuid,
    pub(super) fields: &'a Fields,
}

impl Key {
    /// What this key may stand for; nothing is there at any other.
    pub(super) fn parse(key: &[u8]) -> Option<Self> {
        if let Some(rest) = key.strip_prefix(b"events:{") {
            let (topic, rest) = topic_before(rest)?;
            let action = rest.strip_prefix(b"}_")?;
            let action = STREAMS.into_iter().find(|known| known.name().as_bytes() == action)?;
            return Some(Self::Stream(topic, action));
        }
        let (topic, rest) = topic_before(key)?;
        if rest == b"_ids" {
            return Some(Self::Ids(topic));
        }
        if let Some(id) = rest.strip_prefix(b"_entity:") {
            return Some(Self::Entity(topic, id_of(id)?));
        }
        let id = rest.strip_prefix(b"_product_ids:").filter(|_| topic == topics::ORDER)?;
        Some(Self::List(id_of(id)?))
    }

    /// The key itself, written behind what is there.
    pub(super) fn write(self, to: &mut Vec<u8>) {
        let mut text = |parts: &[&str]| parts.iter().for_each(|part| to.extend(part.as_bytes()));
        match self {
            Self::Ids(topic) => text(&[topic.name(), "_ids"]),
            Self::Stream(topic, action) => text(&["events:{", topic.name(), "}_", action.name()]),
            Self::Entity(topic, id) => {
                text(&[topic.name(), "_entity:", id.hyphenated().encode_lower(&mut [0; ID_BYTES])]);
            }
            Self::List(id) => {
                let id = id.hyphenated().encode_lower(&mut [0; ID_BYTES]).to_owned();
                text(&["order_", LIST_FIELD, ":", &id]);
            }
        }
    }

    /// What there is at this key.
    pub(super) fn value(self, view: &View) -> Option<Value<'_>> {
        match self {
            Self::Ids(topic) => (!view.table(topic).is_empty()).then_some(Value::Set(topic)),
            Self::Entity(topic, id) => {
                let fields = view.table(topic).get(id)?.fields();
                (!fields.is_empty()).then_some(Value::Hash(Hash { topic, id, fields }))
            }
            Self::List(id) => list_of(view.table(topics::ORDER).get(id)?).map(Value::List),
            Self::Stream(topic, action) => {
                let stream = view.stream(topic, action)?;
                (!stream.is_empty()).then_some(Value::Stream(topic, action, stream))
            }
        }
    }
}

/// The list that a row has.
pub(super) fn list_of(row: &Row) -> Option<Elements<'_>> {
    row.fields().list().filter(|list| !list.is_empty())
}

/// What there is at the key of that name.
pub(super) fn find<'a>(view: &'a View, key: &[u8]) -> Option<Value<'a>> {
    Key::parse(key)?.value(view)
}

/// The set at a key, if there is one; an error where there is something else.
pub(super) fn set(view: &View, key: &[u8]) -> Result<Option<Topic>, Refusal> {
    of_kind(view, key, |value| if let Value::Set(topic) = value { Some(topic) } else { None })
}

/// The hash at a key, one without fields where there is nothing; an error where there is something
/// else.
pub(super) fn hash<'a>(view: &'a View, key: &[u8]) -> Result<Hash<'a>, Refusal> {
    static NO_FIELDS: LazyLock<Fields> = LazyLock::new(Fields::default);
    let found =
        of_kind(view, key, |value| if let Value::Hash(hash) = value { Some(hash) } else { None })?;
    Ok(found.unwrap_or(Hash { topic: topics::ORDER, id: Uuid::nil(), fields: &NO_FIELDS }))
}

/// The list at a key, an empty one where there is nothing; an error where there is something else.
pub(super) fn list<'a>(view: &'a View, key: &[u8]) -> Result<Elements<'a>, Refusal> {
    let found =
        of_kind(view, key, |value| if let Value::List(list) = value { Some(list) } else { None })?;
    Ok(found.unwrap_or_default())
}

/// The stream at a key, if there is one; an error where there is something else.
pub(super) fn stream<'a>(
    view: &'a View,
    key: &[u8],
) -> Result<Option<(Topic, Action, &'a StreamIndex)>, Refusal> {
    of_kind(view, key, |value| match value {
        Value::Stream(topic, action, index) => Some((topic, action, index)),
        _ => None,
    })
}

/// What there is at a key, if anything is; an error where it is not of the kind that is picked.
fn of_kind<'a, T>(
    view: &'a View,
    key: &[u8],
    pick: impl Fn(Value<'a>) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    find(view, key).map(|value| pick(value).ok_or(WRONG_TYPE)).transpose()
}

/// The keys whose number does not grow, the sets and the streams, whether anything is there or not.
pub(super) fn fixed_keys() -> impl Iterator<Item = Key> {
    let sets = topics::PUBLIC.into_iter().map(Key::Ids);
    let streams = topics::PUBLIC
        .into_iter()
        .flat_map(|topic| STREAMS.into_iter().map(move |action| Key::Stream(topic, action)));
    sets.chain(streams)
}

/// How many keys there are.
pub(super) fn len(view: &View) -> usize {
    let tables = topics::PUBLIC.into_iter().map(|topic| view.table(topic).len());
    let fixed = fixed_keys().filter(|key| key.value(view).is_some()).count();
    fixed + tables.sum::<usize>() + view.table(topics::ORDER).lists()
}

/// The topic whose name stands at the beginning, and what stands behind it.
fn topic_before(text: &[u8]) -> Option<(Topic, &[u8])> {
    topics::PUBLIC
        .into_iter()
        .find_map(|topic| Some((topic, text.strip_prefix(topic.name().as_bytes())?)))
}

/// The id in a key, in the one form in which keys have it.
pub(super) fn id_of(text: &[u8]) -> Option<Uuid> {
    let canonical = text.len() == ID_BYTES && !text.iter().any(u8::is_ascii_uppercase);
    canonical.then(|| Uuid::try_parse_ascii(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let id = Uuid::from_u128(0xabc);
        for key in [
            Key::Ids(topics::INVENTORY),
            Key::Entity(topics::CUSTOMER, id),
            Key::List(id),
            Key::Stream(topics::ORDER, Action::Created),
        ] {
            let mut text = Vec::new();
            key.write(&mut text);
            assert_eq!(Key::parse(&text), Some(key), "{}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn nothing_stands_at_any_other_key() {
        let upper = "customer_entity:00000000-0000-0000-0000-000000000ABC";
        let braces = "customer_entity:{00000000-0000-0000-0000-000000000abc}";
        for key in [
            "",
            "customer",
            "mail_ids",
            "events:{order}_internal",
            "events:{mail}_created",
            "customer_product_ids:00000000-0000-0000-0000-000000000abc",
            "customer_entity:",
            upper,
            braces,
        ] {
            assert_eq!(Key::parse(key.as_bytes()), None, "{key}");
        }
    }
}
