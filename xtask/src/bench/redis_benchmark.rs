//! `redis-benchmark`: one command, over and over, to any server that speaks RESP.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shell::{Failed, show};

/// The program.
pub(super) struct RedisBenchmark(PathBuf);

/// What it is to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commands<'a> {
    /// The command, word by word; it stays the same.
    pub(super) words: &'a [&'a str],
    /// How many of it are sent in all.
    pub(super) count: u64,
    /// Over how many connections.
    pub(super) connections: u64,
    /// How many are sent over a connection before the first is answered.
    pub(super) pipelined: u64,
}

/// What it told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// Commands a second.
    pub(super) rate: f64,
    /// Latencies, in microseconds.
    pub(super) p50: f64,
    pub(super) p99: f64,
}

impl RedisBenchmark {
    /// The one that stands beside that server.
    pub(super) fn beside(server: &Path) -> Self {
        Self(server.with_file_name("redis-benchmark"))
    }

    /// Sends commands to a server.
    pub(super) fn run(&self, server: SocketAddr, commands: Commands<'_>) -> Result<Told, Failed> {
        let Commands { words, count, connections, pipelined } = commands;
        let mut command = Command::new(&self.0);
        command.args(["-h", &server.ip().to_string(), "-p", &server.port().to_string(), "--csv"]);
        for (option, number) in [("-c", connections), ("-n", count), ("-P", pipelined)] {
            command.args([option, &number.to_string()]);
        }
        let output = command.args(words).stdin(Stdio::null()).stderr(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let told = text.lines().last().and_then(read);
        told.ok_or_else(|| Failed::because(format!("`{}` told no rate", show(&command))))
    }
}

/// Reads a line: the command; how many of it a second; then average, least, p50, p95, p99 and most of
/// the latencies, in milliseconds.
fn read(line: &str) -> Option<Told> {
    let mut cells = line.trim().strip_suffix('"')?.rsplit("\",\"");
    let mut number = |skipped| cells.nth(skipped)?.parse::<f64>().ok();
    // The command, which may hold anything, comes first.
    let (p99, p50, rate) = (number(1)?, number(1)?, number(2)?);
    Some(Told { rate, p50: p50 * 1e3, p99: p99 * 1e3 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whatever_the_command() {
        let line = r#""GET "a","b"","123456.78","0.387","0.120","0.375","0.511","0.663","1.047""#;
        let told = read(line).unwrap();
        let figures = [(told.rate, 123_456.78), (told.p50, 375.0), (told.p99, 663.0)];
        assert!(figures.iter().all(|(read, wanted)| (read - wanted).abs() < 1e-6), "{told:?}");
        assert!(read("\"test\",\"rps\"").is_none() && read("").is_none());
    }
}
