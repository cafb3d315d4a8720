//! The projector: the one writer of the views.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ordershop_store::{Action, Entry, EntryId, EventLog, LogError, Positions, Topic};
use tokio::sync::watch;

use super::{View, late, saved};
use crate::runtime::{BeginFuture, Handler, HandlerError, HandlerFuture, Save};
use crate::shop::{foreign, topics};

/// After how many entries the view is saved, beside the saving at an orderly stop.
const SAVE_EVERY: usize = 200_000;
/// How many entries that are no entities are reported by name, from one start to the next.
const MAX_REPORTED: usize = 100;

/// The handler that builds views from the public topics, merged.
///
/// Each incarnation begins with the view that was saved last. It publishes none before it has come to
/// where the log ended then: those entries surely come, and a view that nobody holds is changed in
/// place. From then on it publishes one after each batch; but never one that holds a part of a
/// transaction.
pub struct Projector {
    log: Arc<dyn EventLog>,
    state: Arc<Mutex<State>>,
}

/// What a projector has made so far.
struct State {
    view: View,
    /// The topics of which a transaction has begun and not ended.
    open: BTreeSet<Topic>,
    /// How far it has to come until it publishes for the first time.
    awaited: Option<Positions>,
    /// How many entries came since the view was saved.
    unsaved: usize,
    /// How many entries were no entities.
    passed_over: usize,
    views: Arc<watch::Sender<Arc<View>>>,
}

impl State {
    fn take(&mut self, entries: &[Arc<Entry>], late: &HashSet<late::Place>) {
        self.unsaved += entries.len();
        for entry in entries {
            if late.contains(&late::place(entry)) {
                self.view.pass_over(entry);
            } else {
                self.view.apply(entry);
            }
            self.report(entry);
            if entry.ends_transaction {
                self.open.remove(&entry.topic);
            } else {
                self.open.insert(entry.topic);
            }
        }
        self.publish();
    }

    /// Tells of an entry that is no entity.
    fn report(&mut self, entry: &Entry) {
        let Err(reason) = foreign::check(entry) else { return };
        self.passed_over += 1;
        let Entry { topic, action, id, .. } = entry;
        if self.passed_over <= MAX_REPORTED {
            let action = action.name();
            tracing::warn!(%topic, action, %id, reason, "an entry of another program is passed over");
        } else if self.passed_over == MAX_REPORTED + 1 {
            tracing::warn!(%topic, "more entries are passed over than are told by name");
        }
    }

    fn publish(&mut self) {
        if !self.open.is_empty() {
            return;
        }
        if let Some(awaited) = &self.awaited {
            let is_reached = |(topic, end): (Topic, ordershop_store::Position)| {
                let reached = self.view.position(topic);
                Action::ALL.into_iter().all(|action| reached.of(action) >= end.of(action))
            };
            if !awaited.iter().all(is_reached) {
                return;
            }
            self.awaited = None;
        }
        self.views.send_replace(Arc::new(self.view.clone()));
    }
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
        let state = State {
            view: View::default(),
            open: BTreeSet::new(),
            awaited: None,
            unsaved: 0,
            passed_over: 0,
            views: Arc::clone(&self.sender),
        };
        Projector { log, state: Arc::new(Mutex::new(state)) }
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

impl Projector {
    /// Begins with nothing, whatever was saved.
    pub async fn begin_with_nothing(&mut self) -> Result<(), LogError> {
        self.begin_with(View::default()).await
    }

    async fn begin_with(&mut self, view: View) -> Result<(), LogError> {
        let ends = self.log.ends(topics::PUBLIC.to_vec()).await?;
        let mut state = lock(&self.state);
        state.view = view;
        state.awaited = Some(ends);
        state.publish();
        Ok(())
    }
}

/// A panic below leaves a projector that is of no more use, and is dropped.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handler for Projector {
    fn begin(&mut self) -> BeginFuture<'_> {
        Box::pin(async {
            let view = saved::load(self.log.as_ref()).await.map_err(HandlerError::away)?;
            let positions = view.positions().clone();
            self.begin_with(view).await.map_err(HandlerError::away)?;
            Ok(positions)
        })
    }

    fn save(&mut self, when: Save) -> Option<HandlerFuture> {
        let least = match when {
            Save::WhenDue => SAVE_EVERY,
            Save::Now => 1,
        };
        let mut state = lock(&self.state);
        if state.unsaved < least || !state.open.is_empty() {
            return None;
        }
        state.unsaved = 0;
        let save = saved::save(Arc::clone(&self.log), state.view.clone());
        Some(Box::pin(async { save.await.map_err(HandlerError::away) }))
    }

    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture {
        let mut state = lock(&self.state);
        let doubtful: Vec<_> =
            entries.iter().filter(|entry| state.view.may_be_late(entry)).cloned().collect();
        if doubtful.is_empty() {
            state.take(&entries, &HashSet::new());
            return Box::pin(std::future::ready(Ok(())));
        }
        let reached = state.view.positions().clone();
        drop(state);
        let (log, state) = (Arc::clone(&self.log), Arc::clone(&self.state));
        Box::pin(async move {
            let late = late::among(&*log, doubtful, &reached).await.map_err(HandlerError::away)?;
            lock(&state).take(&entries, &late);
            Ok(())
        })
    }
}
