//! What an operator orders about entries that are set aside: to try them again, or to give them up.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ordershop_store::{Action, Entry, EntryId, EventLog, LogError, Topic};
use ordershop_supervisors::{AskError, Context, Failure, Handle, Message, Receive, ReplyTo};
use uuid::Uuid;

use super::attempt::{Entries, Trouble, attempt};
use super::halt::{Resume, ResumeError};
use super::standing::{Shown, Standing};
use super::{Handler, Phase, Subscription, WAITS_TO_BEGIN};
use crate::runtime::fault::crash_point;
use crate::runtime::quarantine::{How, QuarantineCommand, SetAside};

/// How many orders wait for a subscriber at most; more are refused.
const MAX_WAITING_ORDERS: usize = 16;
/// How many entries one order has handled at most; what is left takes another.
pub const MAX_RETRIED: usize = 1_000;

/// What shall become of what is set aside of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolve {
    /// Handle it again, in order, up to this entry or to the end; stop at the first that fails.
    Retry(Option<EntryId>),
    /// Give up its first entry, which must be this one where one is named.
    SkipFirst(Option<EntryId>),
    /// Give up all of it.
    SkipAll,
}

/// An operator's order about one entity.
#[derive(Clone, Debug)]
pub(super) struct Order {
    topic: Topic,
    entity_id: Uuid,
    resolve: Resolve,
}

impl Message for Order {
    type Reply = Result<Resolved, ResolveError>;
}

/// What became of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// How many entries were released.
    pub released: usize,
    /// How many of the entity are still set aside.
    pub left: usize,
}

/// Why an order was not, or not wholly, carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ResolveError {
    /// Nothing of that entity is set aside.
    #[error("nothing is set aside of {topic} {entity_id}")]
    NothingThere {
        /// The topic.
        topic: Topic,
        /// The entity.
        entity_id: Uuid,
    },
    /// The entry that was named is not where the order needs it.
    #[error("{0} is not the first of that entity that is set aside, which is {1}")]
    NotFirst(EntryId, EntryId),
    /// The entry that was named is not set aside.
    #[error("{0} is not set aside of that entity")]
    NotThere(EntryId),
    /// An entry failed again.
    #[error("{} released, then entry {id} failed again: {reason}", .done.released)]
    FailedAgain {
        /// The entry.
        id: EntryId,
        /// Why it failed.
        reason: String,
        /// What was done before.
        done: Resolved,
    },
    /// It cannot be done now.
    #[error("{} released, then: {reason}", .done.released)]
    Unavailable {
        /// Why.
        reason: String,
        /// What was done before.
        done: Resolved,
    },
}

impl ResolveError {
    fn unavailable(reason: impl fmt::Display) -> Self {
        Self::Unavailable { reason: reason.to_string(), done: Resolved::default() }
    }
}

type ResumeFuture = Pin<Box<dyn Future<Output = Result<bool, ResumeError>> + Send>>;
type ResolveFuture = Pin<Box<dyn Future<Output = Result<Resolved, ResolveError>> + Send>>;

/// The way to a subscriber.
#[derive(Clone)]
pub struct SubscriberHandle {
    name: Arc<str>,
    shown: Shown,
    order: Arc<dyn Fn(Order) -> ResolveFuture + Send + Sync>,
    resume: Arc<dyn Fn() -> ResumeFuture + Send + Sync>,
}

