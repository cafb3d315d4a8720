//! A subscription: the actor that takes entries from a reader, has a handler work on them, and
//! keeps the cursor.
//!
//! The cursor moves when the handler has finished, never before; so after a crash some entries
//! come again, and none is missed. Handlers are therefore idempotent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ordershop_store::{CursorName, Entry, EventLog, Positions, Topic};
use ordershop_supervisors::{
    CellBuilder, ChildSpec, Context, Failure, Handle, Process, Receive, ReplyTo,
};

use super::fault::crash_point;
use super::reader::{Deliver, Delivery, Subscribe};
use super::{JournalHandle, ReaderHandle};

/// How long a cursor may lag behind what is finished: so much comes again after a crash.
const CURSOR_INTERVAL: Duration = Duration::from_millis(200);
/// The first wait before a handler is asked again; it doubles up to [`MAX_RETRY_DELAY`].
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(50);
/// The longest wait before a handler is asked again.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(5);
/// A reader has at most one delivery in flight to a subscriber, and a new incarnation's one.
const SUBSCRIPTION_CAPACITY: usize = 4;

/// Why a handler could not finish; it is asked again, with growing waits.
pub type HandlerError = Box<dyn std::error::Error + Send + Sync>;

/// A handler at work.
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<(), HandlerError>>>>;

/// A handler that finds where it begins.
pub type BeginFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Positions, HandlerError>> + Send + 'a>>;

/// When a handler is asked to save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Save {
    /// After a batch: if enough has come since the last time.
    WhenDue,
    /// At an orderly stop.
    Now,
}

/// Works on entries.
///
/// The same entries may come more than once, after an error or a crash, and then in the same
/// order.
pub trait Handler: 'static {
    /// Works on some entries; they count as finished when the future gives `Ok`.
    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture;

    /// Takes up what it has saved, and says how far that reaches; for [`Start::Beginning`] alone.
    fn begin(&mut self) -> BeginFuture<'_> {
        Box::pin(std::future::ready(Ok(Positions::default())))
    }

    /// Saves what it holds; `None` where there is nothing to do. It is not asked again before that
    /// is done, but goes on with its work meanwhile.
    fn save(&mut self, when: Save) -> Option<HandlerFuture> {
        let _ = when;
        None
    }
}

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
}

/// The process of a subscription.
pub struct Subscription<H: Handler> {
    options: SubscriptionOptions,
    journal: JournalHandle,
    handler: H,
    finished: Positions,
    saved: Positions,
    saving: bool,
    /// Whether the handler is saving what it holds.
    handler_saves: bool,
}

impl<H: Handler> Subscription<H> {
    /// A subscription, as a child for a supervisor; `handler` makes the handler of each incarnation.
    pub fn child(
        log: Arc<dyn EventLog>,
        reader: ReaderHandle,
        journal: JournalHandle,
        options: SubscriptionOptions,
        cell: CellBuilder<Self>,
        handler: impl Fn() -> H + Send + 'static,
    ) -> ChildSpec {
        let (_, spec) = cell.capacity(SUBSCRIPTION_CAPACITY).factory(move |birth| {
            let mut handler = handler();
            let (log, reader, journal) = (Arc::clone(&log), reader.clone(), journal.clone());
            let options = options.clone();
            async move {
                let from = begin(log.as_ref(), &mut handler, &options).await?;
                let deliver = deliver_to(birth.handle.clone());
                let name = Arc::clone(&options.name);
                let batch = options.batch;
                let incarnation = birth.incarnation;
                let from_here = from.clone();
                let subscribe = Subscribe { name, from: from_here, batch, incarnation, deliver };
                reader.subscribe(subscribe).await?;
                let (finished, saved) = (from.clone(), from);
                Ok(Self {
                    options,
                    journal,
                    handler,
                    finished,
                    saved,
                    saving: false,
                    handler_saves: false,
                })
            }
        });
        spec
    }

