//! The Redis server that is measured, on a free port and with files of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::guard::Guarded;
use super::process;
use super::redis_benchmark::RedisBenchmark;
use super::resp::{RespClient, encode};
use super::server::free_address;
use crate::servers;
use crate::shell::{Failed, show};
use crate::workspace::Workspace;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it is between two attempts to reach it.
const POLL: Duration = Duration::from_millis(20);
/// The variable that names the server among those that the tests start.
const VARIABLE: &str = "ORDERSHOP_REDIS_SERVER";

/// A running server; it ends with this value.
pub(super) struct Redis {
    running: Guarded,
    program: PathBuf,
    address: SocketAddr,
}

impl Redis {
    /// Starts a server whose files are in that folder, with these options, word by word.
    pub(super) fn start(
        workspace: &Workspace,
        folder: &Path,
        options: &[&str],
    ) -> Result<Self, Failed> {
        let program = servers::variables(workspace)?
            .into_iter()
            .find_map(|(variable, program)| (variable == VARIABLE).then_some(program))
            .ok_or_else(|| Failed::because("there is no Redis server"))?;
        let address = free_address()?;
        let port = address.port().to_string();
        let mut command = Command::new(&program);
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", ""]);
        command.args(options).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        let redis = Self { running: Guarded::spawn(&mut command)?, program, address };
        let deadline = Instant::now() + PATIENCE;
        while redis.number(&["DBSIZE"]).is_err() {
            if Instant::now() > deadline {
                return Err(Failed::because(format!("`{}` does not answer", show(&command))));
            }
            pause(POLL);
        }
        Ok(redis)
    }

    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a log there.
    pub(super) fn url(&self) -> String {
        format!("redis://{}/0", self.address)
    }

    /// The benchmark that comes with it.
    pub(super) fn benchmark(&self) -> RedisBenchmark {
        RedisBenchmark::beside(&self.program)
    }

    /// Its processor time so far.
    pub(super) fn cpu(&self) -> Duration {
        process::cpu(self.running.process.id()).unwrap_or_default()
    }

    /// Empties it.
    pub(super) fn empty(&self) -> Result<(), Failed> {
        self.ask(&["FLUSHALL"]).map(drop)
    }

    /// The number of a stream's entries.
    pub(super) fn entries(&self, stream: &str) -> Result<f64, Failed> {
        self.number(&["XLEN", stream])
    }

    /// How many bytes it has allocated for what it holds.
    pub(super) fn memory(&self) -> Result<f64, Failed> {
        let info = self.ask(&["INFO", "memory"])?;
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory_dataset:"));
        let used = used.and_then(|bytes| bytes.trim().parse().ok());
        used.ok_or_else(|| Failed::because("a Redis server does not tell its memory"))
    }

    fn number(&self, words: &[&str]) -> Result<f64, Failed> {
        let answer = self.ask(words)?;
        let number = answer.parse().ok();
        number.ok_or_else(|| Failed::because(format!("{}: {answer}", words.join(" "))))
    }

    /// The text of the answer to one command.
    fn ask(&self, words: &[&str]) -> Result<String, Failed> {
        let mut client = RespClient::connect(self.address)?;
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        client.send(&encode(&words))?;
        Ok(client.reply()?.text())
    }
}

#[expect(clippy::disallowed_methods, reason = "it is the pause between two looks at a state")]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
