//! The inventory record: how many pieces of a product can still be taken.
//!
//! Orders take pieces in two steps: an intent reserves them, and if the order comes to nothing it
//! releases them. Either step may be repeated, come late, or come from two drivers at once, so the
//! record remembers what each intent did until the intent is older than the oldest open one; from
//! then on its ticket alone shuts the door. The rules stand in `rules.rs`, the memory in `reservations.rs`.

mod message;
#[cfg(test)]
mod properties;
mod reservations;
mod rules;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::reservations::{Entry, EntryKind, Reservations};
use crate::life::Life;
use crate::{Adopt, Aggregate, Appearance, Ticket};

pub use self::message::{InventoryCommand, InventoryEvent, InventoryRejection};

/// The state of an inventory record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    stock: Life<Stock>,
    /// Outlives the stock: a late release or return still finds what was done before.
    memory: Reservations,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stock {
    id: Uuid,
    product_id: Uuid,
    /// What can still be taken.
    ///
    /// It cannot outgrow 64 bits: what people put in stays below 2^53, and beyond that only pieces
    /// come back that orders took, here or from an earlier record of the product. Every such piece was named by
    /// at least 36 bytes of a request, so 2^64 of them would be more than 600 exabytes of orders.
    /// Should it be tried all the same, the record answers that it has no place for them.
    amount: u64,
    /// The amount at the beginning, by which a repeated command to open is known.
    opened_with: u64,
}

/// The public inventory record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryDocument {
    /// The record.
    pub id: Uuid,
    /// The product that is in stock.
    pub product_id: Uuid,
    /// How many pieces can still be taken.
    pub amount: u64,
}

impl Inventory {
    /// How many pieces can still be taken, while the record exists.
    pub fn amount(&self) -> Option<u64> {
        self.stock.living().map(|stock| stock.amount)
    }

    /// The product, while the record exists.
    pub fn product_id(&self) -> Option<Uuid> {
        self.stock.living().map(|stock| stock.product_id)
    }

    /// The oldest ticket that may still be open, as far as this record was told.
    pub const fn floor(&self) -> Ticket {
        self.memory.floor()
    }

    /// What intents have taken and not given back, oldest first: ticket, intent and pieces.
    ///
    /// Intents that were confirmed are among them until the floor has passed them.
    pub fn reservations(&self) -> impl Iterator<Item = (Ticket, Uuid, u64)> + '_ {
        self.memory.reserved().map(|(ticket, entry)| (ticket, entry.intent, entry.pieces))
    }

    /// The unique key that a record of that product holds: a product has at most one.
    pub fn key_of(product_id: Uuid) -> String {
        format!("product/{product_id}")
    }

    /// Adds to or takes from the amount, and remembers the intent that did it.
    fn remember(self, ticket: Ticket, entry: Entry, floor: Ticket) -> Self {
        let Entry { kind, pieces, .. } = entry;
        let stock = self.stock.change(|stock| match kind {
            // Whatever was decided fits: `enough` and `room` have seen to it.
            EntryKind::Reserved => Stock { amount: stock.amount.saturating_sub(pieces), ..stock },
            EntryKind::Released | EntryKind::Returned => {
                Stock { amount: stock.amount.saturating_add(pieces), ..stock }
            }
            EntryKind::Barred => stock,
        });
        Self { stock, memory: self.memory.remember(ticket, entry, floor) }
    }

    fn with_amount(self, amount: impl FnOnce(u64) -> u64) -> Self {
        let stock = self.stock.change(|stock| Stock { amount: amount(stock.amount), ..stock });
        Self { stock, ..self }
    }
}

impl Aggregate for Inventory {
    const TOPIC: &'static str = "inventory";
    type Command = InventoryCommand;
    type Event = InventoryEvent;
    type Rejection = InventoryRejection;
    type Document = InventoryDocument;

    fn decide(
        &self,
        command: &InventoryCommand,
    ) -> Result<Vec<InventoryEvent>, InventoryRejection> {
        match command {
            InventoryCommand::Open { id, draft } => self.open(*id, draft),
            InventoryCommand::SetAmount { draft } => self.set_amount(draft),
            InventoryCommand::Increase { pieces } => self.increase(*pieces),
            InventoryCommand::Decrease { pieces } => self.decrease(*pieces),
            InventoryCommand::Reserve { intent, ticket, floor, pieces } => {
                self.reserve(*intent, *ticket, *floor, *pieces)
            }
            InventoryCommand::Release { intent, ticket, floor } => {
                self.release(*intent, *ticket, *floor)
            }
            InventoryCommand::Return { intent, ticket, floor, pieces } => {
                self.give_back(*intent, *ticket, *floor, *pieces)
            }
            InventoryCommand::Delete { open } => self.delete(open),
        }
    }

    fn evolve(self, event: &InventoryEvent) -> Self {
        match *event {
            InventoryEvent::StockOpened { id, product_id, amount } => {
                let amount = amount.get();
                let stock = Life::Living(Stock { id, product_id, amount, opened_with: amount });
                Self { stock, ..self }
            }
            InventoryEvent::StockSet { from: _, to } => self.with_amount(|_| to),
            InventoryEvent::StockIncreased { pieces } => {
                self.with_amount(|amount| amount.saturating_add(pieces))
            }
            InventoryEvent::StockDecreased { pieces } => {
                self.with_amount(|amount| amount.saturating_sub(pieces))
            }
            InventoryEvent::StockReserved { intent, ticket, floor, pieces } => {
                self.remember(ticket, Entry { intent, pieces, kind: EntryKind::Reserved }, floor)
            }
            InventoryEvent::StockReleased { intent, ticket, floor, pieces } => {
                self.remember(ticket, Entry { intent, pieces, kind: EntryKind::Released }, floor)
            }
            InventoryEvent::StockReturned { intent, ticket, floor, pieces } => {
                self.remember(ticket, Entry { intent, pieces, kind: EntryKind::Returned }, floor)
            }
            InventoryEvent::ReservationBarred { intent, ticket, floor } => {
                self.remember(ticket, Entry { intent, pieces: 0, kind: EntryKind::Barred }, floor)
            }
            InventoryEvent::StockDeleted { left: _ } => Self { stock: self.stock.end(), ..self },
        }
    }

    fn document(&self) -> Option<InventoryDocument> {
        self.stock.last().map(|stock| InventoryDocument {
            id: stock.id,
            product_id: stock.product_id,
            amount: stock.amount,
        })
    }

    fn is_living(&self) -> bool {
        self.stock.living().is_some()
    }

    fn unique_keys(&self) -> Vec<String> {
        self.product_id().map(Self::key_of).into_iter().collect()
    }
}

impl Adopt for Inventory {
    /// The record keeps what it remembers of intents; the difference of the amounts counts as put
    /// in or taken out.
    fn adopt(self, appearance: Appearance, document: InventoryDocument) -> Self {
        let InventoryDocument { id, product_id, amount } = document;
        let opened_with = self.stock.last().map_or(amount, |stock| stock.opened_with);
        let stock = Stock { id, product_id, amount, opened_with };
        Self { stock: self.stock.adopt(appearance, stock), ..self }
    }
}
