//! The living entities of one topic, in the order of their creation.

use std::ops::Bound;
use std::sync::Arc;

use ordershop_store::{Action, Entry, EntryId};
use rpds::{HashTrieMapSync, RedBlackTreeMapSync};
use uuid::Uuid;

use super::{Place, Row};

/// Entities in the order of creation.
pub(super) type Rows = RedBlackTreeMapSync<Place, Arc<Row>>;

/// The rows behind a place; all of them, where there is none.
pub(super) fn behind(
    rows: &Rows,
    after: Option<Place>,
) -> impl Iterator<Item = (Place, &Arc<Row>)> + '_ {
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    rows.range((start, Bound::Unbounded)).map(|(place, row)| (*place, row))
}

/// An immutable table; a clone shares everything, and later changes touch only the one changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    places: HashTrieMapSync<Uuid, EntryId>,
    rows: Rows,
    /// How many entities have a list that is not empty.
    lists: usize,
    /// The last entry by which an entity came or went.
    membership: EntryId,
}

impl Table {
    /// The entity of that id.
    pub fn get(&self, id: Uuid) -> Option<&Arc<Row>> {
        self.rows.get(&self.place(id)?)
    }

    /// How many entities there are.
    pub fn len(&self) -> usize {
        self.rows.size()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many entities have a list that is not empty.
    pub fn lists(&self) -> usize {
        self.lists
    }

    /// What names the set of its entities: as long as it is the same, so are they.
    pub fn membership(&self) -> EntryId {
        self.membership
    }

    /// The entities that were created at that entry or later.
    pub fn from(&self, created: EntryId) -> impl Iterator<Item = (Place, &Arc<Row>)> + '_ {
        let start = Bound::Included(Place { created, id: Uuid::nil() });
        self.rows.range((start, Bound::Unbounded)).map(|(place, row)| (*place, row))
    }

    /// Takes in the name of its set of entities, which was saved.
    pub(super) fn restore_membership(&mut self, membership: EntryId) {
        self.membership = membership;
    }

    /// Adds a row that was saved.
    pub(super) fn restore(&mut self, place: Place, row: Arc<Row>) {
        self.lists += usize::from(row.has_list());
        self.places.insert_mut(place.id, place.created);
        self.rows.insert_mut(place, row);
    }

    /// Where a living entity stands.
    pub fn place(&self, id: Uuid) -> Option<Place> {
        self.places.get(&id).map(|created| Place { created: *created, id })
    }

    /// The entity that stands there.
    pub(super) fn row(&self, place: Place) -> Option<(Place, &Arc<Row>)> {
        self.rows.get(&place).map(|row| (place, row))
    }

    /// What stands behind a place, or everything.
    pub(super) fn behind(
        &self,
        after: Option<Place>,
    ) -> impl Iterator<Item = (Place, &Arc<Row>)> + '_ {
        behind(&self.rows, after)
    }

    /// Takes in what an entry says of its entity; returns its place, where it has or had one.
    pub(super) fn apply(&mut self, entry: &Entry) -> Option<Place> {
        let id = entry.entity_id;
        match entry.action {
            Action::Created | Action::Updated => {
                let place = self.place(id).unwrap_or_else(|| {
                    self.places.insert_mut(id, entry.id);
                    self.membership = entry.id;
                    Place { created: entry.id, id }
                });
                let row = Row::new(Arc::clone(&entry.document));
                self.forget_list(place);
                self.lists += usize::from(row.has_list());
                self.rows.insert_mut(place, Arc::new(row));
                Some(place)
            }
            Action::Deleted => {
                let place = self.place(id)?;
                self.forget_list(place);
                self.places.remove_mut(&id);
                self.rows.remove_mut(&place);
                self.membership = entry.id;
                Some(place)
            }
            Action::Internal => None,
        }
    }

    /// No longer counts the list of the entity that stands there.
    fn forget_list(&mut self, place: Place) {
        let had = self.rows.get(&place).is_some_and(|row| row.has_list());
        self.lists -= usize::from(had);
    }
}
