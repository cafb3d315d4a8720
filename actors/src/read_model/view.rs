//! The shop at one moment.

use std::sync::Arc;

use ordershop_store::{Action, Entry, EntryId, Origin, Position, Positions, Topic};
use uuid::Uuid;

use super::lookup::{BILLINGS_BY_ORDER, Index, LOOKUPS, Lookup};
use super::saved::LastEntry;
use super::table::{Applied, Rows, behind};
use super::{Place, Row, StreamIndex, Table};
use crate::shop::{foreign, topics};

/// The actions whose streams others may read.
pub const STREAMS: [Action; 3] = [Action::Created, Action::Updated, Action::Deleted];

/// The living entities of every public topic, as of one moment, and how long its streams are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    tables: [Table; topics::PUBLIC.len()],
    indexes: [Index; LOOKUPS.len()],
    unbilled: Rows,
    streams: [[StreamIndex; STREAMS.len()]; topics::PUBLIC.len()],
    positions: Positions,
    last: [Option<LastEntry>; topics::PUBLIC.len()],
}

/// A list that a view has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// All entities of a topic.
    All(Topic),
    /// The orders without a billing.
    Unbilled,
    /// The entities that name this one.
    By(Lookup, Uuid),
}

impl Listing {
    /// The topic of its entities.
    pub fn topic(self) -> Topic {
        match self {
            Self::All(topic) => topic,
            Self::Unbilled => topics::ORDER,
            Self::By(lookup, _) => lookup.topic,
        }
    }

    /// The topics whose events may change it.
    pub fn sources(self) -> Vec<Topic> {
        match self {
            Self::Unbilled => vec![topics::ORDER, topics::BILLING],
            Self::All(_) | Self::By(..) => vec![self.topic()],
        }
    }
}

impl View {
    /// The entities of a public topic; none for any other.
    pub fn table(&self, topic: Topic) -> &Table {
        static EMPTY: std::sync::LazyLock<Table> = std::sync::LazyLock::new(Table::default);
        table_index(topic).map_or(&EMPTY, |index| &self.tables[index])
    }

    /// The stream of that action; none where others may not read it.
    pub fn stream(&self, topic: Topic, action: Action) -> Option<&StreamIndex> {
        let stream = STREAMS.iter().position(|known| *known == action)?;
        Some(&self.streams[table_index(topic)?][stream])
    }

