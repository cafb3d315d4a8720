//! What other programs write: whether an entry of theirs is an entity of its topic.

use ordershop_domain::{Adopt, Billing, Customer, Inventory, Order, Product};
use ordershop_store::{Entry, Origin};

use super::topics;

/// Checks that an entry gives its entity a state; or says what keeps it from that.
///
/// Ours always do. One of another program must be readable, and hold such an entity as the topic has.
pub fn check(entry: &Entry) -> Result<(), String> {
    match &entry.origin {
        Origin::Own => Ok(()),
        Origin::Unreadable(reason) => Err(reason.to_string()),
        Origin::Foreign => {
            let document = &*entry.document;
            match entry.topic {
                topics::CUSTOMER => is::<Customer>(document),
                topics::PRODUCT => is::<Product>(document),
                topics::INVENTORY => is::<Inventory>(document),
                topics::ORDER => is::<Order>(document),
                topics::BILLING => is::<Billing>(document),
                topic => Err(format!("no other program may write to {topic}")),
            }
        }
    }
}

/// Whether an entity of that kind can be adopted from a document.
fn is<A: Adopt>(document: &str) -> Result<(), String> {
    let kind = A::TOPIC;
    serde_json::from_str::<A::Document>(document)
        .map(drop)
        .map_err(|error| format!("its entity is no {kind}: {error}"))
}
