//! Stock as clients manage it.

use ordershop_domain::{Inventory, InventoryCommand, InventoryDraft};
use uuid::Uuid;

use super::order::OpenIntents;
use super::{CommandError, Facts, Managed, Reference, topics};

/// What inventory commands need to know: which intents may still decide over reserved pieces.
#[derive(Clone)]
pub struct InventoryContext {
    /// The open intents.
    pub open_intents: OpenIntents,
}

fn product(draft: &InventoryDraft) -> Reference {
    Reference { topic: topics::PRODUCT, id: draft.product_id, field: "product_id" }
}

impl Managed for Inventory {
    type Draft = InventoryDraft;
    type Context = InventoryContext;

    fn references(draft: &InventoryDraft) -> Vec<Reference> {
        vec![product(draft)]
    }

    fn create(
        id: Uuid,
        draft: &InventoryDraft,
        facts: &Facts,
        _: i64,
    ) -> Result<InventoryCommand, CommandError> {
        facts.require(&product(draft))?;
        Ok(InventoryCommand::Open { id, draft: draft.clone() })
    }

    fn replace(
        draft: &InventoryDraft,
        facts: &Facts,
        _: i64,
    ) -> Result<InventoryCommand, CommandError> {
        facts.require(&product(draft))?;
        Ok(InventoryCommand::SetAmount { draft: draft.clone() })
    }

    fn delete(context: &InventoryContext) -> InventoryCommand {
        InventoryCommand::Delete { open: context.open_intents.tickets() }
    }

    fn taken(key: &str) -> String {
        format!("there is an inventory record already for {}", key.replace('/', " "))
    }
}
