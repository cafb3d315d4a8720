//! A load generator: some connections, each of which sends its next request when it has its answer.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::Client;
use crate::shell::Failed;

/// How long the connections run before anything counts.
const WARM_UP: Duration = Duration::from_millis(500);

/// The request that a load repeats.
pub(super) struct Request {
    method: &'static str,
    path: String,
    body: Option<Value>,
}

impl Request {
    /// A query.
    pub(super) fn get(path: &str) -> Self {
        Self { method: "GET", path: path.to_owned(), body: None }
    }

    /// A command.
    pub(super) fn post(path: &str, body: Value) -> Self {
        Self { method: "POST", path: path.to_owned(), body: Some(body) }
    }
}

/// What a load measured.
pub(super) struct Load {
    /// Each answer's time from request to last byte, rising.
    latencies: Vec<Duration>,
    measured: Duration,
    /// All requests, those of the warm-up included.
    sent: u64,
}

impl Load {
    /// Repeats a request on so many connections; an answer other than 200 ends the measurement.
    pub(super) fn run(
        address: SocketAddr,
        connections: usize,
        measured: Duration,
        request: &Request,
    ) -> Result<Self, Failed> {
        let start = Instant::now() + WARM_UP;
        let end = start + measured;
        let results: Vec<Result<(Vec<Duration>, u64), Failed>> = thread::scope(|scope| {
            let clients: Vec<_> = (0..connections)
                .map(|_| scope.spawn(move || repeat(address, start, end, request)))
                .collect();
            clients
                .into_iter()
                .map(|client| {
                    client.join().unwrap_or_else(|_| Err(Failed::because("a client panicked")))
                })
                .collect()
        });
        let mut load = Self { latencies: Vec::new(), measured, sent: 0 };
        for result in results {
            let (latencies, sent) = result?;
            load.latencies.extend(latencies);
            load.sent += sent;
        }
        load.latencies.sort_unstable();
        Ok(load)
    }

    /// Answers in a second of the measured time.
    pub(super) fn per_second(&self) -> f64 {
        u32::try_from(self.latencies.len()).map_or(f64::INFINITY, f64::from)
            / self.measured.as_secs_f64()
    }

    /// How many requests were sent in all.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// The time within which this part of the answers came; 0.99 is the p99.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "the index is below the length, and a measurement holds far fewer than 2^52 answers"
    )]
    pub(super) fn quantile(&self, part: f64) -> Duration {
        let index = (self.latencies.len() as f64 * part) as usize;
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(index.min(last)).copied().unwrap_or_default()
    }
}

fn repeat(
    address: SocketAddr,
    start: Instant,
    end: Instant,
    request: &Request,
) -> Result<(Vec<Duration>, u64), Failed> {
    let mut client = Client::new(address);
    let mut latencies = Vec::new();
    let mut sent = 0;
    loop {
        let asked = Instant::now();
        if asked >= end {
            return Ok((latencies, sent));
        }
        let answer = client.send(request.method, &request.path, request.body.as_ref())?;
        sent += 1;
        if answer.status != 200 {
            return Err(Failed::because(format!(
                "{} {} was answered with {}",
                request.method,
                request.path,
                answer.shown()
            )));
        }
        let answered = Instant::now();
        if asked >= start && answered < end {
            latencies.push(answered - asked);
        }
    }
}
