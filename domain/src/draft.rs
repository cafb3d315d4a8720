//! Drafts: what a client may send to create or replace an entity.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Euros, Mailbox, Name, Pieces, ProductIds};

/// A customer to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerDraft {
    /// How mails address the customer.
    pub name: Name,
    /// Where mails go.
    pub email: Mailbox,
}

/// A product to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductDraft {
    /// What mails call it.
    pub name: Name,
    /// The price of one piece.
    pub price: Euros,
}

/// An inventory record to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryDraft {
    /// The product that is in stock.
    pub product_id: Uuid,
    /// How many pieces can be taken.
    pub amount: Pieces,
}

/// An order to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderDraft {
    /// The products, one id for each piece.
    pub product_ids: ProductIds,
    /// Who orders.
    pub customer_id: Uuid,
}

/// A billing to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingDraft {
    /// The order that is paid.
    pub order_id: Uuid,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_and_an_id_are_ignored() {
        let json = r#"{"id":"x","name":"Ann","email":"ann@example.org","age":7}"#;
        let draft: CustomerDraft = serde_json::from_str(json).unwrap();
        assert_eq!(draft.name.as_str(), "Ann");
    }

    #[test]
    fn every_field_is_required() {
        let id = Uuid::nil();
        let name = |error: serde_json::Error| error.to_string();
        let error = name(serde_json::from_str::<CustomerDraft>(r#"{"name":"Ann"}"#).unwrap_err());
        assert!(error.contains("missing field `email`"), "{error}");
        let error = name(serde_json::from_str::<ProductDraft>(r#"{"name":"Ann"}"#).unwrap_err());
        assert!(error.contains("missing field `price`"), "{error}");
        let json = format!(r#"{{"product_id":"{id}"}}"#);
        let error = name(serde_json::from_str::<InventoryDraft>(&json).unwrap_err());
        assert!(error.contains("missing field `amount`"), "{error}");
        let json = format!(r#"{{"product_ids":["{id}"]}}"#);
        let error = name(serde_json::from_str::<OrderDraft>(&json).unwrap_err());
        assert!(error.contains("missing field `customer_id`"), "{error}");
        let error = name(serde_json::from_str::<BillingDraft>("{}").unwrap_err());
        assert!(error.contains("missing field `order_id`"), "{error}");
    }
}
