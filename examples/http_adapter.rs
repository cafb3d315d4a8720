//! A lesson in adapters: HTTP as a supervised actor, over event-sourced accounts.
//!
//! `cargo run --example http_adapter`, and `cargo run --example http_adapter -- --serve` to try it
//! with curl.
//!
//! An adapter is what the world talks to. Here it is an actor that holds an actix-web server: it is a
//! child like any other, starts after what it needs, stops before it, and begins anew when it fails.
//! What it may not do is fail with others: a handler that meets a crash answers 500, and the next
//! request is served by the next incarnation of whatever crashed.
//!
//! The domain is in `bank/mod.rs`, with a bug: to share an account among none is a division by zero.

mod bank;

use std::error::Error;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use bank::{ACCOUNTS, Account, AccountCommand, AccountRejection, bank, command};
use ordershop_actors::runtime::{Entities, ExecuteError};
use ordershop_store::embedded::{Embedded, Options};
use ordershop_supervisors::{CellBuilder, ChildSpec, Context, Failure, Node, Process, Tree, cell};
use uuid::Uuid;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// After how many seconds a stop gives up on requests under way.
const DRAIN_SECONDS: u64 = 2;

// 1. The actor. Its state is the running server, and to drop it is to end the server.

struct HttpAdapter {
    server: ServerHandle,
    ended: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
    stops: bool,
}

impl HttpAdapter {
    /// The adapter as a child for a supervisor. The listener is bound once and outlives every
    /// incarnation: clients that come while there is none wait to be accepted by the next.
    fn child(
        listener: TcpListener,
        accounts: Entities<Account>,
        cell: CellBuilder<Self>,
    ) -> ChildSpec {
        let (_, spec) = cell.factory(move |_birth| {
            let started = listener.try_clone().and_then(|l| Self::start(l, accounts.clone()));
            async { started.map_err(Failure::new) }
        });
        spec
    }

    fn start(listener: TcpListener, accounts: Entities<Account>) -> std::io::Result<Self> {
        let accounts = web::Data::new(accounts);
        let app = move || {
            App::new()
                .app_data(web::Data::clone(&accounts))
                .route("/accounts/{id}", web::get().to(show))
                .route("/accounts/{id}/{verb}/{number}", web::post().to(change))
        };
        let server = HttpServer::new(app)
            .workers(1)
            // Signals are the program's concern.
            .disable_signals()
            .shutdown_timeout(DRAIN_SECONDS)
            .listen(listener)?
            .run();
        let handle = server.handle();
        Ok(Self { server: handle, ended: Some(actix_rt::spawn(server)), stops: false })
    }
}

impl Process for HttpAdapter {
    /// A server that ends without being told has failed, and so has this actor.
    fn started(&mut self, ctx: &mut Context<'_, Self>) -> Result<(), Failure> {
        if let Some(ended) = self.ended.take() {
            ctx.spawn(ended, |adapter, _ended, _| {
                if adapter.stops { Ok(()) } else { Err(Failure::new("the server ended by itself")) }
            });
        }
        Ok(())
    }

    /// An orderly stop answers what is under way. What is handed to `pause` here is waited for.
    fn stopping(&mut self, ctx: &mut Context<'_, Self>) {
        self.stops = true;
        ctx.pause(self.server.stop(true), |_, (), _| Ok(()));
    }
}

