//! What all clients share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use ordershop_actors::read_model::{ReadModel, View};
use ordershop_store::{EntryId, EventLog, LogError, Topic};

use super::clients::Clients;
use super::commands::Refusal;
use super::limits::MAX_BLOCKED;
use super::members::Members;
use super::streams::Pages;
use crate::http::QUERY_PATIENCE;
use crate::positions::Acknowledged;
use crate::readiness::{NOT_READY, Readiness};

/// What an endpoint is made of.
pub struct Setup {
    /// Where the views come from.
    pub read_model: ReadModel,
    /// Before these positions no query is answered.
    pub acknowledged: Arc<Acknowledged>,
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// What a client must know before it is answered, where it must know anything.
    pub password: Option<Arc<str>>,
    /// The port that it is reached at.
    pub port: u16,
    /// Before it is reached no query is answered.
    pub readiness: Readiness,
}

/// What all clients share: where answers come from, what is kept ready, and what is counted.
pub struct Endpoint {
    pub(super) read_model: ReadModel,
    pub(super) acknowledged: Arc<Acknowledged>,
    pub(super) log: Arc<dyn EventLog>,
    pub(super) password: Option<Arc<str>>,
    pub(super) port: u16,
    pub(super) readiness: Readiness,
    pub(super) pages: Pages,
    pub(super) members: Members,
    pub(super) clients: Clients,
    pub(super) counters: Counters,
    pub(super) started: Instant,
}

/// What `INFO` tells of the past.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) commands: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    pub(super) slow_readers: AtomicU64,
    blocked: AtomicUsize,
}

/// A client that waits, as long as this lives.
pub(super) struct Blocked<'a>(&'a AtomicUsize);

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Counters {
    /// How many clients wait in a blocking command.
    pub(super) fn blocked(&self) -> usize {
        self.blocked.load(Ordering::Acquire)
    }
}

impl Endpoint {
    /// An endpoint.
    pub fn new(setup: Setup) -> Self {
        let Setup { read_model, acknowledged, log, password, port, readiness } = setup;
        Self {
            read_model,
            acknowledged,
            log,
            password,
            port,
            readiness,
            pages: Pages::default(),
            members: Members::default(),
            clients: Clients::default(),
            counters: Counters::default(),
            started: Instant::now(),
        }
    }

    /// A view that is no older than anything acknowledged, nor than that `floor`; it is there at
    /// once unless the read model lags.
    pub(super) async fn view(&self, floor: &[(Topic, EntryId)]) -> Result<Arc<View>, Refusal> {
        if !self.readiness.is_reached() {
            return Err(Refusal::new(format!("TRYAGAIN {NOT_READY}")));
        }
        let late = |error: ordershop_actors::read_model::ViewError| {
            Refusal::new(format!("TRYAGAIN {error}"))
        };
        if !floor.is_empty() {
            self.read_model.at(floor, QUERY_PATIENCE).await.map_err(late)?;
        }
        let own = self.acknowledged.positions();
        self.read_model.at(&own, QUERY_PATIENCE).await.map_err(late)
    }

    /// The newest view, if it is no older than anything acknowledged, nor than that `floor`.
    pub(super) fn view_at_hand(&self, floor: &[(Topic, EntryId)]) -> Option<Arc<View>> {
        if !self.readiness.is_reached() {
            return None;
        }
        let own = self.acknowledged.positions();
        let view = self.read_model.newest();
        let mut wanted = own.iter().chain(floor);
        wanted.all(|(topic, id)| view.has_reached(*topic, *id)).then_some(view)
    }

    /// Counts a client as waiting; refuses one too many.
    pub(super) fn block(&self) -> Result<Blocked<'_>, Refusal> {
        let blocked = &self.counters.blocked;
        let guard = Blocked(blocked);
        if blocked.fetch_add(1, Ordering::AcqRel) >= MAX_BLOCKED {
            return Err(Refusal::new("ERR too many clients wait in blocking commands"));
        }
        Ok(guard)
    }

    /// Counts a client that was disconnected since it did not take its replies.
    pub(super) fn slow_reader(&self) {
        self.counters.slow_readers.fetch_add(1, Ordering::Relaxed);
        tracing::warn!("a client of RESP did not take its replies, and was disconnected");
    }

    /// What is said where the log cannot be read.
    pub(super) fn unreadable(error: &LogError) -> Refusal {
        Refusal::new(format!("ERR the log cannot be read: {error}"))
    }
}