    /// The rows of a list, in the order of creation, from behind a place on.
    pub fn rows(
        &self,
        listing: Listing,
        after: Option<Place>,
    ) -> Box<dyn Iterator<Item = (Place, &Arc<Row>)> + '_> {
        match listing {
            Listing::All(topic) => Box::new(self.table(topic).behind(after)),
            Listing::Unbilled => Box::new(behind(&self.unbilled, after)),
            Listing::By(lookup, key) => match lookup_index(lookup) {
                Some(index) => {
                    let table = self.table(lookup.topic);
                    let places = self.indexes[index].places(key, after);
                    Box::new(places.filter_map(|place| table.row(place)))
                }
                None => Box::new(std::iter::empty()),
            },
        }
    }

    /// How far it has come in a topic.
    pub fn position(&self, topic: Topic) -> Position {
        self.positions.of(topic)
    }

    /// Whether it holds everything up to that id in that topic.
    pub fn has_reached(&self, topic: Topic, id: EntryId) -> bool {
        self.positions.of(topic).last() >= id
    }

    /// How far it has come in all topics.
    pub(super) fn positions(&self) -> &Positions {
        &self.positions
    }

    /// The last entry that it has taken in of each public topic, by the topic's place among them.
    pub(super) fn last_entries(&self) -> impl Iterator<Item = (usize, LastEntry)> + '_ {
        self.last.iter().enumerate().filter_map(|(index, last)| Some((index, (*last)?)))
    }

    /// A view that has come so far, of which the rows follow.
    pub(super) fn at(positions: Positions) -> Self {
        Self { positions, ..Self::default() }
    }

    /// Takes in last entries; `None` where there is no such topic.
    pub(super) fn restore_last(&mut self, last: Vec<(usize, LastEntry)>) -> Option<()> {
        for (index, entry) in last {
            *self.last.get_mut(index)? = Some(entry);
        }
        Some(())
    }

    /// The streams by their topic's place and their own, as they are saved.
    pub(super) fn streams(&self) -> impl Iterator<Item = ((usize, usize), &StreamIndex)> + '_ {
        self.streams.iter().enumerate().flat_map(|(topic, streams)| {
            streams.iter().enumerate().map(move |(stream, index)| ((topic, stream), index))
        })
    }

    /// Takes in a stream that was saved; `None` where there is none in that place.
    pub(super) fn restore_stream(
        &mut self,
        (topic, stream): (usize, usize),
        entries: u64,
        ends: Vec<EntryId>,
    ) -> Option<()> {
        self.streams.get_mut(topic)?.get_mut(stream)?.restore(entries, ends)
    }

    /// Takes in the name of a topic's set of entities; `None` where there is no such topic.
    pub(super) fn restore_membership(&mut self, index: usize, membership: EntryId) -> Option<()> {
        self.tables.get_mut(index)?.restore_membership(membership);
        Some(())
    }

    /// Takes in a row of the topic in that place; `None` where there is no such topic.
    pub(super) fn restore_row(&mut self, index: usize, place: Place, row: Row) -> Option<()> {
        let topic = *topics::PUBLIC.get(index)?;
        let row = Arc::new(row);
        self.tables[index].restore(place, Arc::clone(&row));
        self.index(topic, &Applied { place, before: None, now: Some(row) });
        Some(())
    }

    /// Whether an entry may be one that came late for an entity that is gone: then the view, which
    /// keeps nothing of such entities, cannot tell what it means.
    pub(super) fn may_be_late(&self, entry: &Entry) -> bool {
        entry.origin == Origin::Foreign
            && entry.id <= self.position(entry.topic).last()
            && self.table(entry.topic).place(entry.entity_id).is_none()
    }

    /// Counts an entry that changes no entity; each must come once, in the order of its stream.
    pub(super) fn pass_over(&mut self, entry: &Entry) -> Option<usize> {
        self.positions.finish(entry);
        let index = table_index(entry.topic)?;
        let (action, id, event_id) = (entry.action, entry.id, entry.event_id.as_u128());
        self.last[index] = Some(LastEntry { action, id, event_id });
        if let Some(stream) = STREAMS.iter().position(|known| *known == action) {
            self.streams[index][stream].push(id);
        }
        Some(index)
    }

    /// Takes in an entry; each must come once, in the order of its stream. What is no entity of its
    /// topic is passed over.
    pub fn apply(&mut self, entry: &Entry) {
        let Some(index) = self.pass_over(entry) else {
            return;
        };
        let applied = if entry.action == Action::Internal || foreign::check(entry).is_err() {
            self.tables[index].touch(entry)
        } else {
            self.tables[index].apply(entry)
        };
        if let Some(applied) = applied {
            self.index(entry.topic, &applied);
        }
    }

    /// Keeps what finds the entities of a topic, behind a change of one.
    fn index(&mut self, topic: Topic, applied: &Applied) {
        let Applied { place, before, now } = applied;
        if topic == topics::ORDER {
            self.list_unbilled(*place, now.clone());
        }
        let lookups = LOOKUPS.into_iter().enumerate();
        for (number, lookup) in lookups.filter(|(_, lookup)| lookup.topic == topic) {
            // What had no key was told of when it came.
            let before = before.as_ref().and_then(|row| lookup.key(row.document()).ok());
            let now = now.as_ref().and_then(|row| {
                let key = lookup.key(row.document()).inspect_err(|error| {
                    tracing::error!(%topic, id = %place.id, %error, "cannot be looked up");
                });
                key.ok()
            });
            self.indexes[number].set(*place, before, now);
            if lookup != BILLINGS_BY_ORDER {
                continue;
            }
            for order in [before, now].into_iter().flatten() {
                let orders = self.table(topics::ORDER);
                if let Some((place, row)) = orders.place(order).and_then(|at| orders.row(at)) {
                    self.list_unbilled(place, Some(Arc::clone(row)));
                }
            }
        }
    }

    /// Lists a living order without a billing as unbilled, with its newest state, and no other.
    fn list_unbilled(&mut self, place: Place, row: Option<Arc<Row>>) {
        let billings = lookup_index(BILLINGS_BY_ORDER).expect("it is one of them");
        match row {
            Some(row) if !self.indexes[billings].contains(place.id) => {
                self.unbilled.insert_mut(place, row);
            }
            _ => {
                self.unbilled.remove_mut(&place);
            }
        }
    }
}

