//! Products as clients manage them.

use ordershop_domain::{Product, ProductCommand, ProductDraft};
use uuid::Uuid;

use super::{CommandError, Facts, Managed, Reference};

impl Managed for Product {
    type Draft = ProductDraft;
    type Context = ();

    fn references(_: &ProductDraft) -> Vec<Reference> {
        Vec::new()
    }

    fn create(
        id: Uuid,
        draft: &ProductDraft,
        _: &Facts,
        _: i64,
    ) -> Result<ProductCommand, CommandError> {
        Ok(ProductCommand::Add { id, draft: draft.clone() })
    }

    fn replace(draft: &ProductDraft, _: &Facts, _: i64) -> Result<ProductCommand, CommandError> {
        Ok(ProductCommand::Change { draft: draft.clone() })
    }

    fn delete((): &()) -> ProductCommand {
        ProductCommand::Delete
    }
}
