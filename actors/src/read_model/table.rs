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

/// What a table has taken in.
pub(super) struct Applied {
    /// Where the entity stands, or stood.
    pub(super) place: Place,
    /// What it was before; none for one that came.
    pub(super) before: Option<Arc<Row>>,
    /// What it is now; none for one that went.
    pub(super) now: Option<Arc<Row>>,
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

    /// Takes in what an entry says of its entity; tells of one that came, changed or went.
    ///
    /// An entity's state is its entry with the highest id, in whatever order they come: so an entry
    /// below the last one of a living entity changes nothing. Of one that is gone nothing is kept;
    /// whoever has such an entry asks the log.
    pub(super) fn apply(&mut self, entry: &Entry) -> Option<Applied> {
        let (id, last) = (entry.entity_id, entry.id);
        let place = self.place(id);
        let before = place.and_then(|place| self.rows.get(&place)).cloned();
        if before.as_ref().is_some_and(|row| last <= row.last()) {
            return None;
        }
        let had_list = before.as_ref().is_some_and(|row| row.has_list());
        match entry.action {
            Action::Created | Action::Updated => {
                let place = place.unwrap_or_else(|| {
                    self.places.insert_mut(id, last);
                    self.membership = last;
                    Place { created: last, id }
                });
                let now = Arc::new(Row::at(Arc::clone(&entry.document), last));
                self.lists += usize::from(now.has_list());
                self.lists -= usize::from(had_list);
                self.rows.insert_mut(place, Arc::clone(&now));
                Some(Applied { place, before, now: Some(now) })
            }
            Action::Deleted => {
                self.lists -= usize::from(had_list);
                let place = place?;
                self.places.remove_mut(&id);
                self.rows.remove_mut(&place);
                self.membership = last;
                Some(Applied { place, before, now: None })
            }
            Action::Internal => None,
        }
    }

    /// Counts an entry that leaves its entity's state as it is; tells of one that lives.
    pub(super) fn touch(&mut self, entry: &Entry) -> Option<Applied> {
        let place = self.place(entry.entity_id)?;
        let before = self.rows.get(&place).filter(|row| row.last() < entry.id).cloned()?;
        let now = Arc::new(Row::at(Arc::clone(before.document()), entry.id));
        self.rows.insert_mut(place, Arc::clone(&now));
        Some(Applied { place, before: Some(before), now: Some(now) })
    }
}