fn table_index(topic: Topic) -> Option<usize> {
    topics::PUBLIC.iter().position(|public| *public == topic)
}

fn lookup_index(lookup: Lookup) -> Option<usize> {
    LOOKUPS.iter().position(|known| *known == lookup)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes entries whose ids count up.
    struct Log(u64);

    impl Log {
        fn entry(&mut self, topic: Topic, action: Action, id: u128, document: &str) -> Entry {
            self.0 += 1;
            Entry {
                id: EntryId::new(1, self.0),
                topic,
                action,
                event_id: Uuid::nil(),
                entity_id: Uuid::from_u128(id),
                version: 1,
                kind: "Test".into(),
                schema: 1,
                time_us: 0,
                command_id: Uuid::nil(),
                cause: None,
                document: document.into(),
                data: "".into(),
                ends_transaction: true,
                origin: Origin::Own,
            }
        }
    }

    fn order(number: u128, customer: u128) -> String {
        let (id, customer) = (Uuid::from_u128(number), Uuid::from_u128(customer));
        format!(r#"{{"id":"{id}","product_ids":[],"customer_id":"{customer}"}}"#)
    }

    fn billing(order: u128) -> String {
        format!(r#"{{"order_id":"{}"}}"#, Uuid::from_u128(order))
    }

    fn shown(view: &View, listing: Listing) -> Vec<u128> {
        view.rows(listing, None).map(|(place, _)| place.id.as_u128()).collect()
    }

    #[test]
    fn an_order_is_unbilled_until_its_last_billing_and_again_without_one() {
        let (mut view, mut log) = (View::default(), Log(0));
        for number in 1..=3 {
            let document = order(number, 10);
            view.apply(&log.entry(topics::ORDER, Action::Created, number, &document));
        }
        view.apply(&log.entry(topics::BILLING, Action::Created, 50, &billing(2)));
        assert_eq!(shown(&view, Listing::Unbilled), [1, 3]);
        view.apply(&log.entry(topics::BILLING, Action::Updated, 50, &billing(3)));
        assert_eq!(shown(&view, Listing::Unbilled), [1, 2]);
        view.apply(&log.entry(topics::ORDER, Action::Deleted, 1, &order(1, 10)));
        assert_eq!(shown(&view, Listing::Unbilled), [2]);
        view.apply(&log.entry(topics::BILLING, Action::Deleted, 50, &billing(3)));
        assert_eq!(shown(&view, Listing::Unbilled), [2, 3]);
    }

    #[test]
    fn entities_are_looked_up_by_what_they_name_now() {
        let (mut view, mut log) = (View::default(), Log(0));
        for (number, customer) in [(1, 10), (2, 20), (3, 10)] {
            let document = order(number, customer);
            view.apply(&log.entry(topics::ORDER, Action::Created, number, &document));
        }
        let lookup = Lookup { topic: topics::ORDER, field: "customer_id" };
        let of =
            |view: &View, customer| shown(view, Listing::By(lookup, Uuid::from_u128(customer)));
        assert_eq!(of(&view, 10), [1, 3]);
        let moved = order(1, 20);
        view.apply(&log.entry(topics::ORDER, Action::Updated, 1, &moved));
        view.apply(&log.entry(topics::ORDER, Action::Deleted, 3, &order(3, 10)));
        assert_eq!(of(&view, 10), []);
        assert_eq!(of(&view, 20), [1, 2]);
        assert_eq!(shown(&view, Listing::All(topics::ORDER)), [1, 2]);
    }

    #[test]
    fn entries_of_other_programs_count_by_their_ids_and_only_where_they_are_entities() {
        let (mut view, mut log) = (View::default(), Log(10));
        let mut foreign = |view: &mut View, action, micros, document: &str| {
            let mut entry = log.entry(topics::ORDER, action, 1, document);
            (entry.id, entry.origin) = (EntryId::new(1, micros), Origin::Foreign);
            let may_be_late = view.may_be_late(&entry);
            view.apply(&entry);
            let row = view.table(topics::ORDER).get(Uuid::from_u128(1));
            (row.map(|row| row.document().to_string()), may_be_late)
        };
        let valid = |customer| {
            let product = Uuid::from_u128(5);
            order(1, customer).replace("[]", &format!(r#"["{product}"]"#))
        };
        let shown = |customer| Some(valid(customer));
        let updated = Action::Updated;
        assert_eq!(foreign(&mut view, updated, 5, r#"{"id":"x"}"#), (None, false));
        assert_eq!(foreign(&mut view, updated, 6, &valid(10)), (shown(10), false));
        assert_eq!(foreign(&mut view, updated, 8, &valid(20)), (shown(20), false));
        assert_eq!(foreign(&mut view, Action::Created, 7, &valid(30)), (shown(20), false));
        assert_eq!(foreign(&mut view, Action::Deleted, 7, &valid(30)), (shown(20), false));
        assert_eq!(foreign(&mut view, updated, 9, r#"{"id":"x"}"#), (shown(20), false));
        assert_eq!(foreign(&mut view, Action::Deleted, 10, &valid(20)), (None, false));
        assert!(foreign(&mut view, Action::Created, 9, &valid(30)).1, "the log must be asked");
        assert_eq!(view.position(topics::ORDER).of(updated), EntryId::new(1, 9));
        assert_eq!(view.stream(topics::ORDER, updated).unwrap().len(), 4);
    }

    #[test]
    fn a_list_goes_on_behind_a_place_whose_entity_is_gone() {
        let (mut view, mut log) = (View::default(), Log(0));
        for number in 1..=5 {
            let document = order(number, 10);
            view.apply(&log.entry(topics::ORDER, Action::Created, number, &document));
        }
        let place = view.table(topics::ORDER).place(Uuid::from_u128(3));
        view.apply(&log.entry(topics::ORDER, Action::Deleted, 3, &order(3, 10)));
        let rest = view.rows(Listing::All(topics::ORDER), place);
        assert_eq!(rest.map(|(place, _)| place.id.as_u128()).collect::<Vec<_>>(), [4, 5]);
    }

    #[test]
    fn what_cannot_be_read_is_counted_in_its_stream_and_changes_no_entity() {
        let (mut view, mut log) = (View::default(), Log(0));
        view.apply(&log.entry(topics::ORDER, Action::Created, 1, &order(1, 10)));
        let before = view.table(topics::ORDER).clone();
        let mut garbage = log.entry(topics::ORDER, Action::Created, 0, "garbage");
        garbage.origin = Origin::Unreadable("it has no entity".into());
        view.apply(&garbage);
        assert_eq!(*view.table(topics::ORDER), before);
        assert_eq!(view.stream(topics::ORDER, Action::Created).map(StreamIndex::len), Some(2));
        assert!(view.has_reached(topics::ORDER, garbage.id));
    }
}
