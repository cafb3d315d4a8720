//! The shop at one moment.

use std::sync::Arc;

use ordershop_store::{Action, Entry, EntryId, Position, Positions, Topic};
use rpds::{HashTrieMapSync, RedBlackTreeMapSync};
use serde::Deserialize;
use uuid::Uuid;

use super::Table;
use super::table::Place;
use crate::shop::topics;

/// The living entities of every public topic, as of one moment.
#[derive(Clone, Debug, Default)]
pub struct View {
    tables: [Table; topics::PUBLIC.len()],
    billed: Billed,
    unbilled: RedBlackTreeMapSync<Place, Arc<str>>,
    positions: Positions,
}

/// Which order each living billing is for.
#[derive(Clone, Debug, Default)]
struct Billed {
    order_of: HashTrieMapSync<Uuid, Uuid>,
    billing_of: HashTrieMapSync<Uuid, Uuid>,
}

/// As much of a billing as is needed to know its order.
#[derive(Deserialize)]
struct BillingDocument {
    order_id: Uuid,
}

impl View {
    /// The entities of a public topic; none for any other.
    pub fn table(&self, topic: Topic) -> &Table {
        static EMPTY: std::sync::LazyLock<Table> = std::sync::LazyLock::new(Table::default);
        index(topic).map_or(&EMPTY, |index| &self.tables[index])
    }

    /// The orders without a billing, as JSON text, in the order of creation.
    pub fn unbilled(&self) -> impl Iterator<Item = &Arc<str>> {
        self.unbilled.values()
    }

    /// How far it has come in a topic.
    pub fn position(&self, topic: Topic) -> Position {
        self.positions.of(topic)
    }

    /// Whether it holds everything up to that id in that topic.
    pub fn has_reached(&self, topic: Topic, id: EntryId) -> bool {
        self.positions.of(topic).last() >= id
    }

    /// Takes in an entry; each must come once, in order.
    pub(super) fn apply(&mut self, entry: &Entry) {
        self.positions.finish(entry);
        let Some(index) = index(entry.topic) else {
            return;
        };
        let place = self.tables[index].apply(entry);
        match entry.topic {
            topics::ORDER => self.apply_order(entry, place),
            topics::BILLING => self.apply_billing(entry),
            _ => {}
        }
    }

    fn apply_order(&mut self, entry: &Entry, place: Option<Place>) {
        let Some(place) = place else { return };
        if entry.action == Action::Deleted {
            self.unbilled.remove_mut(&place);
        } else if !self.billed.billing_of.contains_key(&entry.entity_id) {
            self.unbilled.insert_mut(place, Arc::clone(&entry.document));
        }
    }

    fn apply_billing(&mut self, entry: &Entry) {
        let billing = entry.entity_id;
        if let Some(order) = self.billed.order_of.get(&billing).copied() {
            self.billed.order_of.remove_mut(&billing);
            self.billed.billing_of.remove_mut(&order);
            self.list_as_unbilled(order);
        }
        if matches!(entry.action, Action::Created | Action::Updated) {
            match serde_json::from_str::<BillingDocument>(&entry.document) {
                Ok(BillingDocument { order_id }) => {
                    self.billed.order_of.insert_mut(billing, order_id);
                    self.billed.billing_of.insert_mut(order_id, billing);
                    if let Some(place) = self.table(topics::ORDER).place(order_id) {
                        self.unbilled.remove_mut(&place);
                    }
                }
                Err(error) => tracing::error!(%billing, %error, "a billing names no order"),
            }
        }
    }

    fn list_as_unbilled(&mut self, order: Uuid) {
        let orders = self.table(topics::ORDER);
        if let (Some(place), Some(document)) = (orders.place(order), orders.get(order).cloned()) {
            self.unbilled.insert_mut(place, document);
        }
    }
}

fn index(topic: Topic) -> Option<usize> {
    topics::PUBLIC.iter().position(|public| *public == topic)
}
