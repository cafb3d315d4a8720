//! What a driver writes about its intent, and reads of it.

use std::sync::Arc;

use ordershop_domain::{
    Aggregate, Decision, Input, Intent, IntentCommand, IntentRejection, Order, OrderRejection,
    RejectReason, SagaResult, Step,
};
use ordershop_store::{EntityWrite, Outcome, Refusal, Transaction};
use ordershop_supervisors::{Context, Failure};
use uuid::Uuid;

use super::{MAX_RETRY_DELAY, Purpose, SagaDriver, after};
use crate::runtime::fault::crash_point;
use crate::runtime::{AppendError, Execute, ExecuteError, Executed, Replayed, decide, replay};
use crate::shop::order::open_intents::ticket;
use crate::shop::{CommandError, topics};

impl SagaDriver {
    /// Appends an event of the intent alone.
    pub(super) fn append(
        &mut self,
        step: Step,
        tries: u32,
        name: &str,
        command: &IntentCommand,
        ctx: &mut Context<'_, Self>,
    ) {
        let command_id = Uuid::new_v5(&self.intent_id, name.as_bytes());
        match self.intent_write(command_id, command) {
            Ok(Some(write)) => {
                let append =
                    self.context.journal.append(transaction(command_id, vec![write.clone()]));
                ctx.spawn(append, move |driver, outcome, ctx| {
                    driver.appended(step, tries, &write, outcome, ctx)
                });
            }
            // The log says so already, or something else; the saga must hear what.
            Ok(None) | Err(_) => self.look(step, tries, ctx),
        }
    }

    fn intent_write(
        &self,
        command_id: Uuid,
        command: &IntentCommand,
    ) -> Result<Option<EntityWrite>, IntentRejection> {
        let Replayed { state, version, last_event, .. } = &self.intent;
        let decision = decide(state, *version, *last_event, self.intent_id, command_id, command)?;
        Ok(decision.map(|decision| decision.write))
    }

    fn appended(
        &mut self,
        step: Step,
        tries: u32,
        write: &EntityWrite,
        outcome: Result<Outcome, AppendError>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        match outcome {
            Ok(Ok(committed)) => {
                if let Some(name) = after(&step) {
                    crash_point(name);
                }
                self.saw(topics::ORDER, Some(committed.last()));
                self.took(write)?;
                let input = match step {
                    Step::Open => {
                        let ticket = ticket(committed.ids.first().copied().unwrap_or_default());
                        self.context.open_intents.opened(self.intent_id, ticket);
                        Input::Opened { ticket }
                    }
                    Step::Reject(reason) => Input::Decided(Decision::Rejected(reason)),
                    Step::Confirm => Input::Decided(Decision::Confirmed),
                    _ => Input::Closed,
                };
                self.advance(input, ctx);
                Ok(())
            }
            Ok(Err(refusal))
                if refusal.changed_entity().is_some_and(|changed| changed != self.intent_id) =>
            {
                self.advance(Input::DecisionStale, ctx);
                Ok(())
            }
            Ok(Err(refusal @ Refusal::Malformed(_))) if step == Step::Open => {
                self.give_up(refusal.into(), ctx);
                Ok(())
            }
            Ok(Err(refusal @ Refusal::Malformed(_))) if step == Step::Confirm => {
                self.unfit = Some(refusal.into());
                self.advance(Input::DecisionStale, ctx);
                Ok(())
            }
            Err(error) if step == Step::Open && !error.leaves_outcome_open() => {
                if self.may_be_on_its_way {
                    self.bar(ctx);
                } else {
                    self.give_up(CommandError::from(error), ctx);
                }
                Ok(())
            }
            Ok(Err(_)) | Err(_) => {
                self.may_be_on_its_way |= step == Step::Open;
                self.look(step, tries, ctx);
                Ok(())
            }
        }
    }

    /// The write is in the log: follow it.
    fn took(&mut self, write: &EntityWrite) -> Result<(), Failure> {
        for event in &write.events {
            let event_read = serde_json::from_str(&event.data).map_err(Failure::new)?;
            let state = std::mem::take(&mut self.intent.state);
            self.intent.state = Aggregate::evolve(state, &event_read);
            self.intent.version += 1;
            self.intent.last_event = Some(event.event_id);
        }
        Ok(())
    }

