//! crm: welcomes customers, says good-bye, and thanks for orders.

use std::sync::Arc;

use ordershop_domain::{CustomerDraft, CustomerFacts, OrderEvent, OrderFacts, ProductIds};
use ordershop_store::{Action, Entry};

use super::{Mail, MsgHandle, Purpose, outbox};
use crate::runtime::{Handler, HandlerFuture};
use crate::shop::topics;

/// The handler of customer and order events.
pub struct Crm(pub MsgHandle);

/// The mail to which an entry leads, if any.
fn mail(entry: &Entry) -> Result<Option<Mail>, serde_json::Error> {
    let mail = match (entry.topic, entry.action) {
        (topics::CUSTOMER, Action::Created) => {
            let text = "welcome to our shop! We are glad to have you.";
            Some(Mail::about(entry, Purpose::Welcome, &customer(entry)?, text))
        }
        (topics::CUSTOMER, Action::Deleted) => {
            let text = "your account was closed. Good-bye, and thank you for your time with us.";
            Some(Mail::about(entry, Purpose::GoodBye, &customer(entry)?, text))
        }
        (topics::ORDER, Action::Created) => match serde_json::from_str(&entry.data)? {
            OrderEvent::OrderPlaced { product_ids, facts, .. } => {
                let text = thanks(&product_ids, &facts);
                Some(Mail::about(entry, Purpose::Thanks, &facts.customer, &text))
            }
            OrderEvent::OrderChanged { .. } | OrderEvent::OrderDeleted {} => None,
        },
        _ => None,
    };
    Ok(mail)
}

/// How many products were ordered, and their names.
fn thanks(product_ids: &ProductIds, facts: &OrderFacts) -> String {
    let names = product_ids.counts().into_iter().map(|(id, pieces)| {
        let name = facts.product(id).map_or_else(String::new, |product| product.name.shown());
        format!("\n  {pieces} x {name}")
    });
    let products = match product_ids.as_slice().len() {
        1 => "1 product".to_owned(),
        many => format!("{many} products"),
    };
    format!("thank you for your order of {products}:\n{}", names.collect::<String>())
}

fn customer(entry: &Entry) -> Result<CustomerFacts, serde_json::Error> {
    let CustomerDraft { name, email } = serde_json::from_str(&entry.document)?;
    Ok(CustomerFacts { name, email })
}

impl Handler for Crm {
    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture {
        outbox::accept(&self.0, entries, mail)
    }
}
