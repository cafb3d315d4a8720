//! The event log that the settings name, opened.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ordershop_actors::shop::topics;
use ordershop_store::embedded::{self, Embedded};
use ordershop_store::redis::{self, Redis};
use ordershop_store::{EntityCache, EventLog, LogError};
use tokio::time::{Instant, sleep};

use crate::exit::Exit;
use crate::progress::Progress;
use crate::settings::{RedisUrl, StoreUrl};

/// How long a start waits for a server that is not there yet.
const SERVER_PATIENCE: Duration = Duration::from_mins(1);
/// How long it waits before the second attempt; the wait doubles up to [`MAX_RETRY_DELAY`].
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(100);
/// The longest wait between two attempts.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(2);

/// An open event log.
pub enum Store {
    /// In a folder of this machine.
    Embedded(Arc<Embedded>),
    /// On a Redis server.
    Redis(Arc<Redis>),
}

impl Store {
    /// Opens the log for a shop. One that is on a server is waited for.
    pub async fn open(url: &StoreUrl) -> Result<Self, Exit> {
        match url {
            StoreUrl::Embedded(folder) => {
                open_folder(folder).map(|log| Self::Embedded(Arc::new(log)))
            }
            StoreUrl::Redis(url) => open_server(url).await.map(|log| Self::Redis(Arc::new(log))),
        }
    }

    /// The log.
    pub fn log(&self) -> Arc<dyn EventLog> {
        match self {
            Self::Embedded(log) => Arc::clone(log) as _,
            Self::Redis(log) => Arc::clone(log) as _,
        }
    }

    /// The log, where it lies in files.
    pub fn files(&self) -> Option<Arc<Embedded>> {
        match self {
            Self::Embedded(log) => Some(Arc::clone(log)),
            Self::Redis(_) => None,
        }
    }

    /// The entity cache beside it, where other programs can reach one.
    pub fn cache(&self) -> Option<Arc<dyn EntityCache>> {
        match self {
            Self::Embedded(_) => None,
            Self::Redis(log) => Some(Arc::new(log.cache())),
        }
    }

    /// Closes it when nobody uses it any more.
    pub fn close(&self) {
        match self {
            Self::Embedded(log) => log.close(),
            // What it was sent, it has answered.
            Self::Redis(_) => {}
        }
    }
}

fn open_folder(folder: &Path) -> Result<Embedded, Exit> {
    let opening = Progress::begin(format!("reading the log in {}", folder.display()));
    let options = embedded::Options::default();
    let log = Embedded::open(folder, &topics::ALL, options).map_err(|error| {
        let advice = match &error {
            LogError::Locked(_) => "stop the shop that uses it, or name another --store",
            LogError::Corrupt { .. } => {
                "it was left as it is; restore that file from a copy, or name another --store"
            }
            LogError::Unknown { .. } => "it was written by another version; use that one",
            _ => "make that folder readable and writable, or name another --store",
        };
        Exit::unusable(error, advice)
    })?;
    drop(opening);
    let opened = log.opened();
    let (entries, bytes, undecoded) = (opened.entries, opened.bytes, opened.checkpointed_bytes);
    tracing::info!(entries, bytes, undecoded, "opened the log");
    if opened.torn_bytes_cut > 0 {
        let bytes = opened.torn_bytes_cut;
        tracing::warn!(bytes, "cut an unfinished batch, never acknowledged, off the log's end");
    }
    Ok(log)
}

async fn open_server(url: &RedisUrl) -> Result<Redis, Exit> {
    let waiting = Progress::begin(format!("waiting for {url}"));
    let opened = take_up_patiently(url).await;
    drop(waiting);
    opened.map_err(|error| {
        let advice = if error.is_absence() {
            "start that server, or name another --store"
        } else {
            "mend it there, or name another --store"
        };
        Exit::unusable(error, advice)
    })
}

/// Opens the log on a server; the one log asks again and again, so that it tells of an outage once.
async fn take_up_patiently(url: &RedisUrl) -> Result<Redis, LogError> {
    let log = Redis::at(url.with_password(), &topics::ALL, redis::Options::default())?;
    let until = Instant::now() + SERVER_PATIENCE;
    let mut delay = FIRST_RETRY_DELAY;
    loop {
        match log.take_up().await {
            Ok(()) => return Ok(log),
            Err(error) if error.is_absence() && Instant::now() < until => {
                tracing::debug!(%error, "the store is not there yet");
                sleep(delay).await;
                delay = (delay * 2).min(MAX_RETRY_DELAY);
            }
            Err(error) => return Err(error),
        }
    }
}
