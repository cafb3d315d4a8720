//! The RESP server as a supervised actor: it accepts clients, and gives each to one of its workers.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};
use ordershop_actors::runtime::absence::{Beginning, Begun};
use ordershop_supervisors::{CellBuilder, ChildSpec, Context, Failure, Process};
use tokio::net::TcpStream;

use super::connection;
use super::endpoint::Endpoint;
use crate::http::CatchUp;

/// For how many cores there is a thread that serves clients: the others are for commands and the log, and
/// one thread that is busy takes less time for a command than two that fall asleep between commands.
const CORES_PER_WORKER: usize = 2;
/// How many such threads there are at most.
const MAX_WORKERS: usize = 4;
/// How long nobody is accepted when the system has no room for another connection.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(100);

/// What a server needs.
pub struct RespServerContext {
    /// The bound address; it stays bound when the server restarts.
    pub listener: TcpListener,
    /// Makes the endpoint of an incarnation.
    pub endpoint: Box<dyn Fn() -> Endpoint + Send>,
    /// Has the queries of an incarnation catch up with the log.
    pub catch_up: CatchUp,
}

/// The process of the server. Queries change nothing, so that a client may be cut off at any time:
/// when the server stops, its workers do, with all that they were about to say.
pub struct RespServer {
    listener: Option<tokio::net::TcpListener>,
    endpoint: Arc<Endpoint>,
    workers: Vec<Arbiter>,
    /// What it does before queries can be answered, since the log is away.
    catching_up: Option<Beginning<()>>,
}

impl RespServer {
    /// The server, as a child for a supervisor.
    pub fn child(context: RespServerContext, cell: CellBuilder<Self>) -> ChildSpec {
        let RespServerContext { listener, endpoint, catch_up } = context;
        let (_, spec) = cell.factory(move |_| {
            let listener = listener.try_clone();
            let (endpoint, caught_up) = (endpoint(), catch_up());
            async move {
                let begun = caught_up.await?;
                Self::start(listener?, endpoint, begun)
            }
        });
        spec
    }

    fn start(listener: TcpListener, endpoint: Endpoint, begun: Begun<()>) -> Result<Self, Failure> {
        let catching_up = match begun {
            Begun::Ready(()) => {
                endpoint.readiness.reach();
                None
            }
            Begun::Waiting(catching_up) => Some(catching_up),
        };
        listener.set_nonblocking(true)?;
        let listener = Some(tokio::net::TcpListener::from_std(listener)?);
        let cores = available_parallelism().map_or(1, usize::from);
        let workers = (cores / CORES_PER_WORKER).clamp(1, MAX_WORKERS);
        let workers = (0..workers).map(|_| Arbiter::try_new()).collect::<Result<_, _>>()?;
        Ok(Self { listener, endpoint: Arc::new(endpoint), workers, catching_up })
    }
}

impl Process for RespServer {
    fn started(&mut self, ctx: &mut Context<'_, Self>) -> Result<(), Failure> {
        if let Some(catching_up) = self.catching_up.take() {
            ctx.spawn(catching_up, |server, caught_up, _| {
                caught_up?;
                server.endpoint.readiness.reach();
                Ok(())
            });
        }
        if let Some(listener) = self.listener.take() {
            let workers = self.workers.iter().map(Arbiter::handle).collect();
            let accepting = accept(listener, workers, Arc::clone(&self.endpoint));
            ctx.spawn(accepting, |_, failure, _| Err(failure));
        }
        Ok(())
    }
}

impl Drop for RespServer {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.stop();
        }
    }
}

/// Accepts clients until a worker has ended.
async fn accept(
    listener: tokio::net::TcpListener,
    workers: Vec<ArbiterHandle>,
    endpoint: Arc<Endpoint>,
) -> Failure {
    let mut turns = workers.iter().cycle();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no RESP client can be accepted now");
                tokio::time::sleep(NO_ROOM_PAUSE).await;
                continue;
            }
        };
        // A worker has a reactor of its own, so the connection leaves this one's.
        let Ok(stream) = stream.into_std() else { continue };
        let endpoint = Arc::clone(&endpoint);
        let Some(worker) = turns.next() else {
            return Failure::new("there is no worker");
        };
        let is_taken = worker.spawn_fn(move || {
            // A client whose command panics loses its connection; nobody else does.
            actix_rt::spawn(serve(endpoint, stream, peer));
        });
        if !is_taken {
            return Failure::new("a worker has ended by itself");
        }
    }
}

async fn serve(endpoint: Arc<Endpoint>, stream: std::net::TcpStream, peer: SocketAddr) {
    match TcpStream::from_std(stream) {
        Ok(stream) => connection::serve(endpoint, stream, peer).await,
        Err(error) => tracing::warn!(%error, %peer, "a RESP client cannot be served"),
    }
}
