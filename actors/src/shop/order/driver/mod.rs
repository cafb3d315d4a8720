//! The driver: the actor that carries out the saga of one intent.
//!
//! It has no state that the log does not have. A driver that crashes is made anew, finds its
//! intent in the log and finishes it; one that finds an intent whose client got no answer rejects
//! it, so that nobody buys twice.

mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ordershop_domain::{
    Input, Intent, IntentCommand, Inventory, Line, Order, OrderCommand, OrderSaga, SagaResult,
    Step, Ticket,
};
use ordershop_store::{EntryId, EventLog, Topic};
use ordershop_supervisors::{
    ChildSpec, Context, DynamicBuilder, DynamicHandle, Failure, Message, Process, Receive, ReplyTo,
};
use uuid::Uuid;

use super::OpenIntents;
use super::open_intents::ticket;
use super::stock::{StockAnswer, StockOf};
use crate::runtime::fault::crash_point;
use crate::runtime::{Entities, JournalHandle, Replayed, fault, replay};
use crate::shop::{CommandError, topics};

/// How often one step is tried before the driver fails, and its supervisor decides.
const MAX_TRIES: u32 = 20;
/// How many of these at most count against it while something that it needs is away.
const TRIES_WHILE_AWAY: u32 = 10;
/// The wait before the second try of a step; it doubles up to [`MAX_RETRY_DELAY`].
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(10);
/// The longest wait before a step is tried again.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(1);

/// What drivers work with.
#[derive(Clone)]
pub struct DriverContext {
    /// Where intents are found.
    pub log: Arc<dyn EventLog>,
    /// Through which they are appended.
    pub journal: JournalHandle,
    /// The stock.
    pub inventories: Entities<Inventory>,
    /// The orders.
    pub orders: Entities<Order>,
    /// The intents that are not finished.
    pub open_intents: OpenIntents,
}

/// What is written when an intent is confirmed.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// New orders, in one append.
    Place(Vec<(Uuid, OrderCommand)>),
    /// A change of one order that exists.
    Change(Uuid, OrderCommand),
}

/// Asks a fresh driver to do what an order command wants.
pub(super) struct Drive {
    pub(super) command_id: Uuid,
    pub(super) purpose: Purpose,
    pub(super) take: Vec<Line>,
    pub(super) give: Vec<Line>,
}

/// How an intent ended, and how far a reader must have come to see all of it.
#[derive(Clone, Debug)]
pub(super) struct Driven {
    pub(super) result: SagaResult,
    pub(super) positions: Vec<(Topic, EntryId)>,
}

impl Message for Drive {
    type Reply = Result<Driven, CommandError>;
}

/// Asks the driver of an intent that may have been left behind to see to its end.
pub(super) struct Resume;

impl Message for Resume {
    type Reply = ();
}

/// The process of one intent's driver.
pub struct SagaDriver {
    context: DriverContext,
    intent_id: Uuid,
    /// The intent as far as this driver knows it.
    intent: Replayed<Intent>,
    saga: Option<OrderSaga>,
    work: Option<(Uuid, Purpose)>,
    reply: Option<ReplyTo<Result<Driven, CommandError>>>,
    waiting: Vec<ReplyTo<()>>,
    /// The log could not be read when it was to load.
    unloaded: bool,
    /// The intent is being read, so that it can be seen to its end.
    resuming: bool,
    /// An attempt to open the intent has no outcome: it may still come into the log.
    may_be_on_its_way: bool,
    /// Why it cannot be confirmed, beside what the saga knows.
    unfit: Option<CommandError>,
    positions: BTreeMap<Topic, EntryId>,
}

impl SagaDriver {
    /// The first incarnation has nothing to read: what it is asked to open must not be there, and the
    /// log holds it to that; what it is asked to resume it reads then.
    async fn load(
        intent_id: Uuid,
        context: DriverContext,
        incarnation: u64,
    ) -> Result<Self, Failure> {
        let (intent, unloaded) = if incarnation == 1 {
            (Replayed::nothing(), false)
        } else {
            match replay(context.log.as_ref(), intent_id).await {
                Ok(intent) => (intent, false),
                Err(error) if error.passes() => (Replayed::nothing(), true),
                Err(error) => return Err(Failure::new(error)),
            }
        };
        Ok(Self {
            context,
            intent_id,
            intent,
            saga: None,
            work: None,
            reply: None,
            waiting: Vec::new(),
            unloaded,
            resuming: false,
            may_be_on_its_way: false,
            unfit: None,
            positions: BTreeMap::new(),
        })
    }

    fn perform(&mut self, steps: Vec<Step>, ctx: &mut Context<'_, Self>) {
        for step in steps {
            self.try_step(step, 1, ctx);
        }
    }

    fn advance(&mut self, input: Input, ctx: &mut Context<'_, Self>) {
        if let Some(saga) = &mut self.saga {
            let steps = saga.advance(input);
            if steps.iter().any(|step| matches!(step, Step::Confirm | Step::Reject(_))) {
                crash_point("order/after-reservations");
            }
            self.perform(steps, ctx);
        }
    }

