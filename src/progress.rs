//! Tells whoever waits at the terminal what takes so long.

use std::io::Write;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What takes no longer than this needs no telling.
const QUIET: Duration = Duration::from_secs(2);

/// A piece of work that may take long; it is over when this is dropped.
pub struct Progress {
    over: Option<Sender<()>>,
    teller: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins; a line on stderr says so every two seconds, the first when two have passed.
    pub fn begin(what: impl Into<String>) -> Self {
        let what = what.into();
        let (over, is_over) = mpsc::channel::<()>();
        let begun = Instant::now();
        let tell = move || {
            while is_over.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout) {
                let seconds = begun.elapsed().as_secs();
                // Where stderr is gone, nobody waits.
                drop(writeln!(std::io::stderr(), "ordershop: {what} ({seconds} s so far)"));
            }
        };
        // Without a thread the work goes on untold.
        let teller = thread::Builder::new().name("progress".to_owned()).spawn(tell).ok();
        Self { over: Some(over), teller }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.over.take();
        if let Some(teller) = self.teller.take() {
            // It only writes lines; a panic there has been logged.
            drop(teller.join());
        }
    }
}
