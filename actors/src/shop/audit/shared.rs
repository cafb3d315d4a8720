//! The audit of a log to which other programs write, too, and whose topics have no common order: ids rise
//! within each.
//!
//! What others write is taken as it is. An entity of theirs need not be what our events make of it,
//! and the stock of a product of which they changed anything need not balance; all else is
//! held to the rules of [`Audit`](super::Audit). What involves two topics is judged when all is told.

use std::collections::{HashMap, HashSet};

use ordershop_domain::{
    Billing, Customer, IntentEvent, Inventory, InventoryEvent, Order, Product, ProductIds,
};
use ordershop_store::{Action, Entry, EntryId, Origin, Topic};
use uuid::Uuid;

use super::stock::Tallies;
use super::stories::{Stories, Told};
use super::{AuditRule, Audited, Complaints, StepOf, readable, replay};
use crate::runtime::{EventSourced, KEYS_CLAIMED, Quarantine};
use crate::shop::effects::Mail;
use crate::shop::keys::KeyEvent;
use crate::shop::topics;

/// An audit under way; it is shown every entry, those of a topic in the order of their ids.
#[derive(Default)]
pub struct SharedAudit {
    events: u64,
    customers: HashMap<Uuid, Customer>,
    products: HashMap<Uuid, Product>,
    inventories: HashMap<Uuid, Inventory>,
    orders: HashMap<Uuid, Order>,
    billings: HashMap<Uuid, Billing>,
    quarantines: HashMap<Uuid, Quarantine>,
    stories: Stories,
    tallies: Tallies,
    /// Entities to which others have written.
    shared: HashSet<(Topic, Uuid)>,
    /// Products of which others have changed the stock, or what is ordered.
    shared_products: HashSet<Uuid>,
    /// Topics of which a transaction is not whole yet.
    within: HashSet<Topic>,
}

/// What is wrong, and where, if it is at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsettled {
    /// The rule.
    pub rule: AuditRule,
    /// The topic and the entry.
    pub place: Option<(Topic, EntryId)>,
    /// What is wrong.
    pub reason: String,
}

impl SharedAudit {
    /// Takes in the next entry; tells what is wrong with it.
    ///
    /// One that is not judged stands behind the end of what is audited. It explains what stands before,
    /// and it completes the transaction in which that end lies.
    pub fn take(&mut self, entry: &Entry, is_judged: bool) -> Complaints {
        let mut complaints = Complaints::new();
        let is_counted = is_judged || self.within.contains(&entry.topic);
        self.events += u64::from(is_judged);
        match &entry.origin {
            Origin::Own => {
                if entry.kind != KEYS_CLAIMED {
                    self.own(entry, is_judged, is_counted, &mut complaints);
                }
                if entry.ends_transaction {
                    self.within.remove(&entry.topic);
                } else if is_counted {
                    self.within.insert(entry.topic);
                }
            }
            Origin::Foreign if is_counted => self.foreign(entry),
            Origin::Foreign | Origin::Unreadable(_) => {}
        }
        if !is_judged {
            complaints.clear();
        }
        complaints
    }

    /// What is wrong when all was told.
    pub fn settle(&mut self) -> Vec<Unsettled> {
        let mut unsettled: Vec<Unsettled> = self
            .stories
            .settle()
            .into_iter()
            .map(|(topic, id, reason)| Unsettled {
                rule: AuditRule::Intents,
                place: Some((topic, id)),
                reason,
            })
            .collect();
        self.tallies.leave_out(&self.shared_products);
        let mut complaints = Complaints::new();
        self.tallies.check(&mut complaints);
        let stock = |(rule, reason)| Unsettled { rule, place: None, reason };
        unsettled.extend(complaints.into_iter().map(stock));
        unsettled
    }

    /// How much was checked.
    pub fn audited(&self) -> Audited {
        Audited {
            events: self.events,
            intents: self.stories.total(),
            open_intents: self.stories.open(),
            products: self.tallies.len() as u64,
        }
    }

