//! The billing: an order's sum was received.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::life::Life;
use crate::{
    Adopt, Aggregate, Appearance, BillingDraft, BillingFacts, DomainEvent, Reject, RejectionKind,
};

/// The state of a billing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Billing(Life<Content>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Content {
    id: Uuid,
    order_id: Uuid,
    done_us: i64,
    /// Unknown where another program wrote the billing.
    facts: Option<BillingFacts>,
}

/// The public billing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BillingDocument {
    /// The billing.
    pub id: Uuid,
    /// The order that was paid.
    pub order_id: Uuid,
    /// When it was last set, in seconds since the Unix epoch.
    pub done: f64,
}

/// What a billing can be asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BillingCommand {
    /// Come into being.
    Bill {
        /// The new billing's id.
        id: Uuid,
        /// Its content.
        draft: BillingDraft,
        /// Now, in microseconds since the Unix epoch.
        done_us: i64,
        /// The facts that mails will tell.
        facts: BillingFacts,
    },
    /// Take this content instead of the present one.
    Change {
        /// The new content.
        draft: BillingDraft,
        /// Now, in microseconds since the Unix epoch.
        done_us: i64,
        /// The facts of this moment.
        facts: BillingFacts,
    },
    /// Go; the order is then unbilled again.
    Delete,
}

/// What can happen to a billing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BillingEvent {
    /// It came into being.
    OrderBilled {
        /// The billing.
        id: Uuid,
        /// The order that was paid.
        order_id: Uuid,
        /// When, in microseconds since the Unix epoch.
        done_us: i64,
        /// What mails about it tell.
        facts: BillingFacts,
    },
    /// It has new content.
    BillingChanged {
        /// The order that was paid.
        order_id: Uuid,
        /// When this was set, in microseconds since the Unix epoch.
        done_us: i64,
        /// The facts of that moment.
        facts: BillingFacts,
    },
    /// It is gone.
    BillingDeleted {},
}

/// Why a billing may refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BillingRejection {
    /// There is no such billing.
    #[error("there is no such billing")]
    NotFound,
    /// There is one with that id, of other content.
    #[error("this billing exists already with other content")]
    Exists,
}

impl Billing {
    /// The order that was paid, while the billing exists.
    pub fn order_id(&self) -> Option<Uuid> {
        self.0.living().map(|content| content.order_id)
    }

    /// The facts of its last change, while it exists; none where another program made that.
    pub fn facts(&self) -> Option<&BillingFacts> {
        self.0.living().and_then(|content| content.facts.as_ref())
    }

    /// The unique key that a billing of that order holds: an order is billed at most once.
    pub fn key_of(order_id: Uuid) -> String {
        format!("order/{order_id}")
    }
}

impl Aggregate for Billing {
    const TOPIC: &'static str = "billing";
    type Command = BillingCommand;
    type Event = BillingEvent;
    type Rejection = BillingRejection;
    type Document = BillingDocument;

    fn decide(&self, command: &BillingCommand) -> Result<Vec<BillingEvent>, BillingRejection> {
        use BillingCommand::{Bill, Change, Delete};
        match (&self.0, command.clone()) {
            (Life::Absent, Bill { id, draft, done_us, facts }) => {
                let order_id = draft.order_id;
                Ok(vec![BillingEvent::OrderBilled { id, order_id, done_us, facts }])
            }
            // Time and facts of a repeated command are later ones; they don't make it another.
            (Life::Living(now), Bill { id, draft, .. }) => {
                let same = now.id == id && now.order_id == draft.order_id;
                if same { Ok(vec![]) } else { Err(BillingRejection::Exists) }
            }
            (Life::Living(_), Change { draft, done_us, facts }) => {
                let order_id = draft.order_id;
                Ok(vec![BillingEvent::BillingChanged { order_id, done_us, facts }])
            }
            (Life::Living(_), Delete) => Ok(vec![BillingEvent::BillingDeleted {}]),
            (Life::Absent, Change { .. } | Delete) | (Life::Deleted(_), _) => {
                Err(BillingRejection::NotFound)
            }
        }
    }

    fn evolve(self, event: &BillingEvent) -> Self {
        Self(match event.clone() {
            BillingEvent::OrderBilled { id, order_id, done_us, facts } => {
                let facts = Some(facts);
                Life::Living(Content { id, order_id, done_us, facts })
            }
            BillingEvent::BillingChanged { order_id, done_us, facts } => {
                let facts = Some(facts);
                self.0.change(|now| Content { id: now.id, order_id, done_us, facts })
            }
            BillingEvent::BillingDeleted {} => self.0.end(),
        })
    }

    fn document(&self) -> Option<BillingDocument> {
        self.0.last().map(|content| BillingDocument {
            id: content.id,
            order_id: content.order_id,
            done: seconds(content.done_us),
        })
    }

    fn is_living(&self) -> bool {
        self.0.living().is_some()
    }

    fn unique_keys(&self) -> Vec<String> {
        self.order_id().map(Self::key_of).into_iter().collect()
    }
}

/// Microseconds as seconds; exact to the microsecond until the year 2255, when they outgrow the 53
/// bits of a float.
#[expect(clippy::cast_precision_loss, reason = "the loss begins in the year 2255")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// Seconds as microseconds; what lies beyond the range of 64 bits becomes its end.
#[expect(clippy::cast_possible_truncation, reason = "a cast from a float saturates")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

impl Adopt for Billing {
    fn adopt(self, appearance: Appearance, document: BillingDocument) -> Self {
        let BillingDocument { id, order_id, done } = document;
        let content = Content { id, order_id, done_us: micros(done), facts: None };
        Self(self.0.adopt(appearance, content))
    }
}

impl DomainEvent for BillingEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::OrderBilled { .. } => "OrderBilled",
            Self::BillingChanged { .. } => "BillingChanged",
            Self::BillingDeleted {} => "BillingDeleted",
        }
    }

    fn appearance(&self) -> Appearance {
        match self {
            Self::OrderBilled { .. } => Appearance::Created,
            Self::BillingChanged { .. } => Appearance::Updated,
            Self::BillingDeleted {} => Appearance::Deleted,
        }
    }
}

impl Reject for BillingRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::Exists => RejectionKind::Conflict,
        }
    }
}

#[cfg(test)]
mod tests;
