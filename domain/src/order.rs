//! The order: products that a customer has ordered, and whose pieces left the stock.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::life::Life;
use crate::{
    Adopt, Aggregate, Appearance, DomainEvent, OrderDraft, OrderFacts, ProductIds, Reject,
    RejectionKind,
};

/// The state of an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// How many events there were so far.
    revision: u64,
    content: Life<Content>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Content {
    id: Uuid,
    draft: OrderDraft,
    /// Unknown where another program wrote the order.
    facts: Option<OrderFacts>,
}

/// The public order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderDocument {
    /// The order.
    pub id: Uuid,
    /// The products, one id for each piece.
    pub product_ids: ProductIds,
    /// Who ordered.
    pub customer_id: Uuid,
}

/// What an order can be asked to do.
///
/// Who changes or deletes an order has computed from its content what goes back to the stock; the
/// revision on which that was computed comes along as `base`, and any other refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderCommand {
    /// Come into being.
    Place {
        /// The new order's id.
        id: Uuid,
        /// Its content.
        draft: OrderDraft,
        /// The facts that mails will tell.
        facts: OrderFacts,
    },
    /// Take this content instead of the present one.
    Change {
        /// The revision that is to be changed.
        base: u64,
        /// The new content.
        draft: OrderDraft,
        /// The facts of this moment.
        facts: OrderFacts,
    },
    /// Go.
    Delete {
        /// The revision that is to be deleted.
        base: u64,
    },
}

/// What can happen to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderEvent {
    /// It came into being.
    OrderPlaced {
        /// The order.
        id: Uuid,
        /// The products, one id for each piece.
        product_ids: ProductIds,
        /// Who ordered.
        customer_id: Uuid,
        /// What mails about it tell.
        facts: OrderFacts,
    },
    /// It has new content.
    OrderChanged {
        /// The products from now on.
        product_ids: ProductIds,
        /// Who orders from now on.
        customer_id: Uuid,
        /// The facts of that moment.
        facts: OrderFacts,
    },
    /// It is gone.
    OrderDeleted {},
}

/// Why an order may refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRejection {
    /// There is no such order.
    #[error("there is no such order")]
    NotFound,
    /// There is one with that id, of other content.
    #[error("this order exists already with other content")]
    Exists,
    /// It was changed meanwhile: compute again from its present content, then retry.
    #[error("this order was changed meanwhile: it has revision {revision}, not {base}")]
    Stale {
        /// The revision that the command was meant for.
        base: u64,
        /// The revision that the order has.
        revision: u64,
    },
}

impl Order {
    /// The products while it exists, one id for each piece.
    pub fn product_ids(&self) -> Option<&ProductIds> {
        self.content.living().map(|content| &content.draft.product_ids)
    }

    /// Who ordered, while it exists.
    pub fn customer_id(&self) -> Option<Uuid> {
        self.content.living().map(|content| content.draft.customer_id)
    }

    /// The facts of its last change, while it exists; none where another program made that.
    pub fn facts(&self) -> Option<&OrderFacts> {
        self.content.living().and_then(|content| content.facts.as_ref())
    }

    /// How many events there were so far.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The content, if there is any and it is the one that `base` names.
    fn at(&self, base: u64) -> Result<&Content, OrderRejection> {
        let content = self.content.living().ok_or(OrderRejection::NotFound)?;
        let revision = self.revision;
        if base == revision { Ok(content) } else { Err(OrderRejection::Stale { base, revision }) }
    }
}

impl Aggregate for Order {
    const TOPIC: &'static str = "order";
    type Command = OrderCommand;
    type Event = OrderEvent;
    type Rejection = OrderRejection;
    type Document = OrderDocument;

    fn decide(&self, command: &OrderCommand) -> Result<Vec<OrderEvent>, OrderRejection> {
        match command.clone() {
            OrderCommand::Place { id, draft, facts } => match &self.content {
                Life::Absent => {
                    let OrderDraft { product_ids, customer_id } = draft;
                    Ok(vec![OrderEvent::OrderPlaced { id, product_ids, customer_id, facts }])
                }
                // The facts of a repeated command may be newer ones; they don't make it another.
                Life::Living(now) if now.id == id && now.draft == draft => Ok(vec![]),
                Life::Living(_) => Err(OrderRejection::Exists),
                Life::Deleted(_) => Err(OrderRejection::NotFound),
            },
            OrderCommand::Change { base, draft, facts } => {
                self.at(base)?;
                let OrderDraft { product_ids, customer_id } = draft;
                Ok(vec![OrderEvent::OrderChanged { product_ids, customer_id, facts }])
            }
            OrderCommand::Delete { base } => {
                self.at(base)?;
                Ok(vec![OrderEvent::OrderDeleted {}])
            }
        }
    }

    fn evolve(self, event: &OrderEvent) -> Self {
        let content = match event.clone() {
            OrderEvent::OrderPlaced { id, product_ids, customer_id, facts } => {
                let draft = OrderDraft { product_ids, customer_id };
                let facts = Some(facts);
                Life::Living(Content { id, draft, facts })
            }
            OrderEvent::OrderChanged { product_ids, customer_id, facts } => {
                let draft = OrderDraft { product_ids, customer_id };
                self.content.change(|now| Content { id: now.id, draft, facts: Some(facts) })
            }
            OrderEvent::OrderDeleted {} => self.content.end(),
        };
        Self { revision: self.revision.saturating_add(1), content }
    }

    fn document(&self) -> Option<OrderDocument> {
        self.content.last().cloned().map(|content| OrderDocument {
            id: content.id,
            product_ids: content.draft.product_ids,
            customer_id: content.draft.customer_id,
        })
    }

    fn is_living(&self) -> bool {
        self.content.living().is_some()
    }

    fn unique_keys(&self) -> Vec<String> {
        vec![]
    }
}

impl Adopt for Order {
    fn adopt(self, appearance: Appearance, document: OrderDocument) -> Self {
        let OrderDocument { id, product_ids, customer_id } = document;
        let draft = OrderDraft { product_ids, customer_id };
        let content = self.content.adopt(appearance, Content { id, draft, facts: None });
        Self { revision: self.revision.saturating_add(1), content }
    }
}

impl DomainEvent for OrderEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::OrderPlaced { .. } => "OrderPlaced",
            Self::OrderChanged { .. } => "OrderChanged",
            Self::OrderDeleted {} => "OrderDeleted",
        }
    }

    fn appearance(&self) -> Appearance {
        match self {
            Self::OrderPlaced { .. } => Appearance::Created,
            Self::OrderChanged { .. } => Appearance::Updated,
            Self::OrderDeleted {} => Appearance::Deleted,
        }
    }
}

impl Reject for OrderRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::Exists | Self::Stale { .. } => RejectionKind::Conflict,
        }
    }
}

#[cfg(test)]
mod tests;