impl Drop for HttpAdapter {
    /// After a crash, `stopping` has not run; two servers at one address must not be.
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

// 2. The handlers: from a request to a command, and from its outcome to a status.

async fn show(accounts: web::Data<Entities<Account>>, id: web::Path<u32>) -> HttpResponse {
    let found = accounts.inspect(account(*id)).await;
    answer(found.map(|account| account.state.cents))
}

async fn change(
    accounts: web::Data<Entities<Account>>,
    path: web::Path<(u32, String, u64)>,
) -> HttpResponse {
    let (id, verb, number) = path.into_inner();
    let what = match verb.as_str() {
        "deposit" => AccountCommand::Deposit(number),
        "withdraw" => AccountCommand::Withdraw(number),
        "share" => AccountCommand::Share(number),
        _ => return HttpResponse::NotFound().body("there is no such verb"),
    };
    if let Err(error) = accounts.execute(account(id), command(what)).await {
        return answer(Err(error));
    }
    answer(accounts.inspect(account(id)).await.map(|account| account.state.cents))
}

/// Three kinds of errors, and they are the client's to tell apart: a refusal is final, what was not
/// done may be tried again, and of what is unknown one has to ask.
fn answer(outcome: Result<u64, ExecuteError<AccountRejection>>) -> HttpResponse {
    match outcome {
        Ok(cents) => HttpResponse::Ok().body(cents.to_string()),
        Err(error @ ExecuteError::Rejected(_)) => HttpResponse::Conflict().body(error.to_string()),
        Err(ExecuteError::Unknown(reason)) => HttpResponse::InternalServerError().body(reason),
        Err(error) => HttpResponse::ServiceUnavailable().body(error.to_string()),
    }
}

fn account(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

// 3. The program: a log, the tree, and a client.

async fn lesson(serve: bool) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let log = Arc::new(Embedded::open(folder.path(), &[ACCOUNTS], Options::default())?);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (accounts, spec) = bank(Arc::clone(&log) as _);
    // The adapter comes last: it starts when the accounts are there, and stops before they go.
    let tree =
        Tree::start(spec.child(HttpAdapter::child(listener, accounts, cell("http")))).await?;
    if serve {
        say(&format!("http://{address} serves, for example POST /accounts/7/deposit/100"));
        tokio::signal::ctrl_c().await?;
    } else {
        tour(&tree, address).await?;
    }
    tree.stop().await;
    log.close();
    Ok(())
}

async fn tour(tree: &Tree, address: SocketAddr) -> Outcome<()> {
    say("1. Requests become commands");
    request(address, "POST", "/accounts/7/deposit/100", 200).await?;
    request(address, "POST", "/accounts/7/withdraw/101", 409).await?;
    say("\n2. A panic is a 500 for whoever met it, and for nobody else");
    request(address, "POST", "/accounts/7/share/0", 500).await?;
    request(address, "GET", "/accounts/7", 200).await?;
    request(address, "GET", "/accounts/8", 200).await?;
    say("\n3. The adapter itself may die; its clients find the next incarnation");
    tree.kill("bank/http").await?;
    say("   the adapter is killed");
    request(address, "GET", "/accounts/7", 200).await?;
    say("\n4. What the tree remembers");
    show_restarts(&tree.view().snapshot(NOTABLE).await);
    Ok(())
}

/// How many children of a crowd are looked at; those that failed lately come first.
const NOTABLE: usize = 8;

fn show_restarts(node: &Node) {
    let last = node.last_failure.as_ref().map(|failure| failure.reason.as_str());
    let last = last.unwrap_or_default();
    say(format!("   {:<16} no. {} {last}", node.path, node.incarnations).trim_end());
    node.children.iter().for_each(show_restarts);
}

/// Sends a request as any client would, and shows the answer.
///
/// A server that dies takes connections with it. What only reads is sent again then; a command would
/// have to be one that has the same effect twice as once.
async fn request(address: SocketAddr, method: &str, path: &str, status: u16) -> Outcome<()> {
    let mut attempts = 1;
    let (found, body) = loop {
        match send(address, method, path).await {
            Err(_lost) if method == "GET" && attempts < MAX_ATTEMPTS => attempts += 1,
            done => break done?,
        }
        tokio::time::sleep(BETWEEN_ATTEMPTS).await;
    };
    say(&format!("   {method} {path}  {found} {body}"));
    if found == status { Ok(()) } else { Err(format!("{status} was to be expected").into()) }
}

/// How often a request that only reads is sent.
const MAX_ATTEMPTS: u32 = 100;
/// How long is waited in between.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

async fn send(address: SocketAddr, method: &str, path: &str) -> Outcome<(u16, String)> {
    let request = ureq::http::Request::builder().method(method);
    let request = request.uri(format!("http://{address}{path}")).body(())?;
    // This client blocks, and the present thread has a tree to run.
    let answered = actix_rt::task::spawn_blocking(move || {
        let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
        let mut answer = ureq::Agent::from(config).run(request)?;
        let body = answer.body_mut().read_to_string()?;
        Ok::<_, ureq::Error>((answer.status().as_u16(), body))
    });
    Ok(answered.await??)
}

fn say(text: &str) {
    // Where stdout is gone, nobody reads.
    drop(writeln!(std::io::stdout(), "{text}"));
}

fn main() -> ExitCode {
    // The crash is on cue: what the panic says is in the answer, and needs no backtrace.
    std::panic::set_hook(Box::new(|_| {}));
    let serve = std::env::args().nth(1).is_some_and(|argument| argument == "--serve");
    match actix_rt::System::new().block_on(lesson(serve)) {
        Ok(()) => {
            say("\nEverything went as the lesson says.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("\nThe lesson ended early: {error}"));
            ExitCode::FAILURE
        }
    }
}
