//! crm: welcomes customers, says good-bye, and thanks for orders.

use std::sync::Arc;

use ordershop_domain::{CustomerDraft, CustomerFacts, OrderFacts, ProductIds};
use ordershop_store::{Action, Entry, EventLog};

use super::outbox::must_be_fit;
use super::{Mail, Outbox, Purpose};
use crate::runtime::{Handler, HandlerError, HandlerFuture};
use crate::shop::{mail_facts, topics};

/// The handler of customer and order events.
pub struct Crm(pub Outbox);

/// The mail to which an entry leads, if any.
async fn mail(log: &dyn EventLog, entry: &Entry) -> Result<Option<Mail>, HandlerError> {
    match (entry.topic, entry.action) {
        (topics::CUSTOMER, Action::Created) => {
            let text = "welcome to our shop! We are glad to have you.";
            Ok(Some(Mail::about(entry, Purpose::Welcome, &customer(entry)?, text)))
        }
        (topics::CUSTOMER, Action::Deleted) => {
            let text = "your account was closed. Good-bye, and thank you for your time with us.";
            Ok(Some(Mail::about(entry, Purpose::GoodBye, &customer(entry)?, text)))
        }
        (topics::ORDER, Action::Created) => {
            must_be_fit(entry)?;
            let ordered =
                mail_facts::of_order(log, entry).await.map_err(|error| error.of(entry))?;
            let text = thanks(&ordered.product_ids, &ordered.facts);
            Ok(Some(Mail::about(entry, Purpose::Thanks, &ordered.facts.customer, &text)))
        }
        _ => Ok(None),
    }
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

fn customer(entry: &Entry) -> Result<CustomerFacts, HandlerError> {
    must_be_fit(entry)?;
    let CustomerDraft { name, email } =
        serde_json::from_str(&entry.document).map_err(|error| HandlerError::unfit(entry, error))?;
    Ok(CustomerFacts { name, email })
}

impl Handler for Crm {
    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture {
        self.0.accept(entries, mail)
    }
}
