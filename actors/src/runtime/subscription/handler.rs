//! What works on the entries of a subscription, and how it says that it cannot.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ordershop_store::{Entry, EntryId, Positions, Topic};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a handler could not finish.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// What it needs is away, such as a server or the journal: it is asked again, with growing
    /// waits, for as long as that takes.
    #[error("{0}")]
    Away(#[source] Source),
    /// An entry cannot be handled, whatever is tried: it is set aside after a few attempts.
    #[error("entry {id} of {topic} cannot be handled: {source}")]
    Unfit {
        /// The entry's topic.
        topic: Topic,
        /// The entry's id.
        id: EntryId,
        /// What is wrong with it.
        source: Source,
    },
}

impl HandlerError {
    /// What the handler needs is away.
    pub fn away(source: impl Into<Source>) -> Self {
        Self::Away(source.into())
    }

    /// That entry cannot be handled.
    pub fn unfit(entry: &Entry, source: impl Into<Source>) -> Self {
        Self::Unfit { topic: entry.topic, id: entry.id, source: source.into() }
    }
}

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
/// The same entries may come more than once, after an error or a crash. Those of one entity come in
/// order; an entity of which one was unfit comes later than others.
pub trait Handler: 'static {
    /// Works on some entries; they count as finished when the future gives `Ok`. After an error or a
    /// panic none of them does, and they come again, all or some.
    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture;

    /// Takes up what it has saved, and says how far that reaches; for
    /// [`Start::Beginning`](super::Start::Beginning) alone.
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
