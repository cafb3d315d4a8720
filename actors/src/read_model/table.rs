//! The living entities of one topic, in the order of their creation.

use std::ops::Bound;
use std::sync::Arc;

use ordershop_store::{Action, Entry, EntryId};
use rpds::{HashTrieMapSync, RedBlackTreeMapSync};
use uuid::Uuid;

use super::Place;

/// Public states as JSON text, in the order of creation.
pub(super) type Rows = RedBlackTreeMapSync<Place, Arc<str>>;

/// The rows behind a place; all of them, where there is none.
pub(super) fn behind(
    rows: &Rows,
    after: Option<Place>,
) -> impl Iterator<Item = (Place, &Arc<str>)> + '_ {
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    rows.range((start, Bound::Unbounded)).map(|(place, document)| (*place, document))
}

/// An immutable table; a clone shares everything, and later changes touch only the one changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    places: HashTrieMapSync<Uuid, EntryId>,
    rows: Rows,
}

impl Table {
    /// The public state of an entity, as JSON text.
    pub fn get(&self, id: Uuid) -> Option<&Arc<str>> {
        self.rows.get(&self.place(id)?)
    }

    /// Adds a row that was saved.
    pub(super) fn restore(&mut self, place: Place, document: Arc<str>) {
        self.places.insert_mut(place.id, place.created);
        self.rows.insert_mut(place, document);
    }

    /// Where a living entity stands.
    pub fn place(&self, id: Uuid) -> Option<Place> {
        self.places.get(&id).map(|created| Place { created: *created, id })
    }

    /// The public state of the entity that stands there.
    pub(super) fn row(&self, place: Place) -> Option<(Place, &Arc<str>)> {
        self.rows.get(&place).map(|document| (place, document))
    }

    /// What stands behind a place, or everything.
    pub(super) fn behind(
        &self,
        after: Option<Place>,
    ) -> impl Iterator<Item = (Place, &Arc<str>)> + '_ {
        behind(&self.rows, after)
    }

    /// Takes in what an entry says of its entity; returns its place, where it has or had one.
    pub(super) fn apply(&mut self, entry: &Entry) -> Option<Place> {
        let id = entry.entity_id;
        match entry.action {
            Action::Created | Action::Updated => {
                let place = self.place(id).unwrap_or_else(|| {
                    self.places.insert_mut(id, entry.id);
                    Place { created: entry.id, id }
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
