//! The order commands: each becomes an intent, and its driver's outcome becomes the answer.

use std::sync::Arc;

use futures_util::future::join;
use ordershop_domain::{
    Line, Order, OrderCommand, OrderDraft, ProductIds, RejectReason, SagaResult,
};
use ordershop_store::EventLog;
use ordershop_supervisors::{AskError, Message};
use uuid::Uuid;

use super::Sagas;
use super::driver::{Drive, Driven, Purpose};
use super::plan::{self, Stock};
use super::resume::Earlier;
use crate::runtime::Entities;
use crate::shop::managed::entity_id;
use crate::shop::{Accepted, CommandError, CommandHandler, Facts, Serve, Verb, topics};

/// How often a change is planned again because the order changed meanwhile.
const MAX_PLANS: usize = 8;

/// The commands of the order topic, and what they work with.
#[derive(Clone)]
pub struct OrderCommands {
    /// Where references are looked up.
    pub log: Arc<dyn EventLog>,
    /// The drivers of intents.
    pub sagas: Sagas,
    /// The orders.
    pub orders: Entities<Order>,
}

impl CommandHandler<Serve<OrderDraft>> for OrderCommands {
    async fn handle(self, command: Serve<OrderDraft>) -> Result<Accepted, CommandError> {
        let Serve { command_id, verb, resumed, .. } = command;
        let first = if resumed {
            match self.earlier(command_id).await? {
                Earlier::Confirmed(positions) => {
                    let count = match &verb {
                        Verb::Create(drafts) => drafts.len(),
                        Verb::Replace(..) | Verb::Delete(_) => 0,
                    };
                    let ids = (0..count).map(|index| entity_id(command_id, index)).collect();
                    return Ok(Accepted { ids, positions });
                }
                Earlier::Undone { attempts } => attempts,
            }
        } else {
            0
        };
        match verb {
            Verb::Create(drafts) => self.place(command_id, first, drafts).await,
            Verb::Replace(id, draft) => self.change(command_id, first, id, Some(draft)).await,
            Verb::Delete(id) => self.change(command_id, first, id, None).await,
        }
    }
}

/// Takes the pieces of some orders out of stock, all or none, without placing them.
pub(in crate::shop) struct TakeOut {
    pub(in crate::shop) command_id: Uuid,
    pub(in crate::shop) orders: Vec<OrderDraft>,
    /// It may have been begun before.
    pub(in crate::shop) resumed: bool,
}

impl Message for TakeOut {
    type Reply = Result<Accepted, CommandError>;
}

impl CommandHandler<TakeOut> for OrderCommands {
    async fn handle(
        self,
        TakeOut { command_id, orders, resumed }: TakeOut,
    ) -> Result<Accepted, CommandError> {
        if orders.is_empty() {
            return Ok(Accepted::default());
        }
        let attempt = if resumed {
            match self.earlier(command_id).await? {
                Earlier::Confirmed(positions) => return Ok(Accepted { ids: vec![], positions }),
                Earlier::Undone { attempts } => attempts,
            }
        } else {
            0
        };
        let counts = plan::pieces_of(orders.iter().map(|order| &order.product_ids));
        let stock = Stock::look_up(self.log.as_ref(), counts).await?;
        self.take(command_id, attempt, stock, Vec::new(), Vec::new()).await
    }
}

impl OrderCommands {
    /// Takes pieces out of stock, and places the orders that are to have them.
    async fn take(
        &self,
        command_id: Uuid,
        attempt: usize,
        stock: Stock,
        orders: Vec<(Uuid, OrderCommand)>,
        ids: Vec<Uuid>,
    ) -> Result<Accepted, CommandError> {
        let take = stock.taken()?;
        let purpose = Purpose::Place(orders);
        let drive = Drive { command_id, purpose, take, give: Vec::new() };
        let Driven { result, positions } =
            self.drive(intent_id(command_id, attempt), drive).await?;
        match result {
            SagaResult::Confirmed => Ok(Accepted { ids, positions }),
            SagaResult::Rejected(reason) => Err(rejected(reason).behind(positions)),
        }
    }

