//! Puts pieces of a product into stock, or takes them out.

use ordershop_domain::{Inventory, InventoryCommand, InventoryRejection, Pieces};
use ordershop_store::{EntryId, UniqueKey};
use ordershop_supervisors::Message;
use uuid::Uuid;

use super::resume::History;
use super::service::CommandHandler;
use super::{Accepted, CommandError, EntityCommands, Managed, topics};
use crate::runtime::ExecuteError;

/// How the stock of a product changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockChange {
    /// Pieces are put in.
    In(Pieces),
    /// Pieces are taken out.
    Out(Pieces),
}

/// Changes the stock of a product.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdjustStock {
    pub(super) command_id: Uuid,
    pub(super) product_id: Uuid,
    pub(super) change: StockChange,
    /// Where it may have been begun before: no effect of it stands before that position.
    pub(super) resumed: Option<EntryId>,
}

impl Message for AdjustStock {
    type Reply = Result<Accepted, CommandError>;
}

impl CommandHandler<AdjustStock> for EntityCommands<Inventory> {
    async fn handle(self, adjust: AdjustStock) -> Result<Accepted, CommandError> {
        let AdjustStock { command_id, product_id, change, resumed } = adjust;
        if let Some(since) = resumed
            && let Some(accepted) = self.changed_since(since, command_id).await?
        {
            return Ok(accepted);
        }
        let key = UniqueKey::from(Inventory::key_of(product_id));
        let holders = self
            .log
            .holders(topics::INVENTORY, vec![key])
            .await
            .map_err(|error| CommandError::Unavailable(error.to_string()))?;
        let none = format!("product {product_id} has no inventory");
        let Some(id) = holders.into_iter().flatten().next() else {
            return Err(match change {
                StockChange::In(_) => CommandError::NotFound(none),
                StockChange::Out(_) => CommandError::Conflict(none),
            });
        };
        let command = match change {
            StockChange::In(pieces) => InventoryCommand::Increase { pieces: pieces.get() },
            StockChange::Out(pieces) => InventoryCommand::Decrease { pieces: pieces.get() },
        };
        let mut prior = None;
        if resumed.is_some() {
            match self.entity_history(id, command_id, 0).await? {
                History::Holds(accepted) => return Ok(accepted),
                History::Without { version } => prior = Some(version),
            }
        }
        match self.execute(id, command_id, command, prior).await {
            Err(ExecuteError::Rejected(InventoryRejection::NotFound)) => {
                Err(CommandError::NotFound(none))
            }
            Err(error) => {
                Err(CommandError::execution(topics::INVENTORY, id, error, Inventory::taken))
            }
            Ok(accepted) => Ok(accepted),
        }
    }
}
