//! Checks a log against the shop's rules, by replaying every entity from its events.
//!
//! | file | what it checks |
//! |---|---|
//! | `mod` | every event decodes, and each entry holds the entity that its events amount to |
//! | `intents` | every intent's story: opened, decided once, done as decided |
//! | `shared`, `stories` | the same on a log whose topics have no common order, and to which others write |
//! | `stock` | *stock now + pieces in living orders + open reservations = put in − taken out − written off* |

mod intents;
mod shared;
mod stock;
mod stories;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use ordershop_domain::{Billing, Customer, IntentEvent, Inventory, Order, Product};
use ordershop_store::{Action, Entry};
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub use self::shared::{SharedAudit, Unsettled};

use self::intents::Intents;
use self::stock::Tallies;
use super::effects::Mail;
use super::keys::KeyEvent;
use super::topics;
use crate::runtime::{EventSourced, Quarantine};

/// A rule of the shop that every log keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuditRule {
    /// Every event can be read, and is what its entry says it is.
    Events,
    /// An entry holds the entity as its events leave it.
    Entities,
    /// An intent is opened once, decided once, and done as it was decided.
    Intents,
    /// No piece is lost or invented.
    Stock,
}

impl AuditRule {
    /// The rule's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Entities => "entities",
            Self::Intents => "intents",
            Self::Stock => "stock",
        }
    }
}

/// How much was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// Events.
    pub events: u64,
    /// Intents.
    pub intents: u64,
    /// Intents that are not finished; the next start finishes them.
    pub open_intents: u64,
    /// Products whose stock equation was checked.
    pub products: u64,
}

/// An audit under way; it is shown every entry, in the order of the log.
#[derive(Default)]
pub struct Audit {
    events: u64,
    customers: HashMap<Uuid, Customer>,
    products: HashMap<Uuid, Product>,
    inventories: HashMap<Uuid, Inventory>,
    orders: HashMap<Uuid, Order>,
    billings: HashMap<Uuid, Billing>,
    quarantines: HashMap<Uuid, Quarantine>,
    intents: Intents,
    tallies: Tallies,
}

/// What is wrong with an entry.
pub type Complaints = Vec<(AuditRule, String)>;

impl Audit {
    /// Takes in the next entry; tells what is wrong with it.
    pub fn take(&mut self, entry: &Entry) -> Complaints {
        self.events += 1;
        let mut complaints = Complaints::new();
        match entry.topic {
            topics::CUSTOMER => drop(replay(&mut self.customers, entry, &mut complaints)),
            topics::PRODUCT => drop(replay(&mut self.products, entry, &mut complaints)),
            topics::BILLING => drop(replay(&mut self.billings, entry, &mut complaints)),
            topics::INVENTORY => {
                if let Some(step) = replay(&mut self.inventories, entry, &mut complaints) {
                    self.intents.stock_event(entry.entity_id, &step.event, &mut complaints);
                    self.tallies.stock_event(&step.before, &step.after, &step.event);
                }
            }
            topics::ORDER if entry.action == Action::Internal => {
                match serde_json::from_str::<IntentEvent>(&entry.data) {
                    Ok(event) => {
                        let moved = self.intents.event(entry.entity_id, &event, &mut complaints);
                        self.tallies.moved(&moved);
                    }
                    Err(error) => complaints.push((AuditRule::Events, error.to_string())),
                }
            }
            topics::ORDER => {
                if let Some(step) = replay(&mut self.orders, entry, &mut complaints) {
                    self.tallies.order_event(&step.before, &step.after);
                }
            }
            topics::MAIL => readable::<Mail>(entry, &mut complaints),
            topics::COMMAND => readable::<KeyEvent>(entry, &mut complaints),
            topics::QUARANTINE => drop(replay(&mut self.quarantines, entry, &mut complaints)),
            other => complaints.push((AuditRule::Events, format!("there is no topic {other}"))),
        }
        if entry.ends_transaction {
            self.tallies.check(&mut complaints);
        }
        complaints
    }

    /// How much was checked.
    pub fn audited(&self) -> Audited {
        Audited {
            events: self.events,
            intents: self.intents.total(),
            open_intents: self.intents.open(),
            products: self.tallies.len() as u64,
        }
    }
}

/// One event of an entity.
struct StepOf<A: EventSourced> {
    before: A,
    event: A::Event,
    after: A,
}

/// Checks that an event of a topic without aggregates can be read.
fn readable<T: DeserializeOwned>(entry: &Entry, complaints: &mut Complaints) {
    if let Err(error) = serde_json::from_str::<T>(&entry.data) {
        complaints.push((AuditRule::Events, error.to_string()));
    }
}

fn replay<A: EventSourced>(
    entities: &mut HashMap<Uuid, A>,
    entry: &Entry,
    complaints: &mut Complaints,
) -> Option<StepOf<A>> {
    let event: A::Event = match serde_json::from_str(&entry.data) {
        Ok(event) => event,
        Err(error) => {
            complaints.push((AuditRule::Events, error.to_string()));
            return None;
        }
    };
    if (A::kind(&event), A::action(&event)) != (&*entry.kind, entry.action) {
        let (kind, action) = (A::kind(&event), entry.action.name());
        let reason = format!("it holds {kind}, but says {} ({action})", entry.kind);
        complaints.push((AuditRule::Events, reason));
    }
    let state = entities.entry(entry.entity_id).or_default();
    let before = state.clone();
    let after = before.clone().evolve(&event);
    *state = after.clone();
    if entry.action != Action::Internal && after.document() != *entry.document {
        let reason = format!(
            "{} {} is {} by its events, but {} by its entry",
            entry.topic,
            entry.entity_id,
            after.document(),
            entry.document
        );
        complaints.push((AuditRule::Entities, reason));
    }
    Some(StepOf { before, event, after })
}
