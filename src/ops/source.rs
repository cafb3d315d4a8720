//! Where the commands read from: the running shop, a stopped shop's folder, or a Redis server.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use ordershop_actors::shop::topics;
use ordershop_store::embedded::{Embedded, Options};
use ordershop_store::redis::{self, Redis};
use ordershop_store::{EventLog, LogError};

use super::client::Client;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::settings::{RedisUrl, StoreUrl};

/// Where a command reads from.
#[derive(Clone, Debug, Args)]
pub struct SourceArgs {
    #[command(flatten)]
    shop: ShopArgs,
    /// Read a stopped shop's folder instead, as in `embedded:./data`, or a Redis server
    #[arg(long, value_name = "STORE")]
    store: Option<StoreUrl>,
}

/// Which running shop a command asks.
#[derive(Clone, Debug, Args)]
pub struct ShopArgs {
    /// The running shop to ask
    #[arg(
        long,
        value_name = "URL",
        env = "ORDERSHOP_URL",
        hide_env_values = true,
        default_value = "http://127.0.0.1:5000"
    )]
    url: String,
}

/// An opened source.
pub enum Source {
    /// A running shop.
    Shop(Client),
    /// A log, without a shop.
    Log(OpenLog),
}

/// A log that was opened to be read, and what runs its reads.
pub struct OpenLog {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The runtime.
    pub runtime: actix_rt::Runtime,
}

impl ShopArgs {
    /// A client of that shop.
    pub fn client(&self) -> Result<Client, Exit> {
        Client::new(&self.url)
    }
}

impl SourceArgs {
    /// The store that is named instead of a running shop, if one is.
    pub fn store(&self) -> Option<&StoreUrl> {
        self.store.as_ref()
    }

    /// A client of the running shop.
    pub fn client(&self) -> Result<Client, Exit> {
        self.shop.client()
    }

    /// Opens it.
    pub fn open(&self) -> Result<Source, Exit> {
        match &self.store {
            None => Ok(Source::Shop(self.shop.client()?)),
            Some(StoreUrl::Embedded(folder)) => OpenLog::in_folder(folder).map(Source::Log),
            Some(StoreUrl::Redis(url)) => OpenLog::on_server(url).map(Source::Log),
        }
    }
}

impl OpenLog {
    fn in_folder(folder: &Path) -> Result<Self, Exit> {
        must_hold_a_log(folder)?;
        let reading = Progress::begin(format!("reading the log in {}", folder.display()));
        let log = Embedded::open(folder, &topics::ALL, Options::default());
        let log = log.map_err(|error| refused(folder, &error))?;
        drop(reading);
        Ok(Self { log: Arc::new(log), runtime: runtime()? })
    }

    /// The log on a Redis server.
    pub fn on_server(url: &RedisUrl) -> Result<Self, Exit> {
        let runtime = runtime()?;
        let options = redis::Options::default();
        let log = runtime.block_on(Redis::open(url.with_password(), &topics::ALL, options));
        let log = log.map_err(|error| Exit::unusable(error, "name a Redis server with --store"))?;
        Ok(Self { log: Arc::new(log), runtime })
    }
}

/// What runs the reads of a log.
pub fn runtime() -> Result<actix_rt::Runtime, Exit> {
    actix_rt::Runtime::new().map_err(|error| {
        Exit::unusable(format!("cannot start: {error}"), "check the system's limits")
    })
}

/// Opening would begin a log where there is none; whoever only reads wants none begun.
pub fn must_hold_a_log(folder: &Path) -> Result<(), Exit> {
    let segment = |file: std::fs::DirEntry| file.path().extension().is_some_and(|ext| ext == "log");
    let found = std::fs::read_dir(folder)
        .map_err(|error| {
            let what = format!("cannot read {}: {error}", folder.display());
            Exit::unusable(what, "name a shop's folder with --store embedded:FOLDER")
        })?
        .filter_map(Result::ok)
        .any(segment);
    if found {
        Ok(())
    } else {
        let what = format!("{} holds no log", folder.display());
        Err(Exit::unusable(what, "name a shop's folder with --store embedded:FOLDER"))
    }
}

/// Why a folder cannot be read, and what to do instead.
pub fn refused(folder: &Path, error: &LogError) -> Exit {
    let advice = match error {
        LogError::Locked(_) => "ask the shop that runs there with --url, or stop it".to_owned(),
        LogError::Corrupt { .. } => {
            format!("`ordershop verify --store embedded:{}` says more", folder.display())
        }
        LogError::Unknown { .. } => "it was written by another version; use that one".to_owned(),
        _ => "make that folder readable and writable".to_owned(),
    };
    Exit::unusable(error, advice)
}

/// What a log that is open cannot read.
pub fn unreadable(error: impl std::fmt::Display) -> Exit {
    Exit::unusable(error, "`ordershop verify` says more")
}
