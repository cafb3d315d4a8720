//! What an order command means for the stock.

use ordershop_domain::{
    CustomerDraft, CustomerFacts, Inventory, Line, OrderDraft, OrderFacts, ProductDraft,
    ProductFacts, ProductIds,
};
use ordershop_store::{EventLog, UniqueKey};
use uuid::Uuid;

use crate::shop::{CommandError, Facts, Reference, topics};

/// Products, and how many pieces of each.
pub(super) type Counts = Vec<(Uuid, u64)>;

/// The entities that an order mentions.
pub(super) fn references(draft: &OrderDraft) -> Vec<Reference> {
    let products = draft.product_ids.counts().into_iter().map(|(id, _)| product(id));
    std::iter::once(customer(draft)).chain(products).collect()
}

fn customer(draft: &OrderDraft) -> Reference {
    Reference { topic: topics::CUSTOMER, id: draft.customer_id, field: "customer_id" }
}

fn product(id: Uuid) -> Reference {
    Reference { topic: topics::PRODUCT, id, field: "product_ids" }
}

/// What the order's mails tell, as it is now.
pub(super) fn facts(draft: &OrderDraft, facts: &Facts) -> Result<OrderFacts, CommandError> {
    let CustomerDraft { name, email } = facts.get(&customer(draft))?;
    let products = draft
        .product_ids
        .counts()
        .into_iter()
        .map(|(id, _)| {
            let ProductDraft { name, price } = facts.get(&product(id))?;
            Ok(ProductFacts { id, name, price })
        })
        .collect::<Result<_, CommandError>>()?;
    Ok(OrderFacts { customer: CustomerFacts { name, email }, products })
}

/// Pieces of products, and the inventory records that hold them.
pub(super) struct Stock {
    lines: Vec<Line>,
}

/// What stands for the record of a product that has none: nothing can be taken from it, and what
/// is given to it is written off.
fn no_record(product_id: Uuid) -> Uuid {
    Uuid::new_v5(&product_id, b"no record")
}

impl Stock {
    /// Finds the records of these products, as the log has them now.
    pub(super) async fn look_up(log: &dyn EventLog, counts: Counts) -> Result<Self, CommandError> {
        let keys: Vec<UniqueKey> =
            counts.iter().map(|(product, _)| Inventory::key_of(*product).into()).collect();
        let holders = log
            .holders(topics::INVENTORY, keys)
            .await
            .map_err(|error| CommandError::Unavailable(error.to_string()))?;
        let lines = counts
            .into_iter()
            .zip(holders)
            .map(|((product_id, pieces), holder)| Line {
                product_id,
                inventory_id: holder.unwrap_or_else(|| no_record(product_id)),
                pieces,
            })
            .collect();
        Ok(Self { lines })
    }

    /// The lines, to be taken: every product must have a record.
    pub(super) fn taken(self) -> Result<Vec<Line>, CommandError> {
        match self.lines.iter().find(|line| line.inventory_id == no_record(line.product_id)) {
            Some(line) => Err(CommandError::Conflict(format!(
                "product {} has no inventory, so none of it is in stock",
                line.product_id
            ))),
            None => Ok(self.lines),
        }
    }

    /// The lines, to be given back, with or without a record.
    pub(super) fn given(self) -> Vec<Line> {
        self.lines
    }
}

/// How many pieces of each product all these orders hold, in the order of first mention.
pub(super) fn pieces_of<'a>(orders: impl IntoIterator<Item = &'a ProductIds>) -> Counts {
    let mut counts: Counts = Vec::new();
    let mut place = std::collections::HashMap::new();
    for (product, pieces) in orders.into_iter().flat_map(ProductIds::counts) {
        let at = *place.entry(product).or_insert(counts.len());
        match counts.get_mut(at) {
            Some((_, sum)) => *sum += pieces,
            None => counts.push((product, pieces)),
        }
    }
    counts
}

/// What must be taken and what goes back when one content takes the place of another.
pub(super) fn difference(before: &ProductIds, after: &ProductIds) -> (Counts, Counts) {
    let (before, after) = (before.counts(), after.counts());
    let more = |of: &[(Uuid, u64)], than: &[(Uuid, u64)]| {
        of.iter()
            .filter_map(|(product, pieces)| {
                let other = than.iter().find(|(id, _)| id == product).map_or(0, |(_, n)| *n);
                let more = pieces.saturating_sub(other);
                (more > 0).then_some((*product, more))
            })
            .collect()
    };
    (more(&after, &before), more(&before, &after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);
    const C: Uuid = Uuid::from_u128(3);

    fn ids(ids: &[Uuid]) -> ProductIds {
        ProductIds::new(ids.to_vec()).unwrap()
    }

    #[test]
    fn the_pieces_of_a_batch_are_added_up() {
        let (first, second) = (ids(&[A, B, A]), ids(&[B, C]));
        assert_eq!(pieces_of([&first, &second]), [(A, 2), (B, 2), (C, 1)]);
    }

    #[test]
    fn a_change_takes_and_gives_the_difference() {
        let (take, give) = difference(&ids(&[A, A, B]), &ids(&[A, C, C]));
        assert_eq!(take, [(C, 2)]);
        assert_eq!(give, [(A, 1), (B, 1)]);
    }
}