    /// Reads in the log what became of the intent, and goes on from there.
    pub(super) fn look(&mut self, step: Step, tries: u32, ctx: &mut Context<'_, Self>) {
        let (log, id) = (Arc::clone(&self.context.log), self.intent_id);
        let look = async move { replay::<Intent>(log.as_ref(), id).await };
        ctx.spawn(look, move |driver, found, ctx| {
            driver.intent = match found {
                Ok(intent) => intent,
                Err(error) if error.passes() => {
                    return driver.wait_for_what_is_away(step, tries, &error.to_string(), ctx);
                }
                Err(error) => return driver.try_again(step, tries, &error.to_string(), ctx),
            };
            let first = driver.intent.first_position;
            driver.saw(topics::ORDER, driver.intent.last_position);
            let input = match (&step, driver.intent.state.decision(), first) {
                (Step::Close { .. }, ..) if driver.intent.state.is_finished() => Input::Closed,
                (Step::Confirm | Step::Reject(_) | Step::Open, Some(decision), _) => {
                    Input::Decided(decision)
                }
                (Step::Open, None, Some(first)) => {
                    driver.context.open_intents.opened(id, ticket(first));
                    Input::Opened { ticket: ticket(first) }
                }
                _ => return driver.try_again(step, tries, "nothing is decided yet", ctx),
            };
            driver.advance(input, ctx);
            Ok(())
        });
    }

    /// Writes the orders and the confirmation, in one append.
    pub(super) fn confirm(&mut self, tries: u32, ctx: &mut Context<'_, Self>) {
        let Some((command_id, purpose)) = &self.work else {
            return;
        };
        let command_id = *command_id;
        let Ok(Some(write)) = self.intent_write(command_id, &IntentCommand::Confirm) else {
            return self.look(Step::Confirm, tries, ctx);
        };
        match purpose {
            Purpose::Place(orders) => {
                let mut writes = vec![write.clone()];
                for (id, order) in orders {
                    match decide(&Order::default(), 0, None, *id, command_id, order) {
                        Ok(decision) => writes.extend(decision.map(|decision| decision.write)),
                        Err(_) => return self.advance(Input::DecisionStale, ctx),
                    }
                }
                let append = self.context.journal.append(transaction(command_id, writes));
                ctx.spawn(append, move |driver, outcome, ctx| {
                    driver.appended(Step::Confirm, tries, &write, outcome, ctx)
                });
            }
            Purpose::Change(order_id, order) => {
                let (orders, order_id) = (self.context.orders.clone(), *order_id);
                let companions = vec![write.clone()];
                let execute =
                    Execute { command_id, command: order.clone(), companions, only_at: None };
                let change = async move { orders.execute(order_id, execute).await };
                ctx.spawn(change, move |driver, result, ctx| {
                    driver.order_answered(tries, &write, &result, ctx)
                });
            }
        }
    }

    fn order_answered(
        &mut self,
        tries: u32,
        write: &EntityWrite,
        result: &Result<Executed, ExecuteError<OrderRejection>>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        match result {
            Ok(executed) if !executed.repeated => {
                if let Some(name) = after(&Step::Confirm) {
                    crash_point(name);
                }
                self.saw(topics::ORDER, executed.position);
                self.took(write)?;
                self.advance(Input::Decided(Decision::Confirmed), ctx);
            }
            Err(ExecuteError::Rejected(_) | ExecuteError::Contended | ExecuteError::Moved) => {
                self.advance(Input::DecisionStale, ctx);
            }
            Ok(_)
            | Err(
                ExecuteError::CompanionChanged(_)
                | ExecuteError::Unfit(_)
                | ExecuteError::Taken { .. }
                | ExecuteError::Unavailable(_)
                | ExecuteError::Unknown(_),
            ) => self.look(Step::Confirm, tries, ctx),
        }
        Ok(())
    }

    /// Shuts the door on an intent that an earlier incarnation may still have on its way.
    pub(super) fn bar(&mut self, ctx: &mut Context<'_, Self>) {
        let command_id = Uuid::new_v5(&self.intent_id, b"bar");
        let bar = IntentCommand::Bar { id: self.intent_id };
        let Ok(Some(write)) = self.intent_write(command_id, &bar) else {
            return;
        };
        let append = self.context.journal.append(transaction(command_id, vec![write]));
        ctx.spawn(append, |driver, outcome, ctx| match outcome {
            Ok(Ok(_)) => {
                driver.finish(SagaResult::Rejected(RejectReason::Abandoned), ctx);
                Ok(())
            }
            // It came after all: whoever waited for it is told how it ends.
            Ok(Err(_)) => {
                driver.saga = None;
                driver.resume(ctx);
                Ok(())
            }
            // Nothing else can be done until it is shut.
            Err(_) => {
                ctx.after(MAX_RETRY_DELAY, |driver, ctx| {
                    driver.bar(ctx);
                    Ok(())
                });
                Ok(())
            }
        });
    }
}

fn transaction(command_id: Uuid, writes: Vec<EntityWrite>) -> Transaction {
    Transaction {
        topic: topics::ORDER,
        command_id,
        cause: None,
        writes,
        claims: Vec::new(),
        releases: Vec::new(),
    }
}
