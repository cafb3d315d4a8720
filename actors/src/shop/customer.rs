//! Customers as clients manage them.

use ordershop_domain::{Customer, CustomerCommand, CustomerDraft};
use uuid::Uuid;

use super::{CommandError, Facts, Managed, Reference};

impl Managed for Customer {
    type Draft = CustomerDraft;
    type Context = ();

    fn references(_: &CustomerDraft) -> Vec<Reference> {
        Vec::new()
    }

    fn create(
        id: Uuid,
        draft: &CustomerDraft,
        _: &Facts,
        _: i64,
    ) -> Result<CustomerCommand, CommandError> {
        Ok(CustomerCommand::Register { id, draft: draft.clone() })
    }

    fn replace(draft: &CustomerDraft, _: &Facts, _: i64) -> Result<CustomerCommand, CommandError> {
        Ok(CustomerCommand::Change { draft: draft.clone() })
    }

    fn delete((): &()) -> CustomerCommand {
        CustomerCommand::Delete
    }
}