impl SubscriberHandle {
    pub(super) fn new<H: Handler>(
        name: Arc<str>,
        shown: Shown,
        handle: Handle<Subscription<H>>,
    ) -> Self {
        let resumed = handle.clone();
        let resume = move || -> ResumeFuture {
            let handle = resumed.clone();
            Box::pin(async move {
                let answer = handle.try_ask(Resume).await;
                answer.unwrap_or_else(|error| Err(ResumeError::new(error)))
            })
        };
        let order = move |order| -> ResolveFuture {
            let handle = handle.clone();
            Box::pin(async move {
                match handle.try_ask(order).await {
                    Ok(result) => result,
                    Err(AskError::Lost(reason)) => Err(ResolveError::unavailable(reason)),
                    Err(error) => Err(ResolveError::unavailable(error)),
                }
            })
        };
        Self { name, shown, order: Arc::new(order), resume: Arc::new(resume) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.shown.standing()
    }

    /// Has it go on, if it stands still because the log has lost entries; false where it does not.
    pub async fn resume(&self) -> Result<bool, ResumeError> {
        (self.resume)().await
    }

    /// Resolves what it has set aside of an entity; every release is durable.
    pub async fn resolve(
        &self,
        topic: Topic,
        entity_id: Uuid,
        resolve: Resolve,
    ) -> Result<Resolved, ResolveError> {
        (self.order)(Order { topic, entity_id, resolve }).await
    }
}

impl fmt::Debug for SubscriberHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriberHandle").field("name", &self.name).finish_non_exhaustive()
    }
}

/// An order that waits for its turn.
pub(super) struct Waiting {
    order: Order,
    reply: ReplyTo<Result<Resolved, ResolveError>>,
}

impl<H: Handler> Receive<Order> for Subscription<H> {
    fn receive(
        &mut self,
        order: Order,
        reply: ReplyTo<Result<Resolved, ResolveError>>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        if self.phase == Phase::WaitsToBegin {
            reply.send(Err(ResolveError::unavailable(WAITS_TO_BEGIN)));
        } else if self.orders.len() >= MAX_WAITING_ORDERS {
            reply.send(Err(ResolveError::unavailable("too many orders are waiting")));
        } else {
            self.orders.push_back(Waiting { order, reply });
            self.next(ctx);
        }
        Ok(())
    }
}

/// An order under way.
struct UnderWay {
    waiting: Waiting,
    /// What is to be handled still.
    left: std::vec::IntoIter<SetAside>,
    done: Resolved,
}

impl UnderWay {
    fn new(waiting: Waiting, left: Vec<SetAside>) -> Self {
        Self { waiting, left: left.into_iter(), done: Resolved::default() }
    }
}

impl<H: Handler> Subscription<H> {
    /// Carries an order out; nothing else is done meanwhile.
    pub(super) fn carry_out(&mut self, waiting: Waiting, ctx: &mut Context<'_, Self>) {
        let Order { topic, entity_id, resolve } = waiting.order;
        let entries = self.set_aside_of(topic, entity_id);
        let Some(first) = entries.first().map(|entry| entry.id) else {
            waiting.reply.send(Err(ResolveError::NothingThere { topic, entity_id }));
            return self.next(ctx);
        };
        let is_there = |id| entries.iter().any(|entry| entry.id == id);
        match resolve {
            Resolve::Retry(Some(id)) if !is_there(id) => {
                waiting.reply.send(Err(ResolveError::NotThere(id)));
                self.next(ctx);
            }
            Resolve::SkipFirst(Some(id)) if id != first => {
                waiting.reply.send(Err(ResolveError::NotFirst(id, first)));
                self.next(ctx);
            }
            Resolve::Retry(until) => {
                let count = until
                    .and_then(|id| entries.iter().position(|entry| entry.id == id))
                    .map_or(entries.len(), |at| at + 1);
                let mut left = entries;
                left.truncate(count.min(MAX_RETRIED));
                self.retry_next(UnderWay::new(waiting, left), ctx);
            }
            Resolve::SkipFirst(_) => {
                self.release(vec![first], How::Skipped, UnderWay::new(waiting, Vec::new()), ctx);
            }
            Resolve::SkipAll => {
                let ids = entries.iter().map(|entry| entry.id).collect();
                self.release(ids, How::Skipped, UnderWay::new(waiting, Vec::new()), ctx);
            }
        }
    }

    fn set_aside_of(&self, topic: Topic, entity_id: Uuid) -> Vec<SetAside> {
        let Some(ledger) = &self.ledger else { return Vec::new() };
        ledger.state().of_entity(topic.name(), entity_id).cloned().collect()
    }

