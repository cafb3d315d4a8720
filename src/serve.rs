//! The life of the shop: open, start, serve, stop.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};

use ordershop_supervisors::Tree;
use socket2::SockRef;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;
use crate::http::Limits;
use crate::ops::supervision::Supervision;
use crate::progress::Progress;
use crate::settings::{HttpAddress, RespAddress, Settings};
use crate::store::Store;
use crate::{mail, tree};

/// How many connections wait to be accepted at most, where the system allows as many. The standard
/// library's 128 are fewer than come at once; one too many is tried again by its client's system after a
/// whole second.
const MAX_NOT_ACCEPTED: i32 = 4096;

/// Runs the shop until it is told to stop, or breaks.
pub fn run(settings: &Settings) -> Result<(), Exit> {
    actix_rt::System::new().block_on(serve(settings))
}

async fn serve(settings: &Settings) -> Result<(), Exit> {
    let mut signals = Signals::listen()?;
    let listener = bind(settings)?;
    let resp = bind_resp(settings)?;
    let store = tokio::select! {
        store = Store::open(&settings.store) => store?,
        () = signals.next() => return Ok(()),
    };
    let mail = mail::transport(&settings.mail, &settings.mail_domain)?;
    let address = listener.local_addr().map_err(|error| {
        Exit::unusable(format!("cannot tell the address for HTTP: {error}"), "try another --http")
    })?;

    let resp_address = resp.as_ref().map(TcpListener::local_addr).transpose().map_err(|error| {
        Exit::unusable(format!("cannot tell the address for RESP: {error}"), "try another --resp")
    })?;

    let view = Arc::new(OnceLock::new());
    let shop = tree::shop(tree::Ground {
        log: store.log(),
        files: store.files(),
        cache: store.cache(),
        mail,
        listener,
        resp: resp.zip(resp_address).map(|(listener, address)| tree::RespGround {
            listener,
            port: address.port(),
            password: settings.resp_password.get(),
        }),
        limits: Limits { commands: settings.max_commands, queries: settings.max_queries },
        keep_keys: settings.idempotency_hours.duration(),
        view: Arc::clone(&view),
        runtime: tokio::runtime::Handle::current(),
    });
    let starting = Progress::begin("starting: the queries catch up with the log");
    let started = tokio::select! {
        started = Tree::start(shop) => started,
        () = signals.next() => return Ok(()),
    };
    let tree = started.map_err(|error| Exit::Broken(format!("the shop cannot start: {error}")))?;
    drop(starting);
    // It is set once, here.
    let _ = view.set(Supervision::of(&tree));
    greet(&format!(
        "OrderShop {version} is open\n  \
           http   http://{address}\n  \
           resp   {resp}\n  \
           store  {store}\n  \
           mail   {mail}\n\
         Ctrl-C closes it.\n",
        version = env!("CARGO_PKG_VERSION"),
        resp = resp_address.map_or_else(|| "none".to_owned(), |at| format!("redis://{at}")),
        store = settings.store,
        mail = settings.mail,
    ));

    let ended = tokio::select! {
        () = signals.next() => Ok(()),
        reason = tree.failed() => Err(Exit::Broken(format!("the shop broke: {reason}"))),
        () = crash_on_cue(&tree) => Ok(()),
    };
    tracing::info!("closing");
    tree.stop().await;
    store.close();
    ended
}

#[cfg(feature = "faults")]
use crate::http::faults::crash_on_cue;

/// Nothing, in a build without faults.
#[cfg(not(feature = "faults"))]
async fn crash_on_cue(_tree: &Tree) {
    std::future::pending().await
}

/// Shows what runs where; a shop whose greeting nobody reads runs all the same.
fn greet(text: &str) {
    let mut out = std::io::stdout();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

fn bind(settings: &Settings) -> Result<TcpListener, Exit> {
    let HttpAddress(address) = settings.http;
    listen(address).map_err(|error| {
        let what = format!("cannot listen on {address}: {error}");
        Exit::unusable(what, "stop what uses it, or name another address with --http ADDRESS:PORT")
    })
}

fn bind_resp(settings: &Settings) -> Result<Option<TcpListener>, Exit> {
    let RespAddress::At(address) = settings.resp else { return Ok(None) };
    listen(address).map(Some).map_err(|error| {
        let what = format!("cannot listen on {address} for RESP: {error}");
        let advice = "stop what uses it, name another address with --resp ADDRESS:PORT, or answer \
                      no queries there with --resp none";
        Exit::unusable(what, advice)
    })
}

/// Binds an address, with room for clients that come at once.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    SockRef::from(&listener).listen(MAX_NOT_ACCEPTED)?;
    Ok(listener)
}

/// What tells the shop to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Exit> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Exit::unusable(format!("cannot listen to signals: {error}"), "check the system")
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
