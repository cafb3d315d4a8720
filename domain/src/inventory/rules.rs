//! The rules of an inventory record: what each command leads to.

use uuid::Uuid;

use super::reservations::{EntryKind, Recall};
use super::{Inventory, InventoryEvent, InventoryRejection, Stock};
use crate::life::Life;
use crate::{InventoryDraft, OpenTickets, Pieces, Ticket};

type Decided = Result<Vec<InventoryEvent>, InventoryRejection>;

impl Inventory {
    fn living(&self) -> Result<&Stock, InventoryRejection> {
        self.stock.living().ok_or(InventoryRejection::NotFound)
    }

    pub(super) fn open(&self, id: Uuid, draft: &InventoryDraft) -> Decided {
        let InventoryDraft { product_id, amount } = draft.clone();
        match &self.stock {
            Life::Absent => Ok(vec![InventoryEvent::StockOpened { id, product_id, amount }]),
            Life::Living(now) => {
                let same =
                    now.id == id && now.product_id == product_id && now.opened_with == amount.get();
                if same { Ok(vec![]) } else { Err(InventoryRejection::Exists) }
            }
            Life::Deleted(_) => Err(InventoryRejection::NotFound),
        }
    }

    pub(super) fn set_amount(&self, draft: &InventoryDraft) -> Decided {
        let now = self.living()?;
        if now.product_id != draft.product_id {
            return Err(InventoryRejection::ProductFixed { product_id: now.product_id });
        }
        Ok(vec![InventoryEvent::StockSet { from: now.amount, to: draft.amount.get() }])
    }

    pub(super) fn increase(&self, pieces: u64) -> Decided {
        let amount = self.living()?.amount;
        match amount.checked_add(pieces) {
            Some(sum) if sum <= Pieces::MAX => Ok(vec![InventoryEvent::StockIncreased { pieces }]),
            _ => Err(InventoryRejection::TooMuch { amount, pieces }),
        }
    }

    pub(super) fn decrease(&self, pieces: u64) -> Decided {
        enough(self.living()?, pieces)?;
        Ok(vec![InventoryEvent::StockDecreased { pieces }])
    }

    pub(super) fn reserve(
        &self,
        intent: Uuid,
        ticket: Ticket,
        floor: Ticket,
        pieces: u64,
    ) -> Decided {
        let stock = self.living()?;
        match self.memory.recall(intent, ticket, floor) {
            Recall::TooOld => Err(InventoryRejection::TooOld),
            Recall::Known(EntryKind::Reserved, before) if before == pieces => Ok(vec![]),
            Recall::Known(..) | Recall::Impostor => Err(InventoryRejection::Closed),
            Recall::Nothing => {
                enough(stock, pieces)?;
                let floor = self.floor().max(floor);
                Ok(vec![InventoryEvent::StockReserved { intent, ticket, floor, pieces }])
            }
        }
    }

    pub(super) fn release(&self, intent: Uuid, ticket: Ticket, floor: Ticket) -> Decided {
        let recall = self.memory.recall(intent, ticket, floor);
        let floor = self.floor().max(floor);
        match (recall, &self.stock) {
            (Recall::Impostor, _) => Err(InventoryRejection::Closed),
            (Recall::Known(EntryKind::Reserved, pieces), Life::Living(stock)) => {
                room(stock, pieces)?;
                Ok(vec![InventoryEvent::StockReleased { intent, ticket, floor, pieces }])
            }
            (Recall::Known(EntryKind::Reserved, _), Life::Absent | Life::Deleted(_)) => {
                Err(InventoryRejection::NotFound)
            }
            // An absent record bars as a living one does: it may be that it only seems absent to
            // one who has read too little, and the event finds out.
            (Recall::Nothing, Life::Living(_) | Life::Absent) => {
                Ok(vec![InventoryEvent::ReservationBarred { intent, ticket, floor }])
            }
            // It was done before; or nothing was taken, and from a deleted record nothing ever will.
            (Recall::TooOld | Recall::Known(..), _) | (Recall::Nothing, Life::Deleted(_)) => {
                Ok(vec![])
            }
        }
    }

    pub(super) fn give_back(
        &self,
        intent: Uuid,
        ticket: Ticket,
        floor: Ticket,
        pieces: u64,
    ) -> Decided {
        match self.memory.recall(intent, ticket, floor) {
            Recall::TooOld | Recall::Known(EntryKind::Returned, _) => Ok(vec![]),
            Recall::Nothing => {
                room(self.living()?, pieces)?;
                let floor = self.floor().max(floor);
                Ok(vec![InventoryEvent::StockReturned { intent, ticket, floor, pieces }])
            }
            Recall::Known(..) | Recall::Impostor => {
                self.living()?;
                Err(InventoryRejection::Closed)
            }
        }
    }

    pub(super) fn delete(&self, open: &OpenTickets) -> Decided {
        let left = self.living()?.amount;
        if self.memory.reserved().any(|(ticket, _)| open.is_open(ticket)) {
            return Err(InventoryRejection::OpenReservations);
        }
        Ok(vec![InventoryEvent::StockDeleted { left }])
    }
}

fn enough(stock: &Stock, asked: u64) -> Result<(), InventoryRejection> {
    let Stock { product_id, amount: left, .. } = *stock;
    if asked <= left { Ok(()) } else { Err(InventoryRejection::Short { product_id, asked, left }) }
}

/// Whether the pieces can be added; a record that has no place for them is as good as none.
fn room(stock: &Stock, pieces: u64) -> Result<(), InventoryRejection> {
    stock.amount.checked_add(pieces).map(|_| ()).ok_or(InventoryRejection::NotFound)
}