    /// Handles the next entry of an order, and releases it.
    fn retry_next(&mut self, mut order: UnderWay, ctx: &mut Context<'_, Self>) {
        let Some(SetAside { action, id, .. }) = order.left.next() else {
            return self.answer(order.waiting, Ok(order.done), ctx);
        };
        self.busy = true;
        let (log, topic) = (Arc::clone(&self.log), order.waiting.order.topic);
        let read = async move { read_entry(log.as_ref(), topic, action, id).await };
        ctx.spawn(read, move |subscription, entry, ctx| {
            let done = order.done;
            let error = match entry {
                Ok(Some(entry)) => {
                    subscription.retry_entry(entry, order, ctx);
                    return Ok(());
                }
                Ok(None) => {
                    let reason = "the log holds it no more".to_owned();
                    ResolveError::FailedAgain { id, reason, done }
                }
                Err(error) => ResolveError::Unavailable { reason: error.to_string(), done },
            };
            subscription.answer(order.waiting, Err(error), ctx);
            Ok(())
        });
    }

    fn retry_entry(&mut self, entry: Arc<Entry>, order: UnderWay, ctx: &mut Context<'_, Self>) {
        let id = entry.id;
        let alone: Entries = Arc::new([entry]);
        let handled = attempt(&mut self.handler, &self.options.name, &alone);
        ctx.spawn(handled, move |subscription, result, ctx| {
            let done = order.done;
            let error = match result {
                Ok(()) => {
                    crash_point("quarantine/before-release");
                    subscription.release(vec![id], How::Handled, order, ctx);
                    return Ok(());
                }
                Err(Trouble::Away(reason)) => ResolveError::Unavailable { reason, done },
                Err(Trouble::Unfit { reason, .. }) => {
                    ResolveError::FailedAgain { id, reason, done }
                }
                Err(Trouble::Panicked(reason)) => {
                    subscription.handler = (subscription.make)();
                    ResolveError::FailedAgain { id, reason, done }
                }
            };
            subscription.answer(order.waiting, Err(error), ctx);
            Ok(())
        });
    }

    /// Releases entries of the order's entity, durably, and then goes on with the order.
    fn release(
        &mut self,
        ids: Vec<EntryId>,
        how: How,
        mut order: UnderWay,
        ctx: &mut Context<'_, Self>,
    ) {
        let Order { topic, entity_id, .. } = order.waiting.order;
        let Some(ledger) = self.ledger.clone() else { return };
        self.busy = true;
        let (count, name) = (ids.len(), topic.name().to_owned());
        let release = ledger.execute(QuarantineCommand::Release { topic: name, ids, how });
        ctx.spawn(release, move |subscription, released, ctx| {
            let subscriber = &subscription.options.name;
            match released {
                Ok(ledger) => {
                    tracing::info!(%subscriber, %topic, %entity_id, count, ?how, "released");
                    subscription.take_up(ledger);
                    order.done.released += count;
                    subscription.retry_next(order, ctx);
                }
                Err(error) => {
                    tracing::warn!(%subscriber, %error, "cannot release what is set aside");
                    let (reason, done) = (error.to_string(), order.done);
                    let error = ResolveError::Unavailable { reason, done };
                    subscription.answer(order.waiting, Err(error), ctx);
                }
            }
            Ok(())
        });
    }

    fn answer(
        &mut self,
        waiting: Waiting,
        result: Result<Resolved, ResolveError>,
        ctx: &mut Context<'_, Self>,
    ) {
        let Order { topic, entity_id, .. } = waiting.order;
        let left = self.set_aside_of(topic, entity_id).len();
        waiting.reply.send(result.map(|done| Resolved { left, ..done }));
        self.busy = false;
        self.next(ctx);
    }
}

/// An entry of the log; `None` where it is there no more.
async fn read_entry(
    log: &dyn EventLog,
    topic: Topic,
    action: Action,
    id: EntryId,
) -> Result<Option<Arc<Entry>>, LogError> {
    let page = log.read_stream(topic, action, id.previous(), 1).await?;
    Ok(page.entries.into_iter().next().filter(|entry| entry.id == id))
}
