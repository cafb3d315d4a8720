//! The HTTP server as a supervised actor.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, web};
use ordershop_actors::runtime::absence::{Beginning, Begun};
use ordershop_supervisors::{CellBuilder, ChildSpec, Context, Failure, Process, Shutdown};

use super::admission::{self, Admission, Limits};
use super::traffic::{self, Traffic};
use super::{Gateway, Ops, routes};
use crate::readiness::Readiness;

/// How long requests under way may take when the server stops.
const DRAIN_TIME: Duration = Duration::from_secs(12);
/// How many seconds answers may take to leave after that.
const FLUSH_SECONDS: u64 = 1;
/// How long a client's idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How many connections each worker has open at most; more wait to be accepted.
const MAX_CONNECTIONS: usize = 10_000;

/// What a server needs.
pub struct HttpServerContext {
    /// The bound address; it stays bound when the server restarts.
    pub listener: TcpListener,
    /// How much may be under way at once.
    pub limits: Limits,
    /// Makes the gateway of an incarnation.
    pub gateway: Box<dyn Fn() -> Gateway + Send>,
    /// Has the queries of an incarnation catch up with the log.
    pub catch_up: CatchUp,
    /// What `/ops/...` shows.
    pub ops: Ops,
}

/// Has queries catch up with the log, or says that the log is away, and goes on.
pub type CatchUp = Box<dyn Fn() -> Beginning<Begun<()>> + Send>;

/// The process of the server.
pub struct HttpServer {
    readiness: Readiness,
    /// What it does before queries can be answered, since the log is away.
    catching_up: Option<Beginning<()>>,
    handle: ServerHandle,
    traffic: Arc<Traffic>,
    ended: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
}

impl HttpServer {
    /// The server, as a child for a supervisor.
    pub fn child(context: HttpServerContext, cell: CellBuilder<Self>) -> ChildSpec {
        let HttpServerContext { listener, limits, gateway, catch_up, ops } = context;
        let patience = DRAIN_TIME + Duration::from_secs(2 * FLUSH_SECONDS);
        let (_, spec) = cell.shutdown(Shutdown::Timeout(patience)).factory(move |_| {
            let listener = listener.try_clone();
            let (gateway, caught_up, ops) = (gateway(), catch_up(), ops.clone());
            async move {
                let begun = caught_up.await?;
                Self::start(listener.map_err(Failure::new)?, limits, gateway, begun, ops)
            }
        });
        spec
    }

    fn start(
        listener: TcpListener,
        limits: Limits,
        gateway: Gateway,
        begun: Begun<()>,
        ops: Ops,
    ) -> Result<Self, Failure> {
        let readiness = gateway.readiness().clone();
        let catching_up = match begun {
            Begun::Ready(()) => {
                readiness.reach();
                None
            }
            Begun::Waiting(catching_up) => Some(catching_up),
        };
        let (gateway, ops) = (web::Data::new(gateway), web::Data::new(ops));
        let traffic = Arc::new(Traffic::default());
        let counted = web::Data::from(Arc::clone(&traffic));
        let admission = web::Data::new(Admission::new(limits));
        let server = actix_web::HttpServer::new(move || {
            App::new()
                .app_data(web::Data::clone(&gateway))
                .app_data(web::Data::clone(&ops))
                .app_data(web::Data::clone(&counted))
                .app_data(web::Data::clone(&admission))
                .wrap(from_fn(admission::admit))
                .wrap(from_fn(traffic::count))
                .configure(routes::mount)
        })
        // An answer in parts must not wait for the client to acknowledge the part before.
        .tcp_nodelay(true)
        .disable_signals()
        .keep_alive(KEEP_ALIVE)
        .max_connections(MAX_CONNECTIONS)
        .shutdown_timeout(FLUSH_SECONDS)
        .listen(listener)
        .map_err(Failure::new)?
        .run();
        let handle = server.handle();
        // It must go on while this actor waits for its stop, so it is a task of its own.
        let ended = Some(actix_rt::spawn(server));
        Ok(Self { readiness, catching_up, handle, traffic, ended })
    }
}

impl Process for HttpServer {
    fn started(&mut self, ctx: &mut Context<'_, Self>) -> Result<(), Failure> {
        if let Some(catching_up) = self.catching_up.take() {
            ctx.spawn(catching_up, |server, caught_up, _| {
                caught_up?;
                server.readiness.reach();
                Ok(())
            });
        }
        if let Some(ended) = self.ended.take() {
            ctx.spawn(ended, |server, ended, _| match ended {
                _ if server.traffic.is_closed() => Ok(()),
                Ok(Ok(())) => Err(Failure::new("the server ended by itself")),
                Ok(Err(error)) => Err(Failure::new(error)),
                Err(error) => Err(Failure::new(error)),
            });
        }
        Ok(())
    }

    /// Stops taking requests, answers those under way, then closes the connections.
    fn stopping(&mut self, ctx: &mut Context<'_, Self>) {
        self.traffic.close();
        let (handle, traffic) = (self.handle.clone(), Arc::clone(&self.traffic));
        let drain = async move {
            handle.pause().await;
            traffic.until_idle(DRAIN_TIME).await;
            handle.stop(true).await;
        };
        ctx.pause(drain, |_, (), _| Ok(()));
    }
}

impl Drop for HttpServer {
    /// A crash must not leave a second server behind on the same address.
    fn drop(&mut self) {
        let handle = self.handle.clone();
        drop(handle.stop(false));
    }
}
