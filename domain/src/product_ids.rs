//! The products of an order.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The products of an order, in the order given: 1 to 1,000 ids, where the same id twice means two
/// pieces.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Uuid>", into = "Vec<Uuid>")]
pub struct ProductIds(Vec<Uuid>);

impl ProductIds {
    /// The most pieces of one order.
    pub const MAX: usize = 1_000;

    /// These products.
    pub fn new(ids: Vec<Uuid>) -> Result<Self, InvalidProductIds> {
        match ids.len() {
            0 => Err(InvalidProductIds::Empty),
            1..=Self::MAX => Ok(Self(ids)),
            count => Err(InvalidProductIds::TooMany { count }),
        }
    }

    /// The ids, one for each piece.
    pub fn as_slice(&self) -> &[Uuid] {
        &self.0
    }

    /// How many pieces of each product, in the order of first appearance.
    pub fn counts(&self) -> Vec<(Uuid, u64)> {
        let mut places = HashMap::new();
        let mut counts: Vec<(Uuid, u64)> = Vec::new();
        for id in &self.0 {
            let place = *places.entry(*id).or_insert(counts.len());
            match counts.get_mut(place) {
                Some((_, count)) => *count += 1,
                None => counts.push((*id, 1)),
            }
        }
        counts
    }
}

/// A list that cannot be the products of an order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProductIds {
    /// There is nothing to order.
    #[error("an order needs at least one product id")]
    Empty,
    /// There is too much.
    #[error("an order has at most {max} product ids, this one has {count}", max = ProductIds::MAX)]
    TooMany {
        /// How many it has.
        count: usize,
    },
}

impl TryFrom<Vec<Uuid>> for ProductIds {
    type Error = InvalidProductIds;

    fn try_from(ids: Vec<Uuid>) -> Result<Self, Self::Error> {
        Self::new(ids)
    }
}

impl From<ProductIds> for Vec<Uuid> {
    fn from(ids: ProductIds) -> Self {
        ids.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_1_to_1000_pieces() {
        assert_eq!(ProductIds::new(vec![]), Err(InvalidProductIds::Empty));
        assert!(ProductIds::new(vec![Uuid::nil(); 1_000]).is_ok());
        let many = ProductIds::new(vec![Uuid::nil(); 1_001]);
        assert_eq!(many, Err(InvalidProductIds::TooMany { count: 1_001 }));
    }

    #[test]
    fn the_same_id_twice_means_two_pieces() {
        let [a, b] = [Uuid::from_u128(9), Uuid::from_u128(1)];
        let ids = ProductIds::new(vec![a, b, a]).unwrap();
        assert_eq!(ids.counts(), [(a, 2), (b, 1)]);
        assert_eq!(ids.as_slice(), [a, b, a]);
    }

    #[test]
    fn ids_are_uuid_strings_in_json() {
        let json = "[\"00000000-0000-0000-0000-000000000009\"]";
        let ids: ProductIds = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&ids).unwrap(), json);
        assert!(serde_json::from_str::<ProductIds>("[\"x\"]").is_err());
        let error = serde_json::from_str::<ProductIds>("[]").unwrap_err();
        assert!(error.to_string().contains("at least one product id"), "{error}");
    }
}
