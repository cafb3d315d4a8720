//! Where one shop keeps its log and its mails: a folder, or a Redis server of its own and a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ordershop_actors::shop::topics;
use ordershop_store::EventLog;
use ordershop_store::conformance::{Make, RedisServer};
use ordershop_store::embedded::{self, Embedded};
use ordershop_store::redis::{self, Redis};
use tempfile::TempDir;

use super::mails::{Mail, count_mails, read_mails};
use super::wait::eventually;

/// What a Redis server must be told so that what it acknowledged survives it.
pub(crate) const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// A folder for one shop's log and mails, removed at the end of its test.
pub(crate) struct Folder {
    files: TempDir,
    /// The server that holds the log instead, and ends with the folder.
    redis: Option<Mutex<RedisServer>>,
}

impl Folder {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self { files: tempfile::tempdir().expect("a folder for temporary files"), redis: None }
    }

    /// The same, with the log on a Redis server that nothing befalls.
    pub(crate) fn on_redis() -> Self {
        Self::on_redis_with(&[])
    }

    /// The same, on a server with these options, word by word.
    pub(crate) fn on_redis_with(options: &[&str]) -> Self {
        let server = RedisServer::start_with(Make::Redis, options);
        Self { redis: Some(Mutex::new(server)), ..Self::new() }
    }

    /// A folder with the same log and mails, which no shop may be using.
    pub(crate) fn copy(&self) -> Self {
        let mut copy = Self::new();
        match &self.redis {
            None => copy_folder(&self.data(), &copy.data()),
            Some(_) => copy.redis = Some(Mutex::new(self.redis().copy())),
        }
        copy_folder(&self.mail(), &copy.mail());
        copy
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        self.files.path()
    }

    /// Where the log is, unless it is on a server.
    pub(crate) fn data(&self) -> PathBuf {
        assert!(self.redis.is_none(), "this log has no files of its own");
        self.path().join("data")
    }

    /// The log, as `--store` names it.
    pub(crate) fn store(&self) -> String {
        match &self.redis {
            None => format!("embedded:{}", self.data().display()),
            Some(_) => self.redis().url(),
        }
    }

    /// The server that holds the log.
    pub(crate) fn redis(&self) -> MutexGuard<'_, RedisServer> {
        let server = self.redis.as_ref().expect("the log is on a server");
        server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the log of a stopped shop, to look or to write there.
    pub(crate) fn with_log<T>(&self, work: impl AsyncFnOnce(&dyn EventLog) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        runtime.block_on(async {
            if self.redis.is_some() {
                let options = redis::Options::default();
                let log = Redis::open(&self.store(), &topics::ALL, options).await;
                return work(&log.expect("the log")).await;
            }
            let log = Embedded::open(self.data(), &topics::ALL, embedded::Options::default());
            work(&log.expect("the log")).await
        })
    }

    /// Where the mails go.
    pub(crate) fn mail(&self) -> PathBuf {
        self.path().join("mail")
    }

    /// The mails that have been sent.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        read_mails(&self.mail())
    }

    /// Waits until as many mails have been sent, and fails if there are more.
    pub(crate) fn wait_for_mails(&self, count: usize) -> Vec<Mail> {
        eventually("mails", || {
            let found = count_mails(&self.mail());
            assert!(found <= count, "{found} mails instead of {count}");
            if found == count { Ok(()) } else { Err(format!("{found} mails instead of {count}")) }
        });
        self.mails()
    }
}

/// Copies a folder and all that is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder for temporary files");
    for entry in fs::read_dir(from).expect("the folder of a stopped shop") {
        let entry = entry.expect("the folder can be read");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a file has a type").is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a file can be copied");
        }
    }
}
