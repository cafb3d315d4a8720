//! Logs in which something is wrong, and what the audit says of them.

mod shared;

use std::sync::Arc;

use ordershop_domain::{
    CustomerFacts, InventoryEvent, Line, Mailbox, Name, OrderEvent, OrderFacts, Pieces, ProductIds,
    RejectReason, Ticket,
};
use ordershop_store::{EntryId, Origin, Topic};

use super::*;

const PRODUCT: Uuid = Uuid::from_u128(1);
const RECORD: Uuid = Uuid::from_u128(2);
const INTENT: Uuid = Uuid::from_u128(3);
const ORDER: Uuid = Uuid::from_u128(4);

/// A log under audit, written as the shop would, or not.
#[derive(Default)]
struct Log {
    audit: Audit,
    record: Inventory,
    order: Order,
    complaints: Complaints,
    entries: u64,
    written: Vec<Entry>,
}

impl Log {
    /// Adds an entry of (topic, entity), (action, kind), with (document, data).
    fn add(
        &mut self,
        (topic, entity_id): (Topic, Uuid),
        (action, kind): (Action, &'static str),
        (document, data): (String, String),
        ends: bool,
    ) {
        self.entries += 1;
        let id = EntryId::new(self.entries, 0);
        let entry = Entry {
            id,
            topic,
            action,
            event_id: Uuid::from_u128(u128::from(self.entries)),
            entity_id,
            version: 1,
            kind: kind.into(),
            schema: 1,
            time_us: 0,
            command_id: Uuid::nil(),
            cause: None,
            document: Arc::from(document),
            data: Arc::from(data),
            ends_transaction: ends,
            origin: Origin::Own,
        };
        self.complaints.extend(self.audit.take(&entry));
        self.written.push(entry);
    }

    fn stock(&mut self, event: &InventoryEvent) -> &mut Self {
        self.record = EventSourced::evolve(self.record.clone(), event);
        let document = EventSourced::document(&self.record);
        let (action, kind) = (Inventory::action(event), Inventory::kind(event));
        self.add((topics::INVENTORY, RECORD), (action, kind), (document, json(event)), true);
        self
    }

    fn intent(&mut self, event: &IntentEvent, ends: bool) -> &mut Self {
        let texts = (String::new(), json(event));
        self.add((topics::ORDER, INTENT), (Action::Internal, ""), texts, ends);
        self
    }

    fn order(&mut self, event: &OrderEvent) -> &mut Self {
        self.order = EventSourced::evolve(self.order.clone(), event);
        let document = EventSourced::document(&self.order);
        let (action, kind) = (Order::action(event), Order::kind(event));
        self.add((topics::ORDER, ORDER), (action, kind), (document, json(event)), true);
        self
    }

    /// A record of ten pieces, of which an intent wants two.
    fn begun() -> Self {
        let mut log = Self::default();
        let amount = Pieces::new(10).unwrap();
        log.stock(&InventoryEvent::StockOpened { id: RECORD, product_id: PRODUCT, amount });
        log.intent(
            &IntentEvent::IntentOpened { id: INTENT, take: vec![line()], give: vec![] },
            true,
        );
        log
    }

    /// The rules that are broken.
    fn broken(&self) -> Vec<AuditRule> {
        self.complaints.iter().map(|(rule, _)| *rule).collect()
    }
}

fn json(event: &impl serde::Serialize) -> String {
    serde_json::to_string(event).unwrap()
}

fn line() -> Line {
    Line { product_id: PRODUCT, inventory_id: RECORD, pieces: 2 }
}

fn reserved() -> InventoryEvent {
    InventoryEvent::StockReserved {
        intent: INTENT,
        ticket: Ticket(2, 0),
        floor: Ticket(0, 0),
        pieces: 2,
    }
}

fn released() -> InventoryEvent {
    InventoryEvent::StockReleased {
        intent: INTENT,
        ticket: Ticket(2, 0),
        floor: Ticket(0, 0),
        pieces: 2,
    }
}

fn placed() -> OrderEvent {
    OrderEvent::OrderPlaced {
        id: ORDER,
        product_ids: ProductIds::new(vec![PRODUCT, PRODUCT]).unwrap(),
        customer_id: Uuid::nil(),
        facts: OrderFacts {
            customer: CustomerFacts {
                name: Name::new("Ann").unwrap(),
                email: Mailbox::new("ann@shop.example").unwrap(),
            },
            products: vec![],
        },
    }
}

fn rejected() -> IntentEvent {
    IntentEvent::IntentRejected { reason: RejectReason::Abandoned }
}

#[test]
fn a_log_as_the_shop_writes_it_has_no_complaint() {
    let mut log = Log::begun();
    log.stock(&reserved()).intent(&IntentEvent::IntentConfirmed {}, false).order(&placed());
    assert_eq!(log.complaints, []);
    let audited = log.audit.audited();
    assert_eq!((audited.intents, audited.open_intents, audited.products), (1, 0, 1));

    let mut log = Log::begun();
    log.stock(&reserved()).intent(&rejected(), true).stock(&released());
    assert_eq!(log.audit.audited().open_intents, 1);
    log.intent(&IntentEvent::IntentClosed { written_off: vec![] }, true);
    assert_eq!(log.complaints, []);
    assert_eq!(log.audit.audited().open_intents, 0);
}

#[test]
fn an_order_without_its_pieces_is_told() {
    let mut log = Log::begun();
    log.order(&placed());
    assert_eq!(log.broken(), [AuditRule::Stock]);
    log.stock(&reserved());
    assert_eq!(log.broken(), [AuditRule::Stock], "what was told once is not told again");
}

#[test]
fn an_intent_that_is_confirmed_unreserved_is_told() {
    let mut log = Log::begun();
    log.intent(&IntentEvent::IntentConfirmed {}, false).order(&placed());
    assert_eq!(log.broken(), [AuditRule::Intents, AuditRule::Stock]);
}

#[test]
fn an_intent_that_is_decided_twice_is_told() {
    let mut log = Log::begun();
    log.intent(&rejected(), true).intent(&rejected(), true);
    assert_eq!(log.broken(), [AuditRule::Intents]);
}

#[test]
fn a_rejected_intent_that_keeps_its_pieces_is_told() {
    let mut log = Log::begun();
    log.stock(&reserved()).intent(&rejected(), true);
    log.intent(&IntentEvent::IntentClosed { written_off: vec![] }, true);
    assert_eq!(log.broken(), [AuditRule::Intents, AuditRule::Stock]);
}

#[test]
fn pieces_that_nobody_may_move_are_told() {
    let mut log = Log::begun();
    log.stock(&released());
    assert_eq!(log.broken(), [AuditRule::Intents]);
}

#[test]
fn an_entry_that_is_not_what_its_events_make_is_told() {
    let mut log = Log::begun();
    let data = json(&InventoryEvent::StockIncreased { pieces: 1 });
    let kind = "StockIncreased";
    let document = "{}".to_owned();
    log.add((topics::INVENTORY, RECORD), (Action::Updated, kind), (document, data), true);
    assert_eq!(log.broken(), [AuditRule::Entities]);
    let data = "{\"StockEaten\":{}}".to_owned();
    let texts = (String::new(), data);
    log.add((topics::INVENTORY, RECORD), (Action::Updated, "StockEaten"), texts, true);
    assert_eq!(log.broken(), [AuditRule::Entities, AuditRule::Events]);
}