    fn try_step(&mut self, step: Step, tries: u32, ctx: &mut Context<'_, Self>) {
        if let Some(name) = before(&step) {
            crash_point(name);
        }
        match step {
            Step::Open => {
                let (take, give) = self.saga.as_ref().map_or_else(Default::default, |saga| {
                    (saga.take().collect(), saga.give().to_vec())
                });
                let command = IntentCommand::Open { id: self.intent_id, take, give };
                self.append(step, tries, "open", &command, ctx);
            }
            Step::Reject(reason) => {
                self.append(step, tries, "reject", &IntentCommand::Reject { reason }, ctx);
            }
            Step::Close { ref written_off } => {
                for Line { product_id, pieces, .. } in written_off {
                    tracing::warn!(intent = %self.intent_id, %product_id, pieces, "written off");
                }
                let command = IntentCommand::Close { written_off: written_off.clone() };
                self.append(step, tries, "close", &command, ctx);
            }
            Step::Confirm => self.confirm(tries, ctx),
            Step::Reserve(line) => {
                ctx.spawn(self.stock().reserve(line), move |driver, answer, ctx| {
                    driver.stock_answered(step, tries, answer, ctx)
                });
            }
            Step::Release(line) => {
                ctx.spawn(self.stock().release(line), move |driver, answer, ctx| {
                    driver.stock_answered(step, tries, answer, ctx)
                });
            }
            Step::Return(line) => {
                ctx.spawn(self.stock().give_back(line), move |driver, answer, ctx| {
                    driver.stock_answered(step, tries, answer, ctx)
                });
            }
            Step::Finished(result) => self.finish(result, ctx),
        }
    }

    fn stock(&self) -> StockOf {
        StockOf {
            inventories: self.context.inventories.clone(),
            intent: self.intent_id,
            ticket: self.ticket(),
            floor: self.context.open_intents.floor(),
        }
    }

    fn ticket(&self) -> Ticket {
        self.saga.as_ref().and_then(OrderSaga::ticket).unwrap_or_default()
    }

    fn stock_answered(
        &mut self,
        step: Step,
        tries: u32,
        answer: StockAnswer,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        match answer {
            StockAnswer::Done(input, position) => {
                if let Some(name) = after(&step) {
                    crash_point(name);
                }
                self.saw(topics::INVENTORY, position);
                self.advance(input, ctx);
                Ok(())
            }
            StockAnswer::Again { reason, away: true } => {
                self.wait_for_what_is_away(step, tries, &reason, ctx)
            }
            StockAnswer::Again { reason, away: false } => self.try_again(step, tries, &reason, ctx),
        }
    }

    /// Tries a step again for as long as what it needs is away, be it for hours. The client need not
    /// wait for that.
    fn wait_for_what_is_away(
        &mut self,
        step: Step,
        tries: u32,
        reason: &str,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        if let Some(reply) = self.reply.take() {
            let unknown = format!("what becomes of it is decided later: {reason}");
            let positions = self.positions.iter().map(|(topic, id)| (*topic, *id)).collect();
            reply.send(Err(CommandError::OutcomeUnknown(unknown).behind(positions)));
        }
        self.try_again(step, tries.min(TRIES_WHILE_AWAY), reason, ctx)
    }

    fn saw(&mut self, topic: Topic, position: Option<EntryId>) {
        if let Some(position) = position {
            let last = self.positions.entry(topic).or_default();
            *last = position.max(*last);
        }
    }

    fn try_again(
        &self,
        step: Step,
        tries: u32,
        reason: &str,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        // Without the journal nothing can be done, and whatever restarts it stops this driver first. To
        // hold on would keep its client waiting, and the server that waits for its clients.
        if tries >= MAX_TRIES || !self.context.journal.is_running() {
            return Err(Failure::new(format!("cannot do {step:?}: {reason}")));
        }
        let delay = FIRST_RETRY_DELAY * 2_u32.saturating_pow((tries - 1).min(16));
        ctx.after(delay.min(MAX_RETRY_DELAY), move |driver, ctx| {
            driver.try_step(step, tries + 1, ctx);
            Ok(())
        });
        Ok(())
    }

    /// The intent is not in the log, and never will be.
    fn give_up(&mut self, error: CommandError, ctx: &mut Context<'_, Self>) {
        self.context.open_intents.finished(self.intent_id);
        if let Some(reply) = self.reply.take() {
            reply.send(Err(error));
        }
        ctx.stop();
    }

    fn finish(&mut self, result: SagaResult, ctx: &mut Context<'_, Self>) {
        self.context.open_intents.finished(self.intent_id);
        if let Some(reply) = self.reply.take() {
            crash_point("order/before-answer");
            let positions: Vec<_> = std::mem::take(&mut self.positions).into_iter().collect();
            reply.send(match (result, self.unfit.take()) {
                (SagaResult::Rejected(_), Some(error)) => Err(error.behind(positions)),
                _ => Ok(Driven { result, positions }),
            });
        }
        for reply in self.waiting.drain(..) {
            reply.send(());
        }
        ctx.stop();
    }

