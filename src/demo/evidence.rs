//! What there is when all is over: the stopped shop's log, read from its first byte, and its mails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ordershop_actors::shop::audit::Audit;
use ordershop_actors::shop::effects::Purpose;
use ordershop_actors::shop::topics;
use ordershop_store::embedded::verify::{self, Finding};
use ordershop_store::{Action, Entry, LogError};
use serde_json::Value;
use uuid::Uuid;

/// What there is.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// The customers, orders and billings that the log holds.
    pub(super) entities: BTreeMap<Uuid, Found>,
    /// The names of the mails to which the log's events lead.
    pub(super) mails_due: BTreeSet<String>,
    /// The names of the mails that were sent.
    pub(super) mails_sent: BTreeSet<String>,
    /// The pieces of each product.
    pub(super) shelves: BTreeMap<Uuid, Shelf>,
    /// Entries of all topics.
    pub(super) records: u64,
    /// Intents of orders that are not finished.
    pub(super) open_intents: u64,
    /// What is against a rule of the log or of the shop.
    pub(super) violations: Vec<String>,
}

/// An entity, as the log holds it.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// How many public events it has.
    pub(super) events: u64,
    /// Its last public state; none if it was deleted.
    pub(super) state: Option<Value>,
}

/// Where the pieces of a product are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shelf {
    /// What was put in at first.
    pub(super) put_in: u64,
    /// What is left of it.
    pub(super) left: u64,
    /// What living orders hold.
    pub(super) in_orders: u64,
}

impl Evidence {
    /// Gathers it. `mails` is the folder of the mails, whose names end with `domain`.
    pub(super) fn gather(log: &Path, mails: &Path, domain: &str) -> Result<Self, LogError> {
        let mut evidence = Self::default();
        let mut audit = Audit::default();
        let mut inventories: BTreeMap<Uuid, (Uuid, u64)> = BTreeMap::new();
        verify::verify(log, &topics::ALL, |finding| match finding {
            Finding::Violation(found) => evidence.violations.push(found.reason),
            Finding::Entry(_, topic, record) => {
                let entry = record.to_entry(topic);
                let complaints = audit.take(&entry).into_iter().map(|(_, reason)| reason);
                evidence.violations.extend(complaints);
                evidence.take(&entry, domain, &mut inventories);
            }
            Finding::Progress(..) => {}
        })?;
        evidence.records = audit.audited().events;
        evidence.open_intents = audit.audited().open_intents;
        for (product, left) in inventories.into_values() {
            evidence.shelves.entry(product).or_default().left += left;
        }
        evidence.count_orders();
        for file in std::fs::read_dir(mails).into_iter().flatten().flatten() {
            evidence.mails_sent.insert(file.file_name().to_string_lossy().into_owned());
        }
        Ok(evidence)
    }

    fn take(&mut self, entry: &Entry, domain: &str, inventories: &mut BTreeMap<Uuid, (Uuid, u64)>) {
        if entry.action == Action::Internal {
            return;
        }
        // A document that is none is among the violations.
        let state: Value = serde_json::from_str(&entry.document).unwrap_or_default();
        match entry.topic {
            topics::CUSTOMER | topics::ORDER | topics::BILLING => {
                let found = self.entities.entry(entry.entity_id).or_default();
                found.events += 1;
                found.state = (entry.action != Action::Deleted).then_some(state);
            }
            topics::INVENTORY => {
                let product = serde_json::from_value(state["product_id"].clone());
                let (product, left) =
                    (product.unwrap_or_default(), state["amount"].as_u64().unwrap_or_default());
                if entry.action == Action::Created {
                    self.shelves.entry(product).or_default().put_in += left;
                }
                inventories.insert(entry.entity_id, (product, left));
            }
            _ => {}
        }
        let purposes: &[Purpose] = match (entry.topic, entry.action) {
            (topics::CUSTOMER, Action::Created) => &[Purpose::Welcome],
            (topics::CUSTOMER, Action::Deleted) => &[Purpose::GoodBye],
            (topics::ORDER, Action::Created) => &[Purpose::Thanks, Purpose::ToPay],
            (topics::BILLING, Action::Created) => &[Purpose::Received],
            _ => &[],
        };
        for purpose in purposes {
            self.mails_due.insert(format!("{}.{}@{domain}.eml", entry.event_id, purpose.name()));
        }
    }

    fn count_orders(&mut self) {
        for found in self.entities.values() {
            let pieces = found.state.as_ref().and_then(|state| state["product_ids"].as_array());
            for piece in pieces.into_iter().flatten() {
                let product = serde_json::from_value(piece.clone()).unwrap_or_default();
                self.shelves.entry(product).or_default().in_orders += 1;
            }
        }
    }
}