    /// Has the handler work until it succeeds, then counts the entries as finished.
    fn work(&mut self, work: Work, ctx: &mut Context<'_, Self>) {
        let handled = self.handler.handle(Arc::clone(&work.entries));
        ctx.spawn(handled, move |subscription, result, ctx| {
            match result {
                Ok(()) => {
                    if subscription.options.start == Start::Cursor {
                        crash_point("subscription/after-handling");
                    }
                    for entry in work.entries.iter() {
                        subscription.finished.finish(entry);
                    }
                    // A reader that is gone has nobody to tell.
                    let _gone = work.finished.send(());
                    subscription.save_soon(ctx);
                    subscription.have_saved(ctx);
                }
                Err(error) => {
                    let name = &subscription.options.name;
                    tracing::warn!(subscriber = %name, %error, "cannot handle events yet");
                    let delay = work.delay;
                    let again = Work { delay: (delay * 2).min(MAX_RETRY_DELAY), ..work };
                    ctx.after(delay, move |subscription, ctx| {
                        subscription.work(again, ctx);
                        Ok(())
                    });
                }
            }
            Ok(())
        });
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
        if self.saving || self.options.start == Start::Beginning {
            return;
        }
        self.saving = true;
        ctx.after(CURSOR_INTERVAL, |subscription, ctx| {
            let (save, finished) = subscription.save();
            ctx.spawn(save, |subscription, saved, ctx| {
                subscription.saving = false;
                if saved {
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

    /// Saves how far it has come, and says what that is; gives whether it was saved.
    fn save(&self) -> (impl Future<Output = bool> + use<H>, Positions) {
        let (journal, name) = (self.journal.clone(), Arc::clone(&self.options.name));
        let finished = self.finished.clone();
        let changed: Vec<_> = finished
            .iter()
            .filter(|(topic, position)| self.saved.of(*topic) != *position)
            .collect();
        let save = async move {
            crash_point("subscription/before-cursor");
            for (topic, position) in changed {
                if let Err(error) = journal.save_cursor(Arc::clone(&name), topic, position).await {
                    // Until it is saved, the events would come again; handlers are idempotent.
                    tracing::warn!(subscriber = %name, %error, "cannot save the cursor yet");
                    return false;
                }
            }
            true
        };
        (save, finished)
    }
}

/// A delivery that is being worked on.
struct Work {
    entries: Arc<[Arc<Entry>]>,
    finished: tokio::sync::oneshot::Sender<()>,
    delay: Duration,
}

async fn begin<H: Handler>(
    log: &dyn EventLog,
    handler: &mut H,
    options: &SubscriptionOptions,
) -> Result<Positions, Failure> {
    let begun = match options.start {
        Start::Beginning => handler.begin().await.map_err(Failure::new)?,
        Start::Cursor => Positions::default(),
    };
    let mut from = Vec::with_capacity(options.topics.len());
    for topic in &options.topics {
        let position = match options.start {
            Start::Beginning => Some(begun.of(*topic)),
            Start::Cursor => {
                log.cursor(Arc::clone(&options.name), *topic).await.map_err(Failure::new)?
            }
        };
        from.push((*topic, position.unwrap_or_default()));
    }
    Ok(from.into_iter().collect())
}

fn deliver_to<H: Handler>(handle: Handle<Subscription<H>>) -> Deliver {
    Box::new(move |delivery| handle.tell(delivery).is_ok())
}

impl<H: Handler> Process for Subscription<H> {
    fn stopping(&mut self, ctx: &mut Context<'_, Self>) {
        if self.options.start == Start::Cursor && self.saved != self.finished {
            let (save, _) = self.save();
            ctx.pause(save, |_, _, _| Ok(()));
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
        self.work(Work { entries: entries.into(), finished, delay: FIRST_RETRY_DELAY }, ctx);
        Ok(())
    }
}
