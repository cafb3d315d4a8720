//! Facts about other entities, as they were at the moment of an event.
//!
//! A mail about an order tells names, prices and the address of the moment in which the order was
//! placed, also when the customer or a product has changed or gone since; so the event carries them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Euros, Mailbox, Name, ProductIds};

/// What a mail tells of the customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerFacts {
    /// The name.
    pub name: Name,
    /// The address.
    pub email: Mailbox,
}

/// What a mail tells of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductFacts {
    /// The product.
    pub id: Uuid,
    /// The name.
    pub name: Name,
    /// The price of one piece.
    pub price: Euros,
}

/// What mails about an order tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderFacts {
    /// Who ordered.
    pub customer: CustomerFacts,
    /// The products: each once, in the order of their first appearance in the order.
    pub products: Vec<ProductFacts>,
}

/// What mails about a billing tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingFacts {
    /// Who paid.
    pub customer: CustomerFacts,
    /// The sum in euros.
    pub sum: u64,
}

impl OrderFacts {
    /// The facts about that product, where there are any.
    pub fn product(&self, id: Uuid) -> Option<&ProductFacts> {
        self.products.iter().find(|product| product.id == id)
    }

    /// The sum to pay in euros: one price for each piece.
    ///
    /// It is exact: at most 1,000 pieces of less than 2^53 euros each stay below 2^63. A product
    /// about which there are no facts has no price, and adds nothing.
    pub fn total(&self, product_ids: &ProductIds) -> u64 {
        let price = |id| self.product(id).map_or(0, |product| product.price.get());
        product_ids.counts().into_iter().map(|(id, pieces)| price(id) * pieces).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{customer_facts, id, product_facts};

    #[test]
    fn the_total_counts_one_price_for_each_piece() {
        let products = vec![product_facts(1, 5), product_facts(2, 7)];
        let facts = OrderFacts { customer: customer_facts(), products };
        let ids = |ids: &[u128]| ProductIds::new(ids.iter().map(|n| id(*n)).collect()).unwrap();
        assert_eq!(facts.total(&ids(&[1, 2, 1])), 17);
        assert_eq!(facts.total(&ids(&[2, 3])), 7, "nothing is known about product 3");
    }

    #[test]
    fn the_largest_total_is_exact() {
        let products = vec![product_facts(1, Euros::MAX)];
        let facts = OrderFacts { customer: customer_facts(), products };
        let ids = ProductIds::new(vec![id(1); ProductIds::MAX]).unwrap();
        assert_eq!(facts.total(&ids), 1_000 * Euros::MAX);
    }
}