    /// The topics of which the last transaction is not whole.
    pub fn unfinished(&self) -> impl Iterator<Item = Topic> + '_ {
        self.within.iter().copied()
    }

    /// How many entities others have written to.
    pub fn shared_entities(&self) -> u64 {
        self.shared.len() as u64
    }

    /// Of how many products others have changed the stock, or what is ordered.
    pub fn shared_products(&self) -> u64 {
        self.shared_products.len() as u64
    }

    fn own(&mut self, entry: &Entry, is_judged: bool, is_counted: bool, told: &mut Complaints) {
        let at = Told { id: entry.id, is_judged };
        let is_shared = self.shared.contains(&(entry.topic, entry.entity_id));
        match entry.topic {
            topics::ORDER if entry.action == Action::Internal => {
                match serde_json::from_str::<IntentEvent>(&entry.data) {
                    Ok(event) => {
                        let moved = self.stories.event(entry.entity_id, at, event);
                        if is_counted {
                            self.tallies.moved(&moved);
                        }
                    }
                    Err(error) => told.push((AuditRule::Events, error.to_string())),
                }
            }
            topics::INVENTORY => {
                if let Ok(event) = serde_json::from_str::<InventoryEvent>(&entry.data) {
                    self.stories.stock_event(entry.entity_id, at, &event);
                }
                if is_counted
                    && let Some(step) = replay_shared(&mut self.inventories, entry, is_shared, told)
                {
                    self.tallies.stock_event(&step.before, &step.after, &step.event);
                }
            }
            _ if !is_counted => {}
            topics::ORDER => {
                if let Some(step) = replay_shared(&mut self.orders, entry, is_shared, told) {
                    self.tallies.order_event(&step.before, &step.after);
                }
            }
            topics::CUSTOMER => {
                drop(replay_shared(&mut self.customers, entry, is_shared, told));
            }
            topics::PRODUCT => drop(replay_shared(&mut self.products, entry, is_shared, told)),
            topics::BILLING => drop(replay_shared(&mut self.billings, entry, is_shared, told)),
            topics::MAIL => readable::<Mail>(entry, told),
            topics::COMMAND => readable::<KeyEvent>(entry, told),
            topics::QUARANTINE => drop(replay(&mut self.quarantines, entry, told)),
            other => told.push((AuditRule::Events, format!("there is no topic {other}"))),
        }
    }

    fn foreign(&mut self, entry: &Entry) {
        self.shared.insert((entry.topic, entry.entity_id));
        match entry.topic {
            topics::CUSTOMER => drop(adopt(&mut self.customers, entry)),
            topics::PRODUCT => drop(adopt(&mut self.products, entry)),
            topics::BILLING => drop(adopt(&mut self.billings, entry)),
            topics::INVENTORY => {
                let states = adopt(&mut self.inventories, entry);
                let products = states.iter().filter_map(Inventory::product_id);
                self.shared_products.extend(products);
            }
            topics::ORDER => {
                let states = adopt(&mut self.orders, entry);
                let counts = states.iter().filter_map(Order::product_ids);
                let counts = counts.flat_map(ProductIds::counts);
                self.shared_products.extend(counts.map(|(product_id, _)| product_id));
            }
            _ => {}
        }
    }
}

/// The same as [`replay`]; where others have written to the entity, its entry is believed.
fn replay_shared<A: EventSourced>(
    entities: &mut HashMap<Uuid, A>,
    entry: &Entry,
    is_shared: bool,
    told: &mut Complaints,
) -> Option<StepOf<A>> {
    if !is_shared {
        return replay(entities, entry, told);
    }
    let mut complaints = Complaints::new();
    let mut step = replay(entities, entry, &mut complaints);
    let differs = complaints.iter().any(|(rule, _)| *rule == AuditRule::Entities);
    if let Some(step) = step.as_mut().filter(|_| differs)
        && let Ok(state) = step.before.clone().adopt(entry.action, &entry.document)
    {
        step.after = state.clone();
        entities.insert(entry.entity_id, state);
    }
    told.extend(complaints.into_iter().filter(|(rule, _)| *rule != AuditRule::Entities));
    step
}

/// The states of an entity before and after an entry of another program, if it holds such an entity.
fn adopt<A: EventSourced>(entities: &mut HashMap<Uuid, A>, entry: &Entry) -> Vec<A> {
    let state = entities.entry(entry.entity_id).or_default();
    let before = state.clone();
    match before.clone().adopt(entry.action, &entry.document) {
        Ok(after) => {
            *state = after.clone();
            vec![before, after]
        }
        Err(_) => Vec::new(),
    }
}
