//! One client's connection: the bytes that came, and those that are to leave.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::limits::{MAX_COMMAND_BYTES, OUTPUT_BYTES, READ_BYTES, SLOW_READER_PATIENCE};
use super::protocol::Output;

/// The client is gone, or must go: nothing more can be said to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone;

/// A connection.
pub(super) struct Wire {
    stream: TcpStream,
    /// What came and was not taken yet.
    pub(super) input: BytesMut,
    /// What is to leave.
    pub(super) out: Output,
    /// Whether replies are dropped instead.
    pub(super) muted: bool,
    /// How many bytes came, and left.
    pub(super) moved: (u64, u64),
    counted: (u64, u64),
}

impl Wire {
    /// The wire of that connection.
    pub(super) fn new(stream: TcpStream) -> Self {
        let (input, out) = (BytesMut::new(), Output::default());
        Self { stream, input, out, muted: false, moved: (0, 0), counted: (0, 0) }
    }

    /// How many bytes came, and left, since this was asked before.
    pub(super) fn moved_since_counted(&mut self) -> (u64, u64) {
        let before = std::mem::replace(&mut self.counted, self.moved);
        (self.moved.0 - before.0, self.moved.1 - before.1)
    }

    /// Waits for more bytes, and takes them in.
    pub(super) async fn read(&mut self) -> Result<(), Gone> {
        loop {
            self.input.reserve(READ_BYTES);
            // Unlike a read that is only tried, this one sees by a half full buffer that there is no
            // more, and does not ask the system a second time.
            match self.stream.read_buf(&mut self.input).await {
                Ok(0) => return Err(Gone),
                Ok(read) => {
                    self.moved.0 += read as u64;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
    }

    /// Waits until the client has gone; what it sends meanwhile is taken in, up to a bound.
    pub(super) async fn until_gone(&mut self) -> Gone {
        while self.input.len() < MAX_COMMAND_BYTES {
            if self.read().await.is_err() {
                return Gone;
            }
        }
        std::future::pending().await
    }

    /// Sends what waits, where it has become much.
    pub(super) async fn flush_if_much(&mut self, endpoint: &Endpoint) -> Result<(), Gone> {
        if self.out.len() >= OUTPUT_BYTES { self.flush(endpoint).await } else { Ok(()) }
    }

    /// Sends all that waits; a client that takes none of it for too long is gone.
    pub(super) async fn flush(&mut self, endpoint: &Endpoint) -> Result<(), Gone> {
        let mut sent = 0;
        while !self.muted && sent < self.out.len() {
            match self.stream.try_write(&self.out.bytes()[sent..]) {
                Ok(0) => return Err(Gone),
                Ok(written) => sent += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match timeout(SLOW_READER_PATIENCE, self.stream.writable()).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) => return Err(Gone),
                        Err(_) => {
                            endpoint.slow_reader();
                            return Err(Gone);
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        self.moved.1 += sent as u64;
        self.out.clear(OUTPUT_BYTES);
        Ok(())
    }
}

/// Lets the others of this worker have their turn.
pub(super) async fn give_way() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
