//! Billings as clients manage them.

use ordershop_domain::{
    Billing, BillingCommand, BillingDraft, BillingFacts, CustomerDraft, CustomerFacts, OrderDraft,
};
use uuid::Uuid;

use super::{CommandError, Facts, Managed, Reference, topics};

fn order(draft: &BillingDraft) -> Reference {
    Reference { topic: topics::ORDER, id: draft.order_id, field: "order_id" }
}

fn customer(order: &OrderDraft) -> Reference {
    Reference { topic: topics::CUSTOMER, id: order.customer_id, field: "order_id" }
}

/// What the billing's mail tells: the customer's name and address of this moment (of the order's,
/// where the customer was deleted since), and the sum of the prices at the order.
fn billing_facts(draft: &BillingDraft, facts: &Facts) -> Result<BillingFacts, CommandError> {
    let reference = order(draft);
    let ordered: OrderDraft = facts.get(&reference)?;
    let at_order = facts.of_order(&reference)?;
    let customer = match facts.get::<CustomerDraft>(&customer(&ordered)) {
        Ok(customer) => CustomerFacts { name: customer.name, email: customer.email },
        Err(_) => at_order.customer.clone(),
    };
    Ok(BillingFacts { customer, sum: at_order.total(&ordered.product_ids) })
}

impl Managed for Billing {
    type Draft = BillingDraft;
    type Context = ();

    fn references(draft: &BillingDraft) -> Vec<Reference> {
        vec![order(draft)]
    }

    fn further_references(draft: &BillingDraft, facts: &Facts) -> Vec<Reference> {
        facts.get::<OrderDraft>(&order(draft)).map(|order| customer(&order)).into_iter().collect()
    }

    fn create(
        id: Uuid,
        draft: &BillingDraft,
        facts: &Facts,
        time_us: i64,
    ) -> Result<BillingCommand, CommandError> {
        let facts = billing_facts(draft, facts)?;
        Ok(BillingCommand::Bill { id, draft: draft.clone(), done_us: time_us, facts })
    }

    fn replace(
        draft: &BillingDraft,
        facts: &Facts,
        time_us: i64,
    ) -> Result<BillingCommand, CommandError> {
        let facts = billing_facts(draft, facts)?;
        Ok(BillingCommand::Change { draft: draft.clone(), done_us: time_us, facts })
    }

    fn delete((): &()) -> BillingCommand {
        BillingCommand::Delete
    }

    fn taken(key: &str) -> String {
        format!("there is a billing already for {}", key.replace('/', " "))
    }
}
