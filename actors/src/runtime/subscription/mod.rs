//! A subscription: the actor that takes entries from a reader, has a handler work on them, and
//! keeps the cursor.
//!
//! The cursor moves when the handler has finished, never before; so after a crash some entries
//! come again, and none is missed. Handlers are therefore idempotent.
//!
//! When the log has lost entries, a subscription with a cursor stands still until an operator has it go
//! on; one that is held in memory begins anew.

mod attempt;
mod delivery;
mod halt;
mod handler;
mod memory;
mod operator;
mod standing;
mod work;

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ordershop_store::{CursorName, Entry, EventLog, Positions, Topic};
use ordershop_supervisors::{
    CellBuilder, ChildSpec, Context, Failure, Handle, Process, Receive, ReplyTo,
};
use tokio::sync::oneshot;

use self::halt::Past;
use self::memory::Suspects;
use self::operator::Waiting;
use self::standing::Shown;
use self::work::Work;
use super::absence::{self, BeginError, Beginning, Begun};
use super::fault::crash_point;
use super::quarantine::Ledger;
use super::reader::{Deliver, Delivery, Subscribe};
use super::{AppendError, JournalHandle, ReaderHandle};

pub use self::halt::ResumeError;
pub use self::handler::{BeginFuture, Handler, HandlerError, HandlerFuture, Save};
pub use self::operator::{MAX_RETRIED, Resolve, ResolveError, Resolved, SubscriberHandle};
pub use self::standing::Standing;

/// How long a cursor may lag behind what is finished: so much comes again after a crash.
const CURSOR_INTERVAL: Duration = Duration::from_millis(200);
/// A reader has at most one delivery in flight to a subscriber, and a new incarnation's one; the
/// others are an operator's orders.
const SUBSCRIPTION_CAPACITY: usize = 16;
/// Why a subscriber does not get on whose start is not done.
const WAITS_TO_BEGIN: &str = "it waits to begin until the log is back";

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Behind its persisted cursor; at the beginning where it has none.
    Cursor,
    /// Where the handler says, else at the beginning, every time: for what is held in memory.
    Beginning,
}

/// Settings of a subscription.
#[derive(Clone, Debug)]
pub struct SubscriptionOptions {
    /// The name under which its cursor is kept.
    pub name: CursorName,
    /// The topics to which it listens.
    pub topics: Vec<Topic>,
    /// Where it begins.
    pub start: Start,
    /// How many entries it takes at once, at most.
    pub batch: usize,
    /// How many entries it sets aside at most; with one more it stops, until an operator has
    /// released some. [`MAX_SET_ASIDE`](super::MAX_SET_ASIDE) is usual.
    pub max_set_aside: usize,
}

/// Makes a handler.
type Make<H> = Arc<dyn Fn() -> H + Send + Sync>;

/// What becomes of a cursor that is to be saved.
#[derive(Clone, Copy, Debug, Default)]
struct CursorState {
    /// Whether it is being saved, or will be soon.
    saving: bool,
    /// Whether it could not be saved last, so that an outage is told of once.
    failing: bool,
}

/// Whether a subscription takes deliveries and orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The log is away, and it does not know yet where it stands.
    WaitsToBegin,
    /// It stands still until an operator has it go on.
    Halted,
    /// It does.
    Runs,
}

/// The process of a subscription.
pub struct Subscription<H: Handler> {
    options: SubscriptionOptions,
    log: Arc<dyn EventLog>,
    reader: ReaderHandle,
    journal: JournalHandle,
    make: Make<H>,
    handler: H,
    shown: Shown,
    past: Past,
    /// What it does before its start is done, since the log is away.
    beginning: Option<Beginning<(H, Place)>>,
    /// Whether it takes deliveries and orders.
    phase: Phase,
    /// What is set aside; `None` for what is held in memory.
    ledger: Option<Ledger>,
    /// The delivery in hand, of one with a cursor.
    work: Option<Work>,
    /// Whether the handler or the ledger is at work.
    busy: bool,
    orders: VecDeque<Waiting>,
    /// Of one that is held in memory.
    suspects: Suspects,
    finished: Positions,
    saved: Positions,
    cursor: CursorState,
    /// Whether the handler is saving what it holds.
    handler_saves: bool,
}

