//! billing's mails: the sum to pay for an order, and that it was received.

use std::sync::Arc;

use ordershop_store::{Action, Entry, EventLog};

use super::outbox::must_be_fit;
use super::{Mail, Outbox, Purpose};
use crate::runtime::{Handler, HandlerError, HandlerFuture};
use crate::shop::{mail_facts, topics};

/// The handler of order and billing events.
pub struct BillingMails(pub Outbox);

/// The mail to which an entry leads, if any.
async fn mail(log: &dyn EventLog, entry: &Entry) -> Result<Option<Mail>, HandlerError> {
    match (entry.topic, entry.action) {
        (topics::ORDER, Action::Created) => {
            must_be_fit(entry)?;
            let ordered =
                mail_facts::of_order(log, entry).await.map_err(|error| error.of(entry))?;
            let (sum, id) = (ordered.total(), entry.entity_id);
            let text = format!("please pay {sum} euros for your order {id}.");
            Ok(Some(Mail::about(entry, Purpose::ToPay, &ordered.facts.customer, &text)))
        }
        (topics::BILLING, Action::Created) => {
            must_be_fit(entry)?;
            let billed = mail_facts::of_billing(log, entry).await;
            let (order_id, facts) = billed.map_err(|error| error.of(entry))?;
            let sum = facts.sum;
            let text = format!("we have received {sum} euros for your order {order_id}.");
            Ok(Some(Mail::about(entry, Purpose::Received, &facts.customer, &text)))
        }
        _ => Ok(None),
    }
}

impl Handler for BillingMails {
    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture {
        self.0.accept(entries, mail)
    }
}
