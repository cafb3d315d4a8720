//! The stream reader: follows some topics of the log and pushes their entries to its subscribers.
//!
//! Each subscriber gets the entries behind its own position, merged by id, one batch at a time:
//! the next comes when it has finished the last. So a slow subscriber slows only itself, and what
//! is in flight to it is bounded by one batch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ordershop_store::{Entry, EventLog, LogError, Page, Positions};
use ordershop_supervisors::{
    CellBuilder, ChildSpec, Context, Failure, Handle, Message, Process, Receive, ReplyTo,
};
use tokio::sync::oneshot;

/// How long a reader waits before it asks a log again that failed to answer.
const RETRY_DELAY: Duration = Duration::from_millis(500);
/// How many messages wait for a reader at most.
const READER_CAPACITY: usize = 256;

/// A batch on its way to a subscriber.
#[derive(Debug)]
pub(super) struct Delivery {
    /// The entries, in order.
    pub(super) entries: Vec<Arc<Entry>>,
    /// To be told when they are finished; dropped, it ends the subscription.
    pub(super) finished: oneshot::Sender<()>,
    /// The incarnation that subscribed; any other one has a subscription of its own.
    pub(super) incarnation: u64,
}

impl Message for Delivery {
    type Reply = ();
}

/// Where a subscriber takes its deliveries; false where it is gone.
pub(super) type Deliver = Box<dyn Fn(Delivery) -> bool + Send>;

/// Asks for all entries behind a position, now and from now on.
pub(super) struct Subscribe {
    pub(super) name: Arc<str>,
    pub(super) from: Positions,
    pub(super) batch: usize,
    pub(super) incarnation: u64,
    pub(super) deliver: Deliver,
}

impl Message for Subscribe {
    type Reply = ();
}

/// A subscriber and how far it has come.
struct Subscriber {
    name: Arc<str>,
    position: Positions,
    batch: usize,
    incarnation: u64,
    deliver: Deliver,
}

/// The actor that reads.
pub struct Reader {
    log: Arc<dyn EventLog>,
    /// The incarnation of each subscriber that subscribed last; it takes the place of the others.
    current: HashMap<Arc<str>, u64>,
    /// Whether the last read failed, so that an outage is told of once.
    failing: bool,
}

impl Reader {
    /// A reader of that log, as a child for a supervisor, and the handle by which to subscribe.
    pub fn child(log: Arc<dyn EventLog>, cell: CellBuilder<Self>) -> (ReaderHandle, ChildSpec) {
        let (handle, spec) = cell.capacity(READER_CAPACITY).factory(move |_| {
            let log = Arc::clone(&log);
            async move { Ok(Self { log, current: HashMap::new(), failing: false }) }
        });
        (ReaderHandle(handle), spec)
    }

    /// Waits for entries behind the subscriber's position and hands them over.
    fn serve(&mut self, subscriber: Subscriber, ctx: &mut Context<'_, Self>) {
        let log = Arc::clone(&self.log);
        let position = subscriber.position.clone();
        let batch = subscriber.batch;
        let next = async move {
            log.wait(position.clone()).await?;
            log.read(position, batch).await
        };
        ctx.spawn(next, move |reader, page, ctx| {
            if reader.current.get(&subscriber.name) != Some(&subscriber.incarnation) {
                return Ok(());
            }
            if page.is_ok() {
                reader.tell_of(None);
            }
            match page {
                Ok(page) if page.entries.is_empty() => reader.serve(subscriber, ctx),
                Ok(page) => Self::hand_over(subscriber, page, ctx),
                Err(error) => {
                    reader.tell_of(Some(&error));
                    ctx.after(RETRY_DELAY, move |reader, ctx| {
                        reader.serve(subscriber, ctx);
                        Ok(())
                    });
                }
            }
            Ok(())
        });
    }

    /// Tells when reads begin to fail, and when they no longer do.
    fn tell_of(&mut self, error: Option<&LogError>) {
        match error {
            Some(error) if !self.failing => tracing::warn!(%error, "cannot read the log"),
            None if self.failing => tracing::info!("the log can be read again"),
            Some(_) | None => {}
        }
        self.failing = error.is_some();
    }

    fn hand_over(mut subscriber: Subscriber, page: Page, ctx: &mut Context<'_, Self>) {
        for entry in &page.entries {
            subscriber.position.finish(entry);
        }
        let (finished, done) = oneshot::channel();
        let incarnation = subscriber.incarnation;
        if !(subscriber.deliver)(Delivery { entries: page.entries, finished, incarnation }) {
            return;
        }
        ctx.spawn(done, move |reader, finished, ctx| {
            // Without a word it is gone: its next incarnation subscribes from its own cursor.
            if finished.is_ok() {
                reader.serve(subscriber, ctx);
            }
            Ok(())
        });
    }
}

impl Process for Reader {}

impl Receive<Subscribe> for Reader {
    fn receive(
        &mut self,
        subscribe: Subscribe,
        reply: ReplyTo<()>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        let Subscribe { name, from: position, batch, incarnation, deliver } = subscribe;
        self.current.insert(Arc::clone(&name), incarnation);
        self.serve(Subscriber { name, position, batch, incarnation, deliver }, ctx);
        reply.send(());
        Ok(())
    }
}

/// The way to a reader.
#[derive(Clone)]
pub struct ReaderHandle(Handle<Reader>);

impl ReaderHandle {
    pub(super) async fn subscribe(&self, subscribe: Subscribe) -> Result<(), Failure> {
        self.0
            .ask(subscribe)
            .await
            .map_err(|error| Failure::new(format!("cannot subscribe: {error}")))
    }
}
