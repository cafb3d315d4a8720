//! What mails tell of orders and billings: ours carry it, for those of other programs it is looked up
//! in the log as of their own entries.

use ordershop_domain::{
    BillingDraft, BillingEvent, BillingFacts, CustomerDraft, CustomerFacts, OrderDraft, OrderEvent,
    OrderFacts, ProductDraft, ProductFacts, ProductIds,
};
use ordershop_store::{Entry, EntryId, EventLog, LogError, Origin, Topic};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{states, topics};
use crate::runtime::HandlerError;

/// Facts that are not to be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FactsError {
    /// An entry refers to something that never was.
    #[error("it refers to {topic} {id}, which nobody knows")]
    Unknown {
        /// Of this topic.
        topic: Topic,
        /// With this id.
        id: Uuid,
    },
    /// An entry is not what its topic says.
    #[error("entry {id} of {topic} is damaged: {source}")]
    Damaged {
        /// Its topic.
        topic: Topic,
        /// Its id.
        id: EntryId,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The log did not answer.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl FactsError {
    /// What that means for a handler of this entry.
    pub(super) fn of(self, entry: &Entry) -> HandlerError {
        match self {
            Self::Log(error) => HandlerError::away(error),
            error => HandlerError::unfit(entry, error),
        }
    }
}

/// An order's products, and what mails about it tell.
#[derive(Clone, Debug)]
pub(super) struct Ordered {
    pub(super) customer_id: Uuid,
    pub(super) product_ids: ProductIds,
    pub(super) facts: OrderFacts,
}

impl Ordered {
    /// The sum to pay in euros.
    pub(super) fn total(&self) -> u64 {
        self.facts.total(&self.product_ids)
    }
}

fn read<T: DeserializeOwned>(entry: &Entry, text: &str) -> Result<T, FactsError> {
    let (topic, id) = (entry.topic, entry.id);
    serde_json::from_str(text).map_err(|source| FactsError::Damaged { topic, id, source })
}

/// What was ordered by that entry of an order, with the names and prices of its moment.
pub(super) async fn of_order(log: &dyn EventLog, entry: &Entry) -> Result<Ordered, FactsError> {
    if entry.origin == Origin::Own
        && let OrderEvent::OrderPlaced { product_ids, customer_id, facts, .. }
        | OrderEvent::OrderChanged { product_ids, customer_id, facts } =
            read(entry, &entry.data)?
    {
        return Ok(Ordered { customer_id, product_ids, facts });
    }
    let OrderDraft { product_ids, customer_id } = read(entry, &entry.document)?;
    let customer = customer(log, customer_id, entry.id).await?;
    let ids: Vec<Uuid> = product_ids.counts().into_iter().map(|(id, _)| id).collect();
    let found = states::as_of(log, topics::PRODUCT, ids.clone(), entry.id).await?;
    let mut products = Vec::with_capacity(ids.len());
    for (id, product) in ids.into_iter().zip(found) {
        let product = product.ok_or(FactsError::Unknown { topic: topics::PRODUCT, id })?;
        let ProductDraft { name, price } = read(&product, &product.document)?;
        products.push(ProductFacts { id, name, price });
    }
    Ok(Ordered { customer_id, product_ids, facts: OrderFacts { customer, products } })
}

/// The order that was paid by that entry of a billing, and what mails about it tell: the customer
/// of its moment, and the sum of the prices at the order.
pub(super) async fn of_billing(
    log: &dyn EventLog,
    entry: &Entry,
) -> Result<(Uuid, BillingFacts), FactsError> {
    if entry.origin == Origin::Own
        && let BillingEvent::OrderBilled { order_id, facts, .. }
        | BillingEvent::BillingChanged { order_id, facts, .. } = read(entry, &entry.data)?
    {
        return Ok((order_id, facts));
    }
    let BillingDraft { order_id } = read(entry, &entry.document)?;
    let order = states::as_of(log, topics::ORDER, vec![order_id], entry.id).await?.pop().flatten();
    let order = order.ok_or(FactsError::Unknown { topic: topics::ORDER, id: order_id })?;
    let ordered = of_order(log, &order).await?;
    let sum = ordered.total();
    let customer = match customer(log, ordered.customer_id, entry.id).await {
        Ok(customer) => customer,
        Err(FactsError::Log(error)) => return Err(error.into()),
        Err(_) => ordered.facts.customer,
    };
    Ok((order_id, BillingFacts { customer, sum }))
}

async fn customer(log: &dyn EventLog, id: Uuid, at: EntryId) -> Result<CustomerFacts, FactsError> {
    let found = states::as_of(log, topics::CUSTOMER, vec![id], at).await?.pop().flatten();
    let entry = found.ok_or(FactsError::Unknown { topic: topics::CUSTOMER, id })?;
    let CustomerDraft { name, email } = read(&entry, &entry.document)?;
    Ok(CustomerFacts { name, email })
}
