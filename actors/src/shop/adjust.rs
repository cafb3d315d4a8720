//! Puts pieces into stock or takes them out, for several products at once, all or nothing.
//!
//! All records are written by one transaction, decided on what the log holds; where another writer
//! was faster it is decided again.

use std::sync::Arc;

use ordershop_domain::{Inventory, InventoryCommand, InventoryRejection, Pieces};
use ordershop_store::{Transaction, UniqueKey};
use ordershop_supervisors::Message;
use uuid::Uuid;

use super::service::CommandHandler;
use super::{Accepted, CommandError, EntityCommands, topics};
use crate::runtime::{decide, replay};

/// How often it is decided again after a conflict with another writer.
const MAX_ATTEMPTS: u32 = 32;

/// How the stock of one product changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockChange {
    /// The product.
    pub product_id: Uuid,
    /// How many pieces.
    pub pieces: Pieces,
    /// Into stock, or out of it.
    pub direction: Direction,
}

/// Into stock, or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Pieces are put in.
    In,
    /// Pieces are taken out.
    Out,
}

/// Changes the stock of some products, each named once.
#[derive(Clone, Debug)]
pub(super) struct AdjustStock {
    pub(super) command_id: Uuid,
    pub(super) changes: Arc<[StockChange]>,
}

impl Message for AdjustStock {
    type Reply = Result<Accepted, CommandError>;
}

impl CommandHandler<AdjustStock> for EntityCommands<Inventory> {
    async fn handle(self, adjust: AdjustStock) -> Result<Accepted, CommandError> {
        if adjust.changes.is_empty() {
            return Ok(Accepted::default());
        }
        for _ in 0..MAX_ATTEMPTS {
            let transaction = self.plan(&adjust).await?;
            match self.journal.append(transaction).await? {
                Ok(committed) => {
                    return Ok(Accepted::default().at(topics::INVENTORY, Some(committed.last())));
                }
                Err(refusal) if refusal.changed_entity().is_some() => {}
                Err(refusal) => return Err(CommandError::Conflict(refusal.to_string())),
            }
        }
        Err(CommandError::Unavailable("too many others change the stock at this moment".into()))
    }
}

impl EntityCommands<Inventory> {
    /// The transaction that makes these changes to the stock as it is now.
    async fn plan(&self, adjust: &AdjustStock) -> Result<Transaction, CommandError> {
        let key = |change: &StockChange| UniqueKey::from(Inventory::key_of(change.product_id));
        let keys = adjust.changes.iter().map(key).collect();
        let holders = self
            .log
            .holders(topics::INVENTORY, keys)
            .await
            .map_err(|error| CommandError::Unavailable(error.to_string()))?;
        let mut writes = Vec::with_capacity(adjust.changes.len());
        for (change, holder) in adjust.changes.iter().zip(holders) {
            let StockChange { product_id, pieces, direction } = *change;
            let Some(id) = holder else {
                return Err(match direction {
                    Direction::In => {
                        CommandError::NotFound { topic: topics::INVENTORY, id: product_id }
                    }
                    Direction::Out => CommandError::Conflict(format!(
                        "product {product_id} has no inventory, so none of it is in stock"
                    )),
                });
            };
            let stock = replay::<Inventory>(self.log.as_ref(), id)
                .await
                .map_err(|error| CommandError::Unavailable(error.to_string()))?;
            let command = match direction {
                Direction::In => InventoryCommand::Increase { pieces: pieces.get() },
                Direction::Out => InventoryCommand::Decrease { pieces: pieces.get() },
            };
            let decision = decide(
                &stock.state,
                stock.version,
                stock.last_event,
                id,
                adjust.command_id,
                &command,
            )
            .map_err(|rejection: InventoryRejection| {
                CommandError::rejected(topics::INVENTORY, id, &rejection)
            })?;
            writes.extend(decision.map(|decision| decision.write));
        }
        Ok(Transaction {
            topic: topics::INVENTORY,
            command_id: adjust.command_id,
            cause: None,
            writes,
            claims: Vec::new(),
            releases: Vec::new(),
        })
    }
}
