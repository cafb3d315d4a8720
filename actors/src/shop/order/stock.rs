//! What an intent does to the stock: reserve, release, return.

use ordershop_domain::{
    Input, Inventory, InventoryCommand, InventoryRejection, Line, RejectReason, Ticket,
};
use ordershop_store::EntryId;
use uuid::Uuid;

use crate::runtime::{Entities, Execute, ExecuteError, Executed};

/// The inventories as one intent sees them.
#[derive(Clone)]
pub(super) struct StockOf {
    pub(super) inventories: Entities<Inventory>,
    pub(super) intent: Uuid,
    pub(super) ticket: Ticket,
    pub(super) floor: Ticket,
}

/// What a step at an inventory led to.
pub(super) enum StockAnswer {
    /// Tell the saga; the position, where something was written.
    Done(Input, Option<EntryId>),
    /// It cannot be done now, or nothing is known; it must be tried again.
    Again {
        /// Why.
        reason: String,
        /// Whether something is away, which may last.
        away: bool,
    },
}

impl StockOf {
    async fn execute(
        &self,
        line: &Line,
        step: &str,
        command: InventoryCommand,
    ) -> Result<Executed, ExecuteError<InventoryRejection>> {
        let mut name = Vec::with_capacity(32);
        name.extend_from_slice(line.inventory_id.as_bytes());
        name.extend_from_slice(step.as_bytes());
        let command_id = Uuid::new_v5(&self.intent, &name);
        let execute = Execute { command_id, command, companions: Vec::new(), only_at: None };
        self.inventories.execute(line.inventory_id, execute).await
    }

    /// Reserves a line. A reservation of which nobody knows is released like one that was made.
    pub(super) async fn reserve(self, line: Line) -> StockAnswer {
        let Self { intent, ticket, floor, .. } = self;
        let inventory_id = line.inventory_id;
        let pieces = line.pieces;
        let command = InventoryCommand::Reserve { intent, ticket, floor, pieces };
        let refused = |reason| Input::ReserveRefused { inventory_id, reason };
        match self.execute(&line, "reserve", command).await {
            Ok(executed) => StockAnswer::Done(Input::Reserved { inventory_id }, executed.position),
            Err(ExecuteError::Rejected(rejection)) => {
                StockAnswer::Done(refused(RejectReason::of_refusal(&line, &rejection)), None)
            }
            Err(ExecuteError::Unknown(_)) => {
                StockAnswer::Done(Input::ReserveUnknown { inventory_id }, None)
            }
            Err(
                ExecuteError::Unavailable(_)
                | ExecuteError::Contended
                | ExecuteError::Moved
                | ExecuteError::Taken { .. }
                | ExecuteError::Unfit(_)
                | ExecuteError::CompanionChanged(_),
            ) => StockAnswer::Done(refused(RejectReason::Failed), None),
        }
    }

    /// Releases a line.
    pub(super) async fn release(self, line: Line) -> StockAnswer {
        let Self { intent, ticket, floor, .. } = self;
        let inventory_id = line.inventory_id;
        let command = InventoryCommand::Release { intent, ticket, floor };
        let result = self.execute(&line, "release", command).await;
        given_back(result, Input::Released { inventory_id }, inventory_id)
    }

    /// Returns a line.
    pub(super) async fn give_back(self, line: Line) -> StockAnswer {
        let Self { intent, ticket, floor, .. } = self;
        let inventory_id = line.inventory_id;
        let pieces = line.pieces;
        let command = InventoryCommand::Return { intent, ticket, floor, pieces };
        let result = self.execute(&line, "return", command).await;
        given_back(result, Input::Returned { inventory_id }, inventory_id)
    }
}

fn given_back(
    result: Result<Executed, ExecuteError<InventoryRejection>>,
    done: Input,
    inventory_id: Uuid,
) -> StockAnswer {
    match result {
        Ok(executed) => StockAnswer::Done(done, executed.position),
        Err(ExecuteError::Rejected(InventoryRejection::NotFound)) => {
            StockAnswer::Done(Input::NoRecord { inventory_id }, None)
        }
        Err(error) => {
            let away = matches!(error, ExecuteError::Unavailable(_) | ExecuteError::Unknown(_));
            StockAnswer::Again { reason: error.to_string(), away }
        }
    }
}
