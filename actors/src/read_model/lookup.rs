//! Finds the entities that name another one, without a scan.

use std::fmt;
use std::ops::Bound;

use ordershop_store::Topic;
use rpds::{HashTrieMapSync, RedBlackTreeSetSync};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use uuid::Uuid;

use super::Place;
use crate::shop::topics;

/// A field by which a topic's entities are found: it holds the id of another entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The topic whose entities are found.
    pub topic: Topic,
    /// The field of their public state.
    pub field: &'static str,
}

/// Billings by what they bill.
pub(super) const BILLINGS_BY_ORDER: Lookup = Lookup { topic: topics::BILLING, field: "order_id" };

/// Every look-up that there is; each line is an index of its own.
pub const LOOKUPS: [Lookup; 3] = [
    Lookup { topic: topics::INVENTORY, field: "product_id" },
    Lookup { topic: topics::ORDER, field: "customer_id" },
    BILLINGS_BY_ORDER,
];

impl Lookup {
    /// The id that a public state holds in this field.
    pub(super) fn key(self, document: &str) -> Result<Uuid, serde_json::Error> {
        self.deserialize(&mut serde_json::Deserializer::from_str(document))
    }
}

impl<'de> DeserializeSeed<'de> for Lookup {
    type Value = Uuid;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Uuid, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Lookup {
    type Value = Uuid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {}", self.topic)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Uuid, A::Error> {
        let mut key = None;
        while let Some(name) = members.next_key::<std::borrow::Cow<'de, str>>()? {
            if name == self.field {
                key = Some(members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        key.ok_or_else(|| A::Error::missing_field(self.field))
    }
}

/// The index of one look-up; a clone shares everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Index(HashTrieMapSync<Uuid, RedBlackTreeSetSync<Place>>);

impl Index {
    /// Has the entity at this place found by another id than before, or not at all.
    pub(super) fn set(&mut self, place: Place, before: Option<Uuid>, now: Option<Uuid>) {
        if before == now {
            return;
        }
        if let Some(before) = before
            && let Some(places) = self.0.get_mut(&before)
        {
            places.remove_mut(&place);
            if places.is_empty() {
                self.0.remove_mut(&before);
            }
        }
        let Some(now) = now else { return };
        match self.0.get_mut(&now) {
            Some(places) => {
                places.insert_mut(place);
            }
            None => self.0.insert_mut(now, RedBlackTreeSetSync::default().insert(place)),
        }
    }

    /// Whether anything is found by this id.
    pub(super) fn contains(&self, key: Uuid) -> bool {
        self.0.contains_key(&key)
    }

    /// What is found by this id, in the order of creation, from behind a place on.
    pub(super) fn places(&self, key: Uuid, after: Option<Place>) -> impl Iterator<Item = Place> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let places = self.0.get(&key).into_iter();
        places.flat_map(move |places| places.range((start, Bound::Unbounded))).copied()
    }
}

#[cfg(test)]
mod tests {
    use ordershop_store::EntryId;

    use super::*;

    fn place(number: u64) -> Place {
        Place { created: EntryId::new(1, number), id: Uuid::from_u128(number.into()) }
    }

    #[test]
    fn a_key_is_read_from_its_field_alone() {
        let id = Uuid::from_u128(9);
        let document = format!(r#"{{"id":"x","order_id":"{id}","done":1.5}}"#);
        assert_eq!(BILLINGS_BY_ORDER.key(&document).unwrap(), id);
        assert!(BILLINGS_BY_ORDER.key("{}").is_err());
        assert!(BILLINGS_BY_ORDER.key("[]").is_err());
        assert!(BILLINGS_BY_ORDER.key(r#"{"order_id":"x"}"#).is_err());
    }

    #[test]
    fn entities_are_found_in_the_order_of_creation_until_they_go() {
        let (ann, bob) = (Uuid::from_u128(100), Uuid::from_u128(200));
        let mut index = Index::default();
        for number in [3, 1, 2] {
            index.set(place(number), None, Some(ann));
        }
        index.set(place(4), None, Some(bob));
        let found = |index: &Index, key, after| index.places(key, after).collect::<Vec<_>>();
        assert_eq!(found(&index, ann, None), [place(1), place(2), place(3)]);
        assert_eq!(found(&index, ann, Some(place(1))), [place(2), place(3)]);
        assert_eq!(found(&index, ann, Some(place(u64::MAX))), []);
        index.set(place(2), Some(ann), Some(bob));
        index.set(place(1), Some(ann), None);
        assert_eq!(found(&index, ann, None), [place(3)]);
        assert_eq!(found(&index, bob, None), [place(2), place(4)]);
        index.set(place(3), Some(ann), None);
        assert!(index.contains(bob) && !index.contains(ann), "nothing is kept of what is empty");
    }
}
