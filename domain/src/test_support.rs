//! What the tests of all files share: given/when/then, values, and the laws of every aggregate.

use std::fmt::Debug;

use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    Aggregate, BillingFacts, CustomerFacts, DomainEvent, Euros, InventoryDraft, Line, Mailbox,
    Name, OrderDraft, OrderFacts, Pieces, ProductFacts, ProductIds, Ticket,
};

/// An aggregate to which these events have happened.
pub(crate) fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    Given(events.into_iter().fold(A::default(), |state, event| state.evolve(&event)))
}

pub(crate) struct Given<A>(A);

impl<A: Aggregate> Given<A> {
    /// The aggregate itself.
    pub(crate) fn state(self) -> A {
        self.0
    }

    /// Sends it a command.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a test reads better without the ampersand")]
    pub(crate) fn when(self, command: A::Command) -> When<A> {
        let decided = self.0.decide(&command);
        When { state: self.0, decided }
    }
}

pub(crate) struct When<A: Aggregate> {
    state: A,
    decided: Result<Vec<A::Event>, A::Rejection>,
}

impl<A: Aggregate> When<A> {
    /// Expects these events, and gives the aggregate to which they have happened.
    #[track_caller]
    pub(crate) fn then(self, events: impl IntoIterator<Item = A::Event>) -> Given<A> {
        let expected: Vec<_> = events.into_iter().collect();
        assert_eq!(self.decided, Ok(expected.clone()));
        Given(expected.iter().fold(self.state, A::evolve))
    }

    /// Expects that nothing happens, since it has happened before.
    #[track_caller]
    pub(crate) fn then_nothing(self) -> Given<A> {
        self.then([])
    }

    /// Expects a rejection.
    #[track_caller]
    pub(crate) fn then_rejected(self, rejection: A::Rejection) -> Given<A> {
        assert_eq!(self.decided, Err(rejection));
        Given(self.state)
    }
}

/// Expects that an event has exactly this JSON form, which therefore can be read for ever.
#[track_caller]
pub(crate) fn assert_form<E: DomainEvent>(event: &E, json: &str) {
    assert_eq!(serde_json::to_string(event).unwrap(), json);
    assert_eq!(serde_json::from_str::<E>(json).unwrap(), *event);
    assert!(json.contains(&format!("\"{}\"", event.name())), "{json} has its name in it");
}

/// The laws of every aggregate, under these commands.
///
/// `decide` and `evolve` never panic; the state rebuilt from the events, as the log holds them, is
/// the live one; a snapshot is the state; an aggregate that is not living holds no unique keys.
pub(crate) fn assert_laws<A>(commands: &[A::Command]) -> A
where
    A: Aggregate + serde::Serialize + serde::de::DeserializeOwned,
{
    let mut live = A::default();
    let mut log = Vec::new();
    for command in commands {
        let Ok(events) = live.decide(command) else {
            continue;
        };
        for event in events {
            let json = serde_json::to_string(&event).unwrap();
            live = live.evolve(&event);
            log.push(serde_json::from_str::<A::Event>(&json).unwrap());
        }
        assert!(live.is_living() || live.unique_keys().is_empty());
    }
    let rebuilt = log.iter().fold(A::default(), A::evolve);
    assert_eq!(rebuilt, live);
    let snapshot = serde_json::to_string(&live).unwrap();
    assert_eq!(serde_json::from_str::<A>(&snapshot).unwrap(), live);
    live
}

/// Expects that a value survives its JSON form.
pub(crate) fn assert_round_trip<T>(value: &T)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + Debug,
{
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value);
}

pub(crate) const fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn mailbox(text: &str) -> Mailbox {
    Mailbox::new(text).unwrap()
}

pub(crate) fn euros(number: u64) -> Euros {
    Euros::new(number).unwrap()
}

pub(crate) fn pieces(number: u64) -> Pieces {
    Pieces::new(number).unwrap()
}

pub(crate) const fn ticket(number: u64) -> Ticket {
    Ticket(number, 0)
}

pub(crate) const fn line(inventory: u128, pieces: u64) -> Line {
    Line { product_id: id(100 + inventory), inventory_id: id(inventory), pieces }
}

pub(crate) fn stock_of(product: u128, amount: u64) -> InventoryDraft {
    InventoryDraft { product_id: id(product), amount: pieces(amount) }
}

pub(crate) fn order_of(customer: u128, products: &[u128]) -> OrderDraft {
    let product_ids = ProductIds::new(products.iter().map(|n| id(*n)).collect()).unwrap();
    OrderDraft { product_ids, customer_id: id(customer) }
}

pub(crate) fn customer_facts() -> CustomerFacts {
    CustomerFacts { name: name("Ann"), email: mailbox("ann@example.org") }
}

pub(crate) fn product_facts(product: u128, price: u64) -> ProductFacts {
    ProductFacts { id: id(product), name: name("Pen"), price: euros(price) }
}

pub(crate) fn order_facts(price: u64) -> OrderFacts {
    OrderFacts { customer: customer_facts(), products: vec![product_facts(1, price)] }
}

pub(crate) fn billing_facts(sum: u64) -> BillingFacts {
    BillingFacts { customer: customer_facts(), sum }
}

pub(crate) fn any_id() -> impl Strategy<Value = Uuid> {
    (1..4_u128).prop_map(id)
}

pub(crate) fn any_name() -> impl Strategy<Value = Name> {
    "\\PC{1,200}".prop_filter_map("not a name", |text| Name::new(text).ok())
}

pub(crate) fn any_mailbox() -> impl Strategy<Value = Mailbox> {
    ("[a-zß]{1,9}", "[A-Z]{0,9}").prop_map(|(local, display)| {
        let address = format!("{local}@example.org");
        mailbox(&if display.is_empty() { address } else { format!("{display} <{address}>") })
    })
}

/// Small amounts mostly, and those at the limit.
pub(crate) fn any_amount() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0..9_u64, 1 => Just(Pieces::MAX)]
}

pub(crate) fn any_order_draft() -> impl Strategy<Value = OrderDraft> {
    (prop::collection::vec(any_id(), 1..5), any_id()).prop_map(|(ids, customer_id)| OrderDraft {
        product_ids: ProductIds::new(ids).unwrap(),
        customer_id,
    })
}

pub(crate) fn any_customer_facts() -> impl Strategy<Value = CustomerFacts> {
    (any_name(), any_mailbox()).prop_map(|(name, email)| CustomerFacts { name, email })
}

pub(crate) fn any_order_facts() -> impl Strategy<Value = OrderFacts> {
    let product = (any_id(), any_name(), any_amount()).prop_map(|(id, name, price)| ProductFacts {
        id,
        name,
        price: euros(price),
    });
    (any_customer_facts(), prop::collection::vec(product, 0..3))
        .prop_map(|(customer, products)| OrderFacts { customer, products })
}
