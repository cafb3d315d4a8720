//! The projector: the one writer of the views.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ordershop_store::{Entry, EntryId, EventLog, Topic};
use tokio::sync::watch;

use super::{View, saved};
use crate::runtime::{BeginFuture, Handler, HandlerError, HandlerFuture, Save};

/// After how many entries the view is saved, beside the saving at an orderly stop.
const SAVE_EVERY: usize = 200_000;

/// The handler that builds views from the public topics, merged.
///
/// Each incarnation begins with the view that was saved last, and publishes a view after each batch;
/// but never one that holds a part of a transaction.
pub struct Projector {
    log: Arc<dyn EventLog>,
    view: View,
    /// The topics of which a transaction has begun and not ended.
    open: BTreeSet<Topic>,
    /// How many entries came since the view was saved.
    unsaved: usize,
    views: Arc<watch::Sender<Arc<View>>>,
}

/// Where queries get their views; clones share them.
#[derive(Clone)]
pub struct ReadModel {
    views: watch::Receiver<Arc<View>>,
    sender: Arc<watch::Sender<Arc<View>>>,
}

impl Default for ReadModel {
    fn default() -> Self {
        let (sender, views) = watch::channel(Arc::default());
        Self { views, sender: Arc::new(sender) }
    }
}

/// A view that did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The read model lags behind what was asked for.
    #[error("the queries lag behind the commands: {topic} has not reached {id} yet")]
    Late {
        /// A topic that lags.
        topic: Topic,
        /// How far it should be.
        id: EntryId,
    },
}

impl ReadModel {
    /// A projector of this read model, for an incarnation of the subscription.
    pub fn projector(&self, log: Arc<dyn EventLog>) -> Projector {
        Projector {
            log,
            view: View::default(),
            open: BTreeSet::new(),
            unsaved: 0,
            views: Arc::clone(&self.sender),
        }
    }

    /// The newest view.
    pub fn newest(&self) -> Arc<View> {
        Arc::clone(&self.views.borrow())
    }

    /// The first view of which `wanted` holds, from the newest on; waits for it without end.
    pub async fn until(&self, wanted: impl Fn(&View) -> bool) -> Arc<View> {
        let mut views = self.views.clone();
        // This handle keeps a sender, so the channel cannot close while somebody waits.
        let view = views.wait_for(|view| wanted(view)).await;
        view.map_or_else(|_| self.newest(), |view| Arc::clone(&view))
    }

    /// A view that has reached all these positions; waits for it up to `patience`.
    pub async fn at(
        &self,
        positions: &[(Topic, EntryId)],
        patience: Duration,
    ) -> Result<Arc<View>, ViewError> {
        let lag = |view: &View| {
            positions.iter().find(|(topic, id)| !view.has_reached(*topic, *id)).copied()
        };
        let newest = self.newest();
        if lag(&newest).is_none() {
            return Ok(newest);
        }
        let mut views = self.views.clone();
        // This handle keeps a sender, so the channel cannot close while somebody waits.
        let in_time =
            tokio::time::timeout(patience, views.wait_for(|view| lag(view).is_none())).await;
        if let Ok(Ok(view)) = in_time {
            return Ok(Arc::clone(&view));
        }
        match lag(&self.newest()) {
            Some((topic, id)) => Err(ViewError::Late { topic, id }),
            None => Ok(self.newest()),
        }
    }
}

impl Handler for Projector {
    fn begin(&mut self) -> BeginFuture<'_> {
        Box::pin(async {
            self.view = saved::load(self.log.as_ref()).await.map_err(HandlerError::away)?;
            self.views.send_replace(Arc::new(self.view.clone()));
            Ok(self.view.positions().clone())
        })
    }

    fn save(&mut self, when: Save) -> Option<HandlerFuture> {
        let least = match when {
            Save::WhenDue => SAVE_EVERY,
            Save::Now => 1,
        };
        if self.unsaved < least || !self.open.is_empty() {
            return None;
        }
        self.unsaved = 0;
        let save = saved::save(Arc::clone(&self.log), self.view.clone());
        Some(Box::pin(async { save.await.map_err(HandlerError::away) }))
    }

    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture {
        self.unsaved += entries.len();
        for entry in entries.iter() {
            self.view.apply(entry);
            if entry.ends_transaction {
                self.open.remove(&entry.topic);
            } else {
                self.open.insert(entry.topic);
            }
        }
        if self.open.is_empty() {
            self.views.send_replace(Arc::new(self.view.clone()));
        }
        Box::pin(std::future::ready(Ok(())))
    }
}