    async fn place(
        &self,
        command_id: Uuid,
        attempt: usize,
        drafts: Vec<OrderDraft>,
    ) -> Result<Accepted, CommandError> {
        if drafts.is_empty() {
            return Ok(Accepted::default());
        }
        let batch = drafts.len() > 1;
        let counts = plan::pieces_of(drafts.iter().map(|draft| &draft.product_ids));
        let stock = Stock::look_up(self.log.as_ref(), counts);
        let (facts, stock) = join(self.facts(&drafts), stock).await;
        let facts = facts?;
        let mut ids = Vec::with_capacity(drafts.len());
        let mut orders = Vec::with_capacity(drafts.len());
        for (index, draft) in drafts.into_iter().enumerate() {
            let id = entity_id(command_id, index);
            let facts = plan::facts(&draft, &facts)
                .map_err(|error| if batch { error.of_element(index) } else { error })?;
            ids.push(id);
            orders.push((id, OrderCommand::Place { id, draft, facts }));
        }
        self.take(command_id, attempt, stock?, orders, ids).await
    }

    /// Replaces the content of an order, or deletes it where there is no new content.
    async fn change(
        &self,
        command_id: Uuid,
        first: usize,
        id: Uuid,
        draft: Option<OrderDraft>,
    ) -> Result<Accepted, CommandError> {
        let facts = match &draft {
            Some(draft) => {
                Some(plan::facts(draft, &self.facts(std::slice::from_ref(draft)).await?)?)
            }
            None => None,
        };
        // Of attempts that were taken back.
        let mut passed = Vec::new();
        for attempt in first..first + MAX_PLANS {
            let order = self.orders.inspect(id).await.map_err(|error| {
                CommandError::execution(topics::ORDER, id, error, ToOwned::to_owned)
            })?;
            let base = order.state.revision();
            let Some(before) = order.state.product_ids() else {
                return Err(CommandError::no_such(topics::ORDER, id));
            };
            let (take, give) = self.lines(before, draft.as_ref()).await?;
            let command = match (draft.clone(), facts.clone()) {
                (Some(draft), Some(facts)) => OrderCommand::Change { base, draft, facts },
                _ => OrderCommand::Delete { base },
            };
            let purpose = Purpose::Change(id, command);
            let drive = Drive { command_id, purpose, take, give };
            let Driven { result, positions } =
                self.drive(intent_id(command_id, attempt), drive).await?;
            match result {
                SagaResult::Confirmed => return Ok(Accepted { ids: Vec::new(), positions }),
                // A later attempt touches the same topics, further on.
                SagaResult::Rejected(RejectReason::Stale) => passed = positions,
                SagaResult::Rejected(reason) => return Err(rejected(reason).behind(positions)),
            }
        }
        let busy = "too many others change this order at this moment".to_owned();
        Err(CommandError::Unavailable(busy).behind(passed))
    }

    async fn facts(&self, drafts: &[OrderDraft]) -> Result<Facts, CommandError> {
        Facts::look_up(self.log.as_ref(), drafts.iter().flat_map(plan::references))
            .await
            .map_err(|error| CommandError::Unavailable(error.to_string()))
    }

    /// What is taken and what is given back when the order's content changes.
    async fn lines(
        &self,
        before: &ProductIds,
        draft: Option<&OrderDraft>,
    ) -> Result<(Vec<Line>, Vec<Line>), CommandError> {
        let (take, give) = match draft {
            Some(draft) => plan::difference(before, &draft.product_ids),
            None => (Vec::new(), before.counts()),
        };
        let take = Stock::look_up(self.log.as_ref(), take).await?.taken()?;
        let give = Stock::look_up(self.log.as_ref(), give).await?.given();
        Ok((take, give))
    }

    async fn drive(&self, intent_id: Uuid, drive: Drive) -> Result<Driven, CommandError> {
        match self.sagas.0.ask(&intent_id, drive).await {
            Ok(result) => result,
            Err(AskError::Lost(reason)) => Err(CommandError::OutcomeUnknown(format!(
                "the part that carried it out crashed: {reason}"
            ))),
            Err(undelivered) => Err(CommandError::Unavailable(undelivered.to_string())),
        }
    }
}

/// The id of a command's intent; each attempt has one of its own.
pub(super) fn intent_id(command_id: Uuid, attempt: usize) -> Uuid {
    Uuid::new_v5(&command_id, format!("intent {attempt}").as_bytes())
}

pub(super) fn rejected(reason: RejectReason) -> CommandError {
    match reason {
        RejectReason::Short { product_id, asked, left } => CommandError::Conflict(format!(
            "product {product_id} is short: {asked} pieces were asked for, {left} are left"
        )),
        RejectReason::Stale => {
            CommandError::Unavailable("the order was changed at the same moment".to_owned())
        }
        RejectReason::Abandoned => {
            CommandError::Unavailable("the command took too long, and was given up".to_owned())
        }
        RejectReason::Failed => {
            CommandError::Unavailable("the stock could not be asked".to_owned())
        }
    }
}
