//! A load generator: one thread, some connections, each of which sends its next request when it has
//! its answer.
//!
//! It shares the machine with the server, so it does as little as can be: requests are made before,
//! one poll serves all connections, and of an answer only status and end are read.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::answer::Answer;
use super::process;
use crate::shell::Failed;

/// How long the connections run before anything counts.
const WARM_UP: Duration = Duration::from_millis(400);
/// How long nobody may be answered.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much is read at once.
const READ_BYTES: usize = 128 * 1024;

/// What is sent, over how many connections; the requests are taken in turn, over and over.
pub(super) struct Load {
    pub(super) connections: usize,
    pub(super) requests: Vec<Vec<u8>>,
}

/// What one round measured.
pub(super) struct Round {
    /// Each good answer's time from request to last byte, rising.
    latencies: Vec<Duration>,
    measured: Duration,
    /// Answers with 200, those of the warm-up included.
    pub(super) answered: u64,
    /// Answers with 503, likewise.
    pub(super) refused: u64,
    /// What part of one core the generator took.
    pub(super) client_share: f64,
}

/// A query.
pub(super) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes()
}

/// A command.
pub(super) fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

impl Load {
    /// Sends for so long, after a warm-up; an answer other than 200 and 503 ends it.
    pub(super) fn run(&self, address: SocketAddr, measured: Duration) -> Result<Round, Failed> {
        let cpu = process::own_cpu();
        let mut run = Run::open(self, address, measured)?;
        while run.in_flight > 0 {
            run.turn()?;
        }
        let Run { mut latencies, answered, refused, .. } = run;
        latencies.sort_unstable();
        let spent = process::own_cpu().zip(cpu).map(|(after, before)| after.saturating_sub(before));
        let client_share =
            spent.unwrap_or_default().as_secs_f64() / (measured + WARM_UP).as_secs_f64();
        Ok(Round { latencies, measured, answered, refused, client_share })
    }
}

impl Round {
    /// Good answers in a second of the measured time.
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more precision")]
    pub(super) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.measured.as_secs_f64()
    }

    /// The time within which this part of the good answers came; 0.99 is the p99.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "the index is below the length, and a round holds far fewer than 2^52 answers"
    )]
    pub(super) fn quantile(&self, part: f64) -> Duration {
        let index = (self.latencies.len() as f64 * part) as usize;
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(index.min(last)).copied().unwrap_or_default()
    }
}

/// A connection that waits for the answer to its request.
struct Connection {
    stream: TcpStream,
    answer: Answer,
    asked: Instant,
}

/// A load at work.
struct Run<'a> {
    load: &'a Load,
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    start: Instant,
    end: Instant,
    sent: usize,
    in_flight: usize,
    latencies: Vec<Duration>,
    answered: u64,
    refused: u64,
}

impl<'a> Run<'a> {
    /// Opens the connections; only then the time begins to count, since a busy server takes a while
    /// to accept many.
    fn open(load: &'a Load, address: SocketAddr, measured: Duration) -> Result<Self, Failed> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(load.connections);
        for number in 0..load.connections {
            let stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
            let (answer, asked) = (Answer::default(), Instant::now());
            connections.push(Connection { stream, answer, asked });
        }
        let start = Instant::now() + WARM_UP;
        let mut run = Self {
            load,
            poll,
            events: Events::with_capacity(load.connections),
            connections,
            buffer: vec![0; READ_BYTES],
            start,
            end: start + measured,
            sent: 0,
            in_flight: 0,
            latencies: Vec::new(),
            answered: 0,
            refused: 0,
        };
        (0..load.connections).try_for_each(|number| run.ask(number))?;
        Ok(run)
    }

    /// Sends the next request over that connection.
    fn ask(&mut self, number: usize) -> Result<(), Failed> {
        let request = &self.load.requests[self.sent % self.load.requests.len()];
        let connection = &mut self.connections[number];
        connection.asked = Instant::now();
        // It has nothing else in flight, and a request is far smaller than a socket's buffer.
        let written = connection.stream.write(request)?;
        if written < request.len() {
            return Err(Failed::because("a socket did not take a whole request"));
        }
        self.sent += 1;
        self.in_flight += 1;
        Ok(())
    }

    /// Waits for answers, and takes in those that came.
    fn turn(&mut self) -> Result<(), Failed> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        match self.poll.poll(&mut events, Some(PATIENCE)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            polled => polled?,
        }
        if events.is_empty() {
            return Err(Failed::because("no answer came for 20 seconds"));
        }
        for event in &events {
            self.read(event.token().0)?;
        }
        self.events = events;
        Ok(())
    }

    fn read(&mut self, number: usize) -> Result<(), Failed> {
        loop {
            let connection = &mut self.connections[number];
            let count = match connection.stream.read(&mut self.buffer) {
                Ok(0) => return Err(Failed::because("the server closed a connection")),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let taken = connection.answer.take(&self.buffer[..count]);
            let status = taken.map_err(|_| Failed::because("a server answers no HTTP"))?;
            if let Some(status) = status {
                // Behind a whole answer nothing comes before the next request, so the socket need
                // not be asked again.
                return self.answered(number, status);
            }
        }
    }

    fn answered(&mut self, number: usize, status: u16) -> Result<(), Failed> {
        let (asked, now) = (self.connections[number].asked, Instant::now());
        self.in_flight -= 1;
        match status {
            200 => {
                self.answered += 1;
                if asked >= self.start && now < self.end {
                    self.latencies.push(now - asked);
                }
            }
            503 => self.refused += 1,
            other => {
                return Err(Failed::because(format!("a request was answered with {other}")));
            }
        }
        if now < self.end { self.ask(number) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Answers every request on every connection until they are closed: every fifth with 503. Gives how
    /// many of both there were.
    fn serve(listener: &TcpListener, connections: usize) -> (u64, u64) {
        let serve_one = |stream: std::net::TcpStream| {
            let (mut good, mut bad) = (0, 0);
            let mut answers = stream.try_clone().unwrap();
            let lines = BufReader::new(stream).lines().map_while(Result::ok);
            for _ in lines.filter(String::is_empty) {
                let answer: &[u8] = if (good + bad) % 5 == 4 {
                    bad += 1;
                    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
                } else {
                    good += 1;
                    b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue"
                };
                answers.write_all(answer).unwrap();
            }
            (good, bad)
        };
        let threads: Vec<_> = (0..connections)
            .map(|_| listener.accept().unwrap().0)
            .map(|stream| thread::spawn(move || serve_one(stream)))
            .collect();
        let counts = threads.into_iter().map(|thread| thread.join().unwrap());
        counts.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    #[test]
    fn every_answer_counts_once_and_refusals_apart() {
        const CONNECTIONS: usize = 3;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || serve(&listener, CONNECTIONS));
        let load = Load { connections: CONNECTIONS, requests: vec![get("/a"), get("/b")] };
        let round = load.run(address, Duration::from_millis(50)).unwrap();
        assert_eq!(server.join().unwrap(), (round.answered, round.refused));
        assert!(round.refused > 0 && !round.latencies.is_empty());
        assert!((round.latencies.len() as u64) < round.answered, "a warm-up does not count");
        assert!(round.quantile(0.5) <= round.quantile(0.99));
    }
}
