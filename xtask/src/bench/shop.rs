//! The shop that is measured: a release build of it, with all its subscribers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::Client;
use super::programs::Programs;
use super::server::{Server, free_address};
use crate::shell::Failed;

/// How long subscribers may take to come to the end of the log.
const PATIENCE: Duration = Duration::from_mins(10);
/// How long it is between two looks at how far they are.
const POLL: Duration = Duration::from_millis(20);
/// Up to how many entries are counted that a subscriber has before it.
const COUNTED: u64 = 1_000_000;
/// How many entities one request creates.
const BATCH: usize = 1_000;

/// A running shop.
pub(super) struct Shop {
    pub(super) server: Server,
}

/// How far the subscribers were behind at the end of a load, and how long they took to catch up.
#[derive(Clone, Debug, Default)]
pub(super) struct Lag {
    /// How many entries each had before it, by name.
    pub(super) behind: Vec<(String, u64)>,
    pub(super) drained_in: Duration,
}

impl Lag {
    /// All of them together.
    pub(super) fn entries(&self) -> u64 {
        self.behind.iter().map(|(_, entries)| entries).sum()
    }
}

impl Shop {
    /// Starts the program on the log in a folder and waits until it serves.
    pub(super) fn start(programs: &Programs, log: &Path) -> Result<Self, Failed> {
        Self::start_on(programs, &embedded(log))
    }

    /// The same on any store.
    pub(super) fn start_on(programs: &Programs, store: &str) -> Result<Self, Failed> {
        Self::start_as(programs, store, "none")
    }

    /// The same as `start`, with queries over RESP; gives where they are answered, too.
    pub(super) fn start_with_resp(
        programs: &Programs,
        log: &Path,
    ) -> Result<(Self, SocketAddr), Failed> {
        let address = free_address()?;
        Ok((Self::start_as(programs, &embedded(log), &address.to_string())?, address))
    }

    fn start_as(programs: &Programs, store: &str, resp: &str) -> Result<Self, Failed> {
        let mut command = Command::new(programs.named("ordershop")?);
        command.args(["serve", "--http", "127.0.0.1:0", "--mail", "none"]);
        command.args(["--store", store, "--resp", resp]);
        Ok(Self { server: Server::start(&mut command)? })
    }

    /// The body of the answer to a query.
    pub(super) fn get(&self, path: &str) -> Result<Vec<u8>, Failed> {
        let answer = Client::new(self.server.address()).send("GET", path, None)?;
        if answer.status == 200 {
            Ok(answer.body)
        } else {
            Err(Failed::because(format!("GET {path}: {}", answer.shown())))
        }
    }

    /// Creates entities, many with each request, and gives back their ids.
    pub(super) fn create(&self, path: &str, entities: &[Value]) -> Result<Vec<String>, Failed> {
        let mut client = Client::new(self.server.address());
        let mut ids = Vec::with_capacity(entities.len());
        for batch in entities.chunks(BATCH) {
            let answer = client.send("POST", path, Some(&json!(batch)))?;
            let created: Vec<String> = serde_json::from_slice(&answer.body)
                .ok()
                .filter(|_| answer.status == 200)
                .ok_or_else(|| Failed::because(format!("POST {path}: {}", answer.shown())))?;
            ids.extend(created);
        }
        Ok(ids)
    }

    /// Looks how far the subscribers are behind, and waits until they are not.
    pub(super) fn drain(&self) -> Result<Lag, Failed> {
        let begun = Instant::now();
        let behind = self.behind(COUNTED)?;
        while self.behind(1)?.iter().any(|(_, entries)| *entries > 0) {
            if begun.elapsed() > PATIENCE {
                return Err(Failed::because("the subscribers do not come to the log's end"));
            }
            pause(POLL);
        }
        Ok(Lag { behind, drained_in: begun.elapsed() })
    }

    /// How many entries each subscriber has before it, counted up to a limit in each topic.
    fn behind(&self, count: u64) -> Result<Vec<(String, u64)>, Failed> {
        let body = self.get(&format!("/ops/subscribers?count={count}"))?;
        let mut behind: Vec<(String, u64)> = Vec::new();
        for line in String::from_utf8_lossy(&body).lines() {
            let line: Value = serde_json::from_str(line)
                .map_err(|error| Failed::because(format!("/ops/subscribers: {error}")))?;
            let name = line["subscriber"].as_str().unwrap_or_default();
            let entries = line["behind"].as_u64().unwrap_or_default();
            match behind.iter_mut().find(|(found, _)| found == name) {
                Some((_, all)) => *all += entries,
                None => behind.push((name.to_owned(), entries)),
            }
        }
        if behind.is_empty() {
            return Err(Failed::because("the shop names no subscribers"));
        }
        Ok(behind)
    }
}

/// The store in a folder.
fn embedded(log: &Path) -> String {
    format!("embedded:{}", log.display())
}

/// The bare server; each file of the folder is what it answers to `GET /fixed/NAME`.
pub(super) fn bare(programs: &Programs, fixed: &Path) -> Result<Server, Failed> {
    Server::start(Command::new(programs.named("bare_http")?).arg(fixed))
}

/// A log's folder that is removed with this value.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// An empty folder; one that an earlier run left there is removed.
    pub(super) fn new(path: PathBuf) -> Result<Self, Failed> {
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[expect(clippy::disallowed_methods, reason = "it is the pause between two looks at a state")]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
