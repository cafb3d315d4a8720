//! The rules of the order shop, and nothing else.
//!
//! An entity is an [`Aggregate`]: from its state and a command it *decides* what happens, and what
//! has happened makes it *evolve*. The five public ones are [`Customer`], [`Product`],
//! [`Inventory`], [`Order`] and [`Billing`]; [`Intent`] is the shop's own, and [`OrderSaga`] drives
//! it, so that an order and the stock agree although they are written apart. Entries that other
//! programs wrote hold an entity and no event; [`Adopt`] makes them part of its history.
//!
//! # Where to look
//!
//! | file | what it holds |
//! |---|---|
//! | `aggregate.rs`, `life.rs` | what every aggregate, event and rejection is; the three ages of an entity |
//! | `customer.rs`, `product.rs`, `inventory.rs`, `order.rs`, `billing.rs` | one entity each: commands, events, rejections, rules |
//! | `intent.rs`, `line.rs`, `ticket.rs` | what an order wants from the stock, and how old that wish is |
//! | `saga.rs` | how an intent gets done, or undone, whatever crashes when |
//! | `draft.rs` | what a client may send |
//! | `name.rs`, `mailbox.rs`, `amounts.rs`, `product_ids.rs` | values that cannot be wrong once they exist |
//! | `facts.rs` | what mails tell, as it was at the moment of the event |
//!
//! # What is absent
//!
//! - This crate knows no clock, no random number, no id that it made itself: they come in commands.
//! - It knows no log, no actor, no network, no thread: nothing here waits or can fail halfway.
//! - It does not look up other entities. What a rule needs to know of them arrives as facts in the
//!   command; what must be unique among them is named by [`Aggregate::unique_keys`], for the log
//!   to enforce.
//! - No rule stands in `evolve`: an event is history, also when today's rules would refuse it.
//! - No sum of euros or pieces is rounded, and none wraps around.
//! - `decide`, `evolve` and the saga never panic, whatever they are given.
//!
//! # What holds
//!
//! *Stock now + pieces in living orders + open reservations = put in − taken out − written off*,
//! after every single event, under crashes, repetitions and several drivers of one intent (what
//! confirmed intents have yet to give back counts among the reservations); the simulation in
//! `saga/simulation` plays this through. It rests on three things outside this crate:
//! events are written at the version on which they were decided; a rejection, or an answer without
//! events, was decided on a state that is not behind the log; and the floor in a command is never
//! above an intent that is not finished.
//!
//! # Example
//!
//! ```
//! use ordershop_domain::{Aggregate, Customer, CustomerCommand, CustomerDraft, Mailbox, Name};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (name, email) = (Name::new("Ann")?, Mailbox::new("Ann Lee <ann@example.org>")?);
//! let register = CustomerCommand::Register {
//!     id: uuid::Uuid::from_u128(1),
//!     draft: CustomerDraft { name, email },
//! };
//!
//! let customer = Customer::default();
//! let events = customer.decide(&register)?;
//! let customer = events.iter().fold(customer, Customer::evolve);
//!
//! assert!(customer.is_living());
//! assert_eq!(customer.decide(&register)?, [], "a repeated command does nothing");
//! # Ok(())
//! # }
//! ```

mod aggregate;
mod amounts;
mod billing;
mod customer;
mod draft;
mod facts;
mod intent;
mod inventory;
mod life;
mod line;
mod mailbox;
mod name;
mod order;
mod product;
mod product_ids;
mod saga;
#[cfg(test)]
mod test_support;
mod ticket;

pub use aggregate::{Adopt, Aggregate, Appearance, DomainEvent, Reject, RejectionKind};
pub use amounts::{Euros, Pieces, TooLarge};
pub use billing::{Billing, BillingCommand, BillingDocument, BillingEvent, BillingRejection};
pub use customer::{Customer, CustomerCommand, CustomerDocument, CustomerEvent, CustomerRejection};
pub use draft::{BillingDraft, CustomerDraft, InventoryDraft, OrderDraft, ProductDraft};
pub use facts::{BillingFacts, CustomerFacts, OrderFacts, ProductFacts};
pub use intent::{Decision, Intent, IntentCommand, IntentEvent, IntentRejection, RejectReason};
pub use inventory::{
    Inventory, InventoryCommand, InventoryDocument, InventoryEvent, InventoryRejection,
};
pub use line::Line;
pub use mailbox::{InvalidMailbox, Mailbox};
pub use name::{InvalidName, Name};
pub use order::{Order, OrderCommand, OrderDocument, OrderEvent, OrderRejection};
pub use product::{Product, ProductCommand, ProductDocument, ProductEvent, ProductRejection};
pub use product_ids::{InvalidProductIds, ProductIds};
pub use saga::{Input, OrderSaga, SagaResult, Step};
pub use ticket::{OpenTickets, Ticket};
