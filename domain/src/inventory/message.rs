//! What an inventory record is asked, what happens to it, and why it refuses.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Appearance, DomainEvent, InventoryDraft, OpenTickets, Pieces, Reject, RejectionKind, Ticket,
};

/// What an inventory record can be asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InventoryCommand {
    /// Come into being.
    Open {
        /// The new record's id.
        id: Uuid,
        /// Its content.
        draft: InventoryDraft,
    },
    /// Take this amount; the difference counts as put in or taken out.
    SetAmount {
        /// The new amount; the product must be the present one.
        draft: InventoryDraft,
    },
    /// Put pieces in.
    Increase {
        /// How many.
        pieces: u64,
    },
    /// Take pieces out for good.
    Decrease {
        /// How many.
        pieces: u64,
    },
    /// Take pieces out for an intent, unless it has done so already.
    Reserve {
        /// The intent.
        intent: Uuid,
        /// Its age.
        ticket: Ticket,
        /// The oldest intent that may be open, as far as the sender knows.
        floor: Ticket,
        /// How many pieces.
        pieces: u64,
    },
    /// Put back what the intent has reserved, and never reserve for it again.
    Release {
        /// The intent.
        intent: Uuid,
        /// Its age.
        ticket: Ticket,
        /// The oldest intent that may be open, as far as the sender knows.
        floor: Ticket,
    },
    /// Put back pieces of an order that the intent changes or deletes, unless it has done so.
    Return {
        /// The intent.
        intent: Uuid,
        /// Its age.
        ticket: Ticket,
        /// The oldest intent that may be open, as far as the sender knows.
        floor: Ticket,
        /// How many pieces.
        pieces: u64,
    },
    /// Go, unless an open intent has reserved something.
    Delete {
        /// Which intents are open.
        open: OpenTickets,
    },
}

/// What can happen to an inventory record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InventoryEvent {
    /// It came into being.
    StockOpened {
        /// The record.
        id: Uuid,
        /// The product that is in stock.
        product_id: Uuid,
        /// How many pieces were put in.
        amount: Pieces,
    },
    /// Somebody set the amount; the difference was put in or taken out.
    StockSet {
        /// The amount before.
        from: u64,
        /// The amount after.
        to: u64,
    },
    /// Pieces were put in.
    StockIncreased {
        /// How many.
        pieces: u64,
    },
    /// Pieces were taken out for good.
    StockDecreased {
        /// How many.
        pieces: u64,
    },
    /// Pieces were taken out for an intent.
    StockReserved {
        /// The intent.
        intent: Uuid,
        /// Its age.
        ticket: Ticket,
        /// The oldest intent that may be open.
        floor: Ticket,
        /// How many pieces.
        pieces: u64,
    },
    /// Pieces that an intent had reserved came back.
    StockReleased {
        /// The intent.
        intent: Uuid,
        /// Its age.
        ticket: Ticket,
        /// The oldest intent that may be open.
        floor: Ticket,
        /// How many pieces.
        pieces: u64,
    },
    /// Pieces of an order that the intent changed or deleted came back.
    StockReturned {
        /// The intent.
        intent: Uuid,
        /// Its age.
        ticket: Ticket,
        /// The oldest intent that may be open.
        floor: Ticket,
        /// How many pieces.
        pieces: u64,
    },
    /// An intent that had reserved nothing gave up; it can never reserve here any more.
    ReservationBarred {
        /// The intent.
        intent: Uuid,
        /// Its age.
        ticket: Ticket,
        /// The oldest intent that may be open.
        floor: Ticket,
    },
    /// It is gone, and what was left with it.
    StockDeleted {
        /// How many pieces were left; they count as taken out.
        left: u64,
    },
}

/// Why an inventory record may refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InventoryRejection {
    /// There is no such record, or none that has to do with the intent.
    #[error("there is no such inventory record")]
    NotFound,
    /// There is one with that id, of other content.
    #[error("this inventory record exists already with other content")]
    Exists,
    /// A record stays with its product.
    #[error("this inventory record is of product {product_id}: its product cannot change")]
    ProductFixed {
        /// The product of the record.
        product_id: Uuid,
    },
    /// There are not so many pieces.
    #[error("product {product_id} is short: {asked} asked for, {left} left")]
    Short {
        /// The product.
        product_id: Uuid,
        /// How many pieces were asked for.
        asked: u64,
        /// How many there are.
        left: u64,
    },
    /// The amount would leave the range of amounts.
    #[error("{amount} and {pieces} more are too many: the limit is {limit}", limit = Pieces::MAX)]
    TooMuch {
        /// The amount.
        amount: u64,
        /// How many pieces were to be added.
        pieces: u64,
    },
    /// The intent is older than the oldest open one, so it was decided long ago.
    #[error("the intent of this reservation was decided long ago")]
    TooOld,
    /// The intent has done something else here already.
    #[error("this reservation is closed")]
    Closed,
    /// An open intent has reserved pieces.
    #[error("this inventory record has open reservations")]
    OpenReservations,
}

impl DomainEvent for InventoryEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::StockOpened { .. } => "StockOpened",
            Self::StockSet { .. } => "StockSet",
            Self::StockIncreased { .. } => "StockIncreased",
            Self::StockDecreased { .. } => "StockDecreased",
            Self::StockReserved { .. } => "StockReserved",
            Self::StockReleased { .. } => "StockReleased",
            Self::StockReturned { .. } => "StockReturned",
            Self::ReservationBarred { .. } => "ReservationBarred",
            Self::StockDeleted { .. } => "StockDeleted",
        }
    }

    fn appearance(&self) -> Appearance {
        match self {
            Self::StockOpened { .. } => Appearance::Created,
            Self::StockSet { .. }
            | Self::StockIncreased { .. }
            | Self::StockDecreased { .. }
            | Self::StockReserved { .. }
            | Self::StockReleased { .. }
            | Self::StockReturned { .. } => Appearance::Updated,
            Self::ReservationBarred { .. } => Appearance::Internal,
            Self::StockDeleted { .. } => Appearance::Deleted,
        }
    }
}

impl Reject for InventoryRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::TooMuch { .. } => RejectionKind::Invalid { field: "amount" },
            Self::Exists
            | Self::ProductFixed { .. }
            | Self::Short { .. }
            | Self::TooOld
            | Self::Closed
            | Self::OpenReservations => RejectionKind::Conflict,
        }
    }
}
