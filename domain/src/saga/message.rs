//! What the order saga asks its driver to do, and what the driver tells it.

use uuid::Uuid;

use crate::{Decision, Line, RejectReason, Ticket};

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Open the intent with [`OrderSaga::take`](crate::OrderSaga::take) and [`OrderSaga::give`](crate::OrderSaga::give), then say at which ticket.
    Open,
    /// Reserve this line at its record.
    Reserve(Line),
    /// Write the orders and the intent's confirmation, in one append.
    Confirm,
    /// Write the intent's rejection.
    Reject(RejectReason),
    /// Release this line at its record.
    Release(Line),
    /// Return this line to its record.
    Return(Line),
    /// Close the intent.
    Close {
        /// What should have gone back and found no record.
        written_off: Vec<Line>,
    },
    /// Let go: nothing remains to be done.
    Finished(SagaResult),
}

/// What became of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SagaResult {
    /// The orders are written.
    Confirmed,
    /// Nothing is written, and the stock is as it was.
    Rejected(RejectReason),
}

/// What the driver tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The intent is open, now or since an earlier attempt.
    Opened {
        /// The position of its first event.
        ticket: Ticket,
    },
    /// The record holds the reservation.
    Reserved {
        /// The record.
        inventory_id: Uuid,
    },
    /// The record refused, for a reason as [`RejectReason::of_refusal`] gives it.
    ///
    /// Only [`RejectReason::Abandoned`] shuts the line for good. After any other refusal a copy of
    /// the request, or a second driver, might still succeed, so a rejected intent bars the line.
    ReserveRefused {
        /// The record.
        inventory_id: Uuid,
        /// Why.
        reason: RejectReason,
    },
    /// Nobody can say whether the record holds the reservation, or will.
    ReserveUnknown {
        /// The record.
        inventory_id: Uuid,
    },
    /// What the log says, whoever wrote it. Whoever wanted something else has lost, and obeys.
    Decided(Decision),
    /// The confirmation was refused for the order's sake, which changed meanwhile.
    DecisionStale,
    /// The record has released the line, now or before, or never held it and never will.
    Released {
        /// The record.
        inventory_id: Uuid,
    },
    /// The record has taken the line back, now or before.
    Returned {
        /// The record.
        inventory_id: Uuid,
    },
    /// There is no record any more into which the line's pieces could go.
    NoRecord {
        /// The record that is gone.
        inventory_id: Uuid,
    },
    /// The intent is closed, by whomever.
    Closed,
}
