//! What an intent is asked, what happens to it, and why it refuses.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Appearance, DomainEvent, InventoryRejection, Line, Reject, RejectionKind};

/// What was decided about an intent, once and for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// The orders are written, and what was reserved is theirs.
    Confirmed,
    /// Nothing is written, and what was reserved goes back.
    Rejected(RejectReason),
}

/// Why an intent came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RejectReason {
    /// There were not so many pieces.
    Short {
        /// The product.
        product_id: Uuid,
        /// How many pieces were asked for.
        asked: u64,
        /// How many there were.
        left: u64,
    },
    /// Its driver was no longer living.
    Abandoned,
    /// The order that it was to change had changed meanwhile.
    Stale,
    /// A part failed, so that nobody can say whether pieces were reserved.
    Failed,
}

impl RejectReason {
    /// The reason why an intent is rejected whose line was refused like this.
    ///
    /// A record that is gone is one that has nothing left.
    pub fn of_refusal(line: &Line, refusal: &InventoryRejection) -> Self {
        match *refusal {
            InventoryRejection::Short { product_id, asked, left } => {
                Self::Short { product_id, asked, left }
            }
            InventoryRejection::NotFound => {
                Self::Short { product_id: line.product_id, asked: line.pieces, left: 0 }
            }
            InventoryRejection::TooOld | InventoryRejection::Closed => Self::Abandoned,
            InventoryRejection::Exists
            | InventoryRejection::ProductFixed { .. }
            | InventoryRejection::TooMuch { .. }
            | InventoryRejection::OpenReservations => Self::Failed,
        }
    }
}

/// What an intent can be asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentCommand {
    /// Come into being.
    Open {
        /// The new intent's id.
        id: Uuid,
        /// What is to be taken from the stock.
        take: Vec<Line>,
        /// What is to be given back to it, once confirmed.
        give: Vec<Line>,
    },
    /// Be decided: it shall be.
    Confirm,
    /// Be decided: it shall not be.
    Reject {
        /// Why not.
        reason: RejectReason,
    },
    /// Never come into being.
    Bar {
        /// The id of the intent that shall not be.
        id: Uuid,
    },
    /// Be over: whatever the decision asks for is done.
    Close {
        /// What should have gone back and found no record.
        written_off: Vec<Line>,
    },
}

/// What can happen to an intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IntentEvent {
    /// It came into being.
    IntentOpened {
        /// The intent.
        id: Uuid,
        /// What is to be taken from the stock; each record at most once, here or in `give`.
        take: Vec<Line>,
        /// What is to be given back to it, once confirmed.
        give: Vec<Line>,
    },
    /// It was decided: it shall be.
    IntentConfirmed {},
    /// It was decided: it shall not be.
    IntentRejected {
        /// Why not.
        reason: RejectReason,
    },
    /// It can never come into being.
    IntentBarred {
        /// The intent.
        id: Uuid,
    },
    /// It is over.
    IntentClosed {
        /// What should have gone back and found no record.
        written_off: Vec<Line>,
    },
}

/// Why an intent may refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntentRejection {
    /// There is no such intent.
    #[error("there is no such intent")]
    NotFound,
    /// There is one with that id, of other content.
    #[error("this intent exists already with other content")]
    Exists,
    /// It was barred before it came into being.
    #[error("this intent was barred")]
    Barred,
    /// It was confirmed before.
    #[error("this intent was confirmed already")]
    AlreadyConfirmed,
    /// It was rejected before.
    #[error("this intent was rejected already")]
    AlreadyRejected {
        /// Why, as the log has it.
        reason: RejectReason,
    },
    /// It cannot be over before it was decided.
    #[error("this intent is not yet decided")]
    Undecided,
}

impl DomainEvent for IntentEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::IntentOpened { .. } => "IntentOpened",
            Self::IntentConfirmed {} => "IntentConfirmed",
            Self::IntentRejected { .. } => "IntentRejected",
            Self::IntentBarred { .. } => "IntentBarred",
            Self::IntentClosed { .. } => "IntentClosed",
        }
    }

    fn appearance(&self) -> Appearance {
        Appearance::Internal
    }
}

impl Reject for IntentRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::Exists
            | Self::Barred
            | Self::AlreadyConfirmed
            | Self::AlreadyRejected { .. }
            | Self::Undecided => RejectionKind::Conflict,
        }
    }
}
