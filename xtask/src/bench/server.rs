//! A program that serves over HTTP, as a process that ends with its value here.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::guard::Guarded;
use super::process;
use crate::shell::{Failed, show};

/// A running server.
pub(super) struct Server {
    running: Guarded,
    address: SocketAddr,
    /// How long it took from its start until it told where it serves.
    started_in: Duration,
}

impl Server {
    /// Starts a program and waits until it tells its address.
    pub(super) fn start(command: &mut Command) -> Result<Self, Failed> {
        let shown = show(command);
        let begun = Instant::now();
        let mut running = Guarded::spawn(command.stdout(Stdio::piped()))?;
        let output = running.process.stdout.take();
        let mut lines = output.map(BufReader::new).into_iter().flat_map(BufRead::lines);
        let address = lines.find_map(|line| address_in(&line.ok()?));
        let started_in = begun.elapsed();
        let address = address.ok_or_else(|| Failed::because(format!("`{shown}` did not start")))?;
        // What it prints later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { running, address, started_in })
    }

    /// Where it serves.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How long it took to serve.
    pub(super) fn started_in(&self) -> Duration {
        self.started_in
    }

    /// Its processor time so far.
    pub(super) fn cpu(&self) -> Duration {
        process::cpu(self.running.process.id()).unwrap_or_default()
    }

    /// Its threads and the time of each so far.
    pub(super) fn threads(&self) -> Vec<(String, Duration)> {
        process::threads(self.running.process.id())
    }

    /// How much memory it has in use, in bytes.
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        process::resident_bytes(self.running.process.id())
    }

    /// Asks it to stop in order, and waits until it has.
    pub(super) fn stop(mut self) -> Result<(), Failed> {
        let id = self.running.process.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status()?;
        if !told.success() {
            return Err(Failed::because(format!("`kill -TERM {id}` ended with {told}")));
        }
        let status = self.running.process.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(Failed::because(format!("a server that was told to stop ended with {status}")))
        }
    }
}

/// An address of this machine at which nobody listens.
pub(super) fn free_address() -> Result<SocketAddr, Failed> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The address in a line that holds `http://ADDRESS`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, address) = line.split_once("http://")?;
    address.split([' ', '/']).next()?.parse().ok()
}
