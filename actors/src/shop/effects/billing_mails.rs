//! billing's mails: the sum to pay for an order, and that it was received.

use std::sync::Arc;

use ordershop_domain::{BillingEvent, OrderEvent};
use ordershop_store::{Action, Entry};

use super::{Mail, MsgHandle, Purpose, outbox};
use crate::runtime::{Handler, HandlerFuture};
use crate::shop::topics;

/// The handler of order and billing events.
pub struct BillingMails(pub MsgHandle);

/// The mail to which an entry leads, if any.
fn mail(entry: &Entry) -> Result<Option<Mail>, serde_json::Error> {
    let mail = match (entry.topic, entry.action) {
        (topics::ORDER, Action::Created) => match serde_json::from_str(&entry.data)? {
            OrderEvent::OrderPlaced { id, product_ids, facts, .. } => {
                let sum = facts.total(&product_ids);
                let text = format!("please pay {sum} euros for your order {id}.");
                Some(Mail::about(entry, Purpose::ToPay, &facts.customer, &text))
            }
            OrderEvent::OrderChanged { .. } | OrderEvent::OrderDeleted {} => None,
        },
        (topics::BILLING, Action::Created) => match serde_json::from_str(&entry.data)? {
            BillingEvent::OrderBilled { order_id, facts, .. } => {
                let sum = facts.sum;
                let text = format!("we have received {sum} euros for your order {order_id}.");
                Some(Mail::about(entry, Purpose::Received, &facts.customer, &text))
            }
            BillingEvent::BillingChanged { .. } | BillingEvent::BillingDeleted {} => None,
        },
        _ => None,
    };
    Ok(mail)
}

impl Handler for BillingMails {
    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture {
        outbox::accept(&self.0, entries, mail)
    }
}