impl<H: Handler> Subscription<H> {
    /// A subscription, as a child for a supervisor, and the way to it; `handler` makes its handlers:
    /// one for each incarnation, and another whenever one has panicked.
    pub fn child(
        log: Arc<dyn EventLog>,
        reader: ReaderHandle,
        journal: JournalHandle,
        options: SubscriptionOptions,
        cell: CellBuilder<Self>,
        handler: impl Fn() -> H + Send + Sync + 'static,
    ) -> (SubscriberHandle, ChildSpec) {
        let (make, shown): (Make<H>, _) = (Arc::new(handler), Shown::default());
        let (name, seen, past) = (Arc::clone(&options.name), shown.clone(), Past::default());
        let (handle, spec) = cell.capacity(SUBSCRIPTION_CAPACITY).factory(move |_| {
            let (make, shown, past) = (Arc::clone(&make), shown.clone(), past.clone());
            let (log, reader, journal) = (Arc::clone(&log), reader.clone(), journal.clone());
            let options = options.clone();
            async move {
                let beginning = Box::pin(begin_patiently(
                    Arc::clone(&log),
                    journal.clone(),
                    options.clone(),
                    past.clone(),
                    Arc::clone(&make),
                ));
                let begun = match options.topics.first() {
                    Some(topic) => absence::begin(log.as_ref(), *topic, beginning).await?,
                    None => Begun::Ready(beginning.await?),
                };
                let (handler, place, beginning) = match begun {
                    Begun::Ready((handler, place)) => (handler, Some(place), None),
                    Begun::Waiting(beginning) => (make(), None, Some(beginning)),
                };
                let mut subscription = Self {
                    handler,
                    options,
                    log,
                    reader,
                    journal,
                    make,
                    shown,
                    past,
                    beginning,
                    phase: Phase::WaitsToBegin,
                    ledger: None,
                    work: None,
                    busy: false,
                    orders: VecDeque::new(),
                    suspects: Suspects::default(),
                    finished: Positions::default(),
                    saved: Positions::default(),
                    cursor: CursorState::default(),
                    handler_saves: false,
                };
                if let Some(place) = place {
                    subscription.stand(place);
                }
                Ok(subscription)
            }
        });
        (SubscriberHandle::new(name, seen, handle), spec)
    }

    /// Takes up where it stands at its start.
    fn stand(&mut self, place: Place) {
        let Place { from, ledger, halted } = place;
        self.shown.set_aside(ledger.as_ref().map_or(0, |l| l.state().entries().len()));
        match &halted {
            Some(reason) => {
                self.shown.held_up(reason);
                tracing::error!(subscriber = %self.options.name, reason, "stands still");
            }
            None => self.past.finished(&from),
        }
        self.ledger = ledger;
        self.phase = if halted.is_some() { Phase::Halted } else { Phase::Runs };
        self.finished = from.clone();
        self.saved = from;
    }

    /// Asks the reader for what stands behind its start.
    fn subscribe(&self, ctx: &mut Context<'_, Self>) {
        if self.phase != Phase::Runs {
            return;
        }
        let (reader, options) = (self.reader.clone(), self.options.clone());
        let (deliver, from) = (deliver_to(ctx.handle()), self.finished.clone());
        let incarnation = ctx.incarnation();
        let subscribe = async move {
            let SubscriptionOptions { name, batch, .. } = options;
            reader.subscribe(Subscribe { name, from, batch, incarnation, deliver }).await
        };
        ctx.spawn(subscribe, |_, subscribed, _| subscribed);
    }

    /// Counts entries as finished, and asks for more.
    fn finish<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a Arc<Entry>>,
        finished: oneshot::Sender<()>,
        ctx: &mut Context<'_, Self>,
    ) {
        for entry in entries {
            self.finished.finish(entry);
        }
        self.past.finished(&self.finished);
        // A reader that is gone has nobody to tell.
        let _gone = finished.send(());
        self.save_soon(ctx);
        self.have_saved(ctx);
    }

    /// Has the handler save what it holds, if that is due.
    fn have_saved(&mut self, ctx: &mut Context<'_, Self>) {
        if self.handler_saves {
            return;
        }
        let Some(save) = self.handler.save(Save::WhenDue) else {
            return;
        };
        self.handler_saves = true;
        ctx.spawn(save, |subscription, result, _| {
            subscription.handler_saves = false;
            subscription.tell_of_saving(result);
            Ok(())
        });
    }

    fn tell_of_saving(&self, result: Result<(), HandlerError>) {
        if let Err(error) = result {
            // It begins further back the next time, and that is all.
            let name = &self.options.name;
            tracing::warn!(subscriber = %name, %error, "cannot save what was made of the events");
        }
    }

    /// Saves the cursor after a while, so that many batches share one write.
    fn save_soon(&mut self, ctx: &mut Context<'_, Self>) {
        if self.cursor.saving || self.options.start == Start::Beginning {
            return;
        }
        self.cursor.saving = true;
        ctx.after(CURSOR_INTERVAL, |subscription, ctx| {
            let (save, finished) = subscription.save();
            ctx.spawn(save, |subscription, saved, ctx| {
                subscription.cursor.saving = false;
                subscription.tell_of_cursor(&saved);
                if saved.is_ok() {
                    subscription.saved = finished;
                }
                if subscription.saved != subscription.finished {
                    subscription.save_soon(ctx);
                }
                Ok(())
            });
            Ok(())
        });
    }

    /// Tells when the cursor cannot be saved, and when it can again.
    fn tell_of_cursor(&mut self, saved: &Result<(), AppendError>) {
        let name = &self.options.name;
        match saved {
            // Until it is saved, the events would come again; handlers are idempotent.
            Err(error) if !self.cursor.failing => {
                tracing::warn!(subscriber = %name, %error, "cannot save the cursor yet");
            }
            Ok(()) if self.cursor.failing => {
                tracing::info!(subscriber = %name, "the cursor is saved again");
            }
            Ok(()) | Err(_) => {}
        }
        self.cursor.failing = saved.is_err();
    }

    /// Saves how far it has come, and says what that is; gives whether it was saved.
    fn save(&self) -> (impl Future<Output = Result<(), AppendError>> + use<H>, Positions) {
        let (journal, name) = (self.journal.clone(), Arc::clone(&self.options.name));
        let finished = self.finished.clone();
        let changed: Vec<_> = finished
            .iter()
            .filter(|(topic, position)| self.saved.of(*topic) != *position)
            .collect();
        let save = async move {
            crash_point("subscription/before-cursor");
            for (topic, position) in changed {
                journal.save_cursor(Arc::clone(&name), topic, position).await?;
            }
            Ok(())
        };
        (save, finished)
    }
}