    /// Sees to the end of an intent that was left behind.
    fn resume(&mut self, ctx: &mut Context<'_, Self>) {
        if self.saga.is_some() || std::mem::replace(&mut self.resuming, true) {
            return;
        }
        let (log, id) = (Arc::clone(&self.context.log), self.intent_id);
        ctx.spawn(async move { replay(log.as_ref(), id).await }, |driver, intent, ctx| {
            driver.resuming = false;
            driver.intent = match intent {
                Err(error) if error.passes() => {
                    ctx.after(MAX_RETRY_DELAY, |driver, ctx| {
                        driver.resume(ctx);
                        Ok(())
                    });
                    return Ok(());
                }
                intent => intent.map_err(Failure::new)?,
            };
            match driver.intent.first_position {
                _ if driver.saga.is_some() => {}
                Some(first) => {
                    driver.context.open_intents.opened(driver.intent_id, ticket(first));
                    let mut saga = OrderSaga::resume(&driver.intent.state, ticket(first));
                    let steps = saga.start();
                    driver.saga = Some(saga);
                    driver.perform(steps, ctx);
                }
                None => driver.bar(ctx),
            }
            Ok(())
        });
    }
}

/// The crash point before a step.
const fn before(step: &Step) -> Option<&'static str> {
    match step {
        Step::Open => Some("order/before-open"),
        Step::Confirm | Step::Reject(_) => Some("order/before-decision"),
        Step::Release(_) => Some("order/before-release"),
        Step::Return(_) => Some("order/before-return"),
        Step::Close { .. } => Some("order/before-close"),
        Step::Reserve(_) | Step::Finished(_) => None,
    }
}

/// The crash point behind a step.
const fn after(step: &Step) -> Option<&'static str> {
    match step {
        Step::Open => Some("order/after-open"),
        Step::Reserve(_) => Some("order/after-reservation"),
        Step::Confirm | Step::Reject(_) => Some("order/after-decision"),
        Step::Release(_) => Some("order/after-release"),
        Step::Return(_) => Some("order/after-return"),
        Step::Close { .. } => Some("order/after-close"),
        Step::Finished(_) => None,
    }
}

impl Process for SagaDriver {
    fn started(&mut self, ctx: &mut Context<'_, Self>) -> Result<(), Failure> {
        // A later incarnation that could not load does not know whether it has something to do.
        let unknown = self.unloaded && ctx.incarnation() > 1;
        let left_behind = unknown || (self.intent.version > 0 && !self.intent.state.is_finished());
        if left_behind || self.context.open_intents.is_beginning(self.intent_id) {
            self.resume(ctx);
        } else if ctx.incarnation() > 1 {
            // The crash came before anything was begun, or when all was done; who asked was told.
            self.context.open_intents.finished(self.intent_id);
            ctx.stop();
        }
        Ok(())
    }
}

impl Receive<Drive> for SagaDriver {
    fn receive(
        &mut self,
        drive: Drive,
        reply: ReplyTo<Result<Driven, CommandError>>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        if let Purpose::Change(order_id, _) = &drive.purpose {
            fault::point(topics::ORDER.name(), *order_id);
        }
        if self.saga.is_some() || self.intent.version > 0 {
            reply.send(Err(CommandError::OutcomeUnknown(
                "this command was begun before, and its first answer is lost".to_owned(),
            )));
            return Ok(());
        }
        if self.unloaded || !self.context.open_intents.is_past_known() {
            let reason = "the log cannot be read now".to_owned();
            reply.send(Err(CommandError::Unavailable(reason)));
            ctx.stop();
            return Ok(());
        }
        self.context.open_intents.begin(self.intent_id);
        self.work = Some((drive.command_id, drive.purpose));
        self.reply = Some(reply);
        let mut saga = OrderSaga::new(drive.take, drive.give);
        let steps = saga.start();
        self.saga = Some(saga);
        self.perform(steps, ctx);
        Ok(())
    }
}

impl Receive<Resume> for SagaDriver {
    fn receive(
        &mut self,
        _: Resume,
        reply: ReplyTo<()>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        self.waiting.retain(ReplyTo::is_wanted);
        self.waiting.push(reply);
        self.resume(ctx);
        Ok(())
    }
}

/// The drivers, by intent.
#[derive(Clone)]
pub struct Sagas(pub(super) DynamicHandle<Uuid, SagaDriver>);

impl Sagas {
    /// All drivers, as a child for a supervisor, and the handle to them.
    pub fn child(
        context: DriverContext,
        children: DynamicBuilder<Uuid, SagaDriver>,
    ) -> (Self, ChildSpec) {
        let (handle, spec) = children.factory(move |intent_id: Uuid, birth| {
            SagaDriver::load(intent_id, context.clone(), birth.incarnation)
        });
        (Self(handle), spec)
    }
}
