//! The living entities of one topic, in the order of their creation.

use std::sync::Arc;

use ordershop_store::{Action, Entry, EntryId};
use rpds::{HashTrieMapSync, RedBlackTreeMapSync};
use uuid::Uuid;

/// Where an entity stands in its list: when it was created, and which it is.
pub(super) type Place = (EntryId, Uuid);

/// An immutable table; a clone shares everything, and later changes touch only the one changed.
#[derive(Clone, Debug, Default)]
pub struct Table {
    places: HashTrieMapSync<Uuid, EntryId>,
    rows: RedBlackTreeMapSync<Place, Arc<str>>,
}

impl Table {
    /// The public state of an entity, as JSON text.
    pub fn get(&self, id: Uuid) -> Option<&Arc<str>> {
        self.rows.get(&self.place(id)?)
    }

    /// All public states, as JSON text, in the order of creation.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.rows.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.size()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn place(&self, id: Uuid) -> Option<Place> {
        self.places.get(&id).map(|created| (*created, id))
    }

    /// Takes in what an entry says of its entity; returns its place, where it has or had one.
    pub(super) fn apply(&mut self, entry: &Entry) -> Option<Place> {
        let id = entry.entity_id;
        match entry.action {
            Action::Created | Action::Updated => {
                let place = self.place(id).unwrap_or_else(|| {
                    self.places.insert_mut(id, entry.id);
                    (entry.id, id)
                });
                self.rows.insert_mut(place, Arc::clone(&entry.document));
                Some(place)
            }
            Action::Deleted => {
                let place = self.place(id)?;
                self.places.remove_mut(&id);
                self.rows.remove_mut(&place);
                Some(place)
            }
            Action::Internal => None,
        }
    }
}