/// Where a subscription stands at its start.
struct Place {
    from: Positions,
    ledger: Option<Ledger>,
    /// Why it stands still, if it does.
    halted: Option<String>,
}

/// Finds where a subscription stands, however long the log is away.
async fn begin_patiently<H: Handler>(
    log: Arc<dyn EventLog>,
    journal: JournalHandle,
    options: SubscriptionOptions,
    past: Past,
    make: Make<H>,
) -> Result<(H, Place), Failure> {
    let attempt = || async {
        let mut handler = make();
        let (ledger, halted) = match options.start {
            Start::Beginning => (None, None),
            Start::Cursor => {
                let ledger = Ledger::load(Arc::clone(&log), journal.clone(), &options.name);
                let ledger = ledger.await?;
                (Some(ledger), halt::reason(log.as_ref(), &journal, &options, &past).await?)
            }
        };
        let from = match halted {
            Some(_) => Positions::default(),
            None => begin(log.as_ref(), &mut handler, &options).await?,
        };
        Ok((handler, Place { from, ledger, halted }))
    };
    absence::patiently(&options.name, attempt).await
}

/// Has a handler begin, and subscribes from there.
async fn begin_anew<H: Handler>(
    handle: Handle<Subscription<H>>,
    incarnation: u64,
    mut handler: H,
    log: Arc<dyn EventLog>,
    reader: ReaderHandle,
    options: SubscriptionOptions,
) -> Result<(H, Positions), Failure> {
    let from = begin(log.as_ref(), &mut handler, &options).await.map_err(Failure::from)?;
    let (name, batch) = (options.name, options.batch);
    let deliver = deliver_to(handle);
    let subscribe = Subscribe { name, from: from.clone(), batch, incarnation, deliver };
    reader.subscribe(subscribe).await?;
    Ok((handler, from))
}

async fn begin<H: Handler>(
    log: &dyn EventLog,
    handler: &mut H,
    options: &SubscriptionOptions,
) -> Result<Positions, BeginError> {
    let begun = match options.start {
        Start::Beginning => handler.begin().await?,
        Start::Cursor => Positions::default(),
    };
    let mut from = Vec::with_capacity(options.topics.len());
    for topic in &options.topics {
        let position = match options.start {
            Start::Beginning => Some(begun.of(*topic)),
            Start::Cursor => log.cursor(Arc::clone(&options.name), *topic).await?,
        };
        from.push((*topic, position.unwrap_or_default()));
    }
    Ok(from.into_iter().collect())
}

fn deliver_to<H: Handler>(handle: Handle<Subscription<H>>) -> Deliver {
    Box::new(move |delivery| handle.tell(delivery).is_ok())
}

impl<H: Handler> Process for Subscription<H> {
    fn started(&mut self, ctx: &mut Context<'_, Self>) -> Result<(), Failure> {
        let Some(beginning) = self.beginning.take() else {
            self.subscribe(ctx);
            return Ok(());
        };
        self.shown.held_up(WAITS_TO_BEGIN);
        ctx.spawn(beginning, |subscription, begun, ctx| {
            let (handler, place) = begun?;
            subscription.shown.gets_on();
            subscription.handler = handler;
            subscription.stand(place);
            // Only now: a delivery must find the subscription where it stands.
            subscription.subscribe(ctx);
            Ok(())
        });
        Ok(())
    }

    fn stopping(&mut self, ctx: &mut Context<'_, Self>) {
        if self.options.start == Start::Cursor && self.saved != self.finished {
            let (save, _) = self.save();
            ctx.pause(save, |subscription, saved, _| {
                subscription.tell_of_cursor(&saved);
                Ok(())
            });
        }
        if let Some(save) = self.handler.save(Save::Now) {
            ctx.pause(save, |subscription, result, _| {
                subscription.tell_of_saving(result);
                Ok(())
            });
        }
    }
}

impl<H: Handler> Receive<Delivery> for Subscription<H> {
    fn receive(
        &mut self,
        delivery: Delivery,
        _reply: ReplyTo<()>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        let Delivery { entries, finished, incarnation } = delivery;
        if incarnation != ctx.incarnation() {
            return Ok(());
        }
        let entries = entries.into();
        match self.options.start {
            Start::Beginning => self.deliver_in_memory(entries, finished, ctx),
            Start::Cursor => {
                self.deliver(|ledger| Work::new(entries, finished, ledger.state()));
                self.next(ctx);
            }
        }
        Ok(())
    }
}
