//! The Redis server that is measured, on a free port and with files of its own, and what its own
//! benchmark says of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::guard::Guarded;
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
    _running: Guarded,
    program: PathBuf,
    port: u16,
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
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(&program);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(options).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        let redis = Self { _running: Guarded::spawn(&mut command)?, program, port };
        let deadline = Instant::now() + PATIENCE;
        while redis.number(&["DBSIZE"]).is_err() {
            if Instant::now() > deadline {
                return Err(Failed::because(format!("`{}` does not answer", show(&command))));
            }
            pause(POLL);
        }
        Ok(redis)
    }

    /// The URL of a log there.
    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
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

    /// How many of these commands a second redis-benchmark reaches: so many in all, over one
    /// connection, so many sent before the first is answered.
    pub(super) fn benchmark(
        &self,
        words: &[&str],
        count: u64,
        pipelined: u64,
    ) -> Result<f64, Failed> {
        let mut command = Command::new(self.program.with_file_name("redis-benchmark"));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-c", "1", "--csv"]);
        command.args(["-n", &count.to_string(), "-P", &pipelined.to_string()]).args(words);
        let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // "COMMAND","REQUESTS A SECOND",…
        let rate = text.lines().last().and_then(|line| line.split("\",\"").nth(1)?.parse().ok());
        rate.ok_or_else(|| Failed::because(format!("`{}` told no rate", show(&command))))
    }

    fn number(&self, words: &[&str]) -> Result<f64, Failed> {
        let answer = self.ask(words)?;
        let number = answer.strip_prefix(':').and_then(|number| number.trim().parse().ok());
        number.ok_or_else(|| Failed::because(format!("{}: {answer}", words.join(" "))))
    }

    /// The answer to one command: a line, or the text whose length it tells.
    fn ask(&self, words: &[&str]) -> Result<String, Failed> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.extend(["$", &word.len().to_string(), "\r\n", word, "\r\n"]);
        }
        stream.write_all(request.as_bytes())?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some(length) = line.strip_prefix('$') else { return Ok(line) };
        let length = length.trim().parse().map_err(|_| Failed::because(line.clone()))?;
        let mut text = vec![0; length];
        reader.read_exact(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

#[expect(clippy::disallowed_methods, reason = "it is the pause between two looks at a state")]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
