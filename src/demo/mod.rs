//! `ordershop demo`: the shop shows what it promises, and proves it.
//!
//! | file | what it is |
//! |---|---|
//! | `shop` | the shop of a demo: the real tree, log, mails and HTTP, in a temporary folder |
//! | `client`, `ledger` | the load: clients over HTTP, and what they know of their entities |
//! | `drill`, `watch` | what is crashed, what came of it, when it is mended |
//! | `screen`, `frame` | the live drawing |
//! | `evidence`, `proof` | what there is in the end, held against what was acknowledged |
//! | `random` | numbers by a seed |

mod client;
mod drill;
mod evidence;
mod frame;
mod ledger;
mod proof;
mod random;
mod screen;
mod shop;
mod watch;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval, timeout};

use self::client::{Client, Floor};
use self::evidence::Evidence;
use self::frame::Counts;
use self::ledger::Ledger;
use self::random::Random;
use self::screen::Screen;
use self::shop::{DOMAIN, Folder, Shop};
use self::watch::Watch;
use crate::clock;
use crate::exit::Exit;

/// How many clients give commands at once.
const CLIENTS: u64 = 8;
/// How many pieces of each product are put in; of the last there are not enough.
const PIECES: [u64; 6] = [100_000, 100_000, 100_000, 100_000, 100_000, 50];
/// How long a frame stays.
const FRAME_TIME: Duration = Duration::from_millis(150);
/// How many children of a crowd the drawing shows: the one that failed last.
const NOTABLE: usize = 1;
/// How long the mails may take to leave when all commands are answered.
const MAIL_TIME: Duration = Duration::from_mins(1);
/// How often is looked whether they have.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// The longest run, in seconds.
const MAX_SECONDS: u64 = 24 * 60 * 60;

/// The demos.
#[derive(Debug, Subcommand)]
pub enum Demo {
    /// Crash actors under load, and prove that nothing is lost
    ///
    /// A shop opens on a temporary folder and a free port, with everything that `serve` has; eight
    /// clients order, change, delete and bill over HTTP. Meanwhile actors are crashed, one after the
    /// other, at random levels of the supervision tree: an entity, a service, a reader, the journal,
    /// a whole subtree. Each is ended on the spot, by an order to the tree, as a bug would end it;
    /// what restarts, and why, is the tree's own doing.
    ///
    /// In a terminal the tree is drawn live; else each event is a line. In the end the shop is
    /// stopped, its log read from the first byte, and held against what its clients were told:
    /// commands acknowledged, events found, mails sent, stock balanced. Exit code 1 says that
    /// something was not as promised. Nothing is left behind.
    ///
    /// Ctrl-C ends the load early; the proof still comes.
    #[command(after_help = "Examples:\n  \
        ordershop demo restart\n  \
        ordershop demo restart --seconds 60 --seed 7\n  \
        ordershop demo restart --plain | grep -E 'crash|mended|ok'")]
    Restart(RestartArgs),
}

/// The options of `demo restart`.
#[derive(Debug, Args)]
pub struct RestartArgs {
    /// How long clients and crashes go on
    #[arg(long, value_name = "N", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    seconds: u64,
    /// What is crashed in which order, and what the clients do [default: another one each time]
    ///
    /// When it happens is the machine's affair: a seed makes runs alike, not the same.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// One line for each event, also in a terminal
    #[arg(long)]
    plain: bool,
}

/// Carries the command out.
pub fn run(demo: &Demo) -> Result<(), Exit> {
    let Demo::Restart(args) = demo;
    actix_rt::System::new().block_on(restart(args))
}

async fn restart(args: &RestartArgs) -> Result<(), Exit> {
    let seed = args.seed.unwrap_or_else(|| clock::now_us().unsigned_abs() % 10_000);
    let mut screen = Screen::new(args.plain);
    let folder = Folder::new()?;
    let shop = Shop::open(&folder).await?;
    let mut run = Run::begin(&shop, seed, args.seconds, !screen.is_live()).await?;
    run.watch.tell("begin", &format!("seed {seed}, {CLIENTS} clients, http://{}", shop.address));

    let done = run.drill(&shop, &mut screen).await;
    run.watch.tell("end", "no further crash; the clients finish what they began");
    let ledger = run.finish(&shop, &mut screen, done.is_err()).await?;
    run.watch.tell("close", "the shop stops, and its log is read from the first byte");
    let Run { watch, .. } = run;
    shop.close().await;

    let (log, mails) = (folder.log(), folder.mails());
    let gathered = blocking(move || Evidence::gather(&log, &mails, DOMAIN)).await?;
    let evidence = gathered.map_err(|error| {
        Exit::Missing(format!("the log in {} is unreadable: {error}", folder.path().display()))
    })?;
    let proofs = proof::prove(&watch.drill(), &ledger, &evidence);
    let again = format!("\nThe proof, with seed {seed}:");
    screen.print(&[vec![again], proof::lines(&proofs, screen.style)].concat());
    proof::conclude(&proofs)
}

/// The load and the drill under way.
struct Run {
    seed: u64,
    seconds: u64,
    floor: Arc<Floor>,
    clients: Vec<JoinHandle<Ledger>>,
    watch: Rc<Watch>,
}

impl Run {
    /// Puts stock into the shop and lets the clients in.
    async fn begin(shop: &Shop, seed: u64, seconds: u64, plain: bool) -> Result<Self, Exit> {
        let floor = Arc::new(Floor::default());
        let address = shop.address;
        let stock = move || Client::new(address, &Arc::default(), seed, CLIENTS).stock_up(&PIECES);
        let products = blocking(stock).await?;
        let products: Arc<[_]> = products
            .map_err(|error| Exit::Broken(format!("no stock can be put in: {error}")))?
            .into();
        let watch = Watch::new(&shop.tree.view().snapshot(0).await, plain);
        actix_rt::spawn(Rc::clone(&watch).listen(shop.tree.events()));
        let mut run = Self { seed, seconds, floor, clients: Vec::new(), watch };
        for number in 0..CLIENTS {
            let client = Client::new(address, &run.floor, seed, number);
            let products = Arc::clone(&products);
            let work = move || client.work(&products);
            let name = format!("client {number}");
            let thread = std::thread::Builder::new().name(name).spawn(work).map_err(|error| {
                run.floor.abandon();
                Exit::unusable(format!("cannot start a client: {error}"), "check the system")
            })?;
            run.clients.push(thread);
        }
        Ok(run)
    }

    /// Crashes actors until the time is over, or somebody ends it; an error if the tree gives up.
    async fn drill(&self, shop: &Shop, screen: &mut Screen) -> Result<(), ()> {
        let random = Random::part(self.seed, CLIENTS + 1);
        let drill = drill::carry_out(&shop.tree, &self.watch, random);
        tokio::select! {
            _ = timeout(Duration::from_secs(self.seconds), drill) => {}
            () = interrupted() => {}
            () = self.draw(shop, screen) => {}
            reason = shop.tree.failed() => {
                self.watch.broke(&reason.to_string());
                return Err(());
            }
        }
        // The last crash may not be mended yet.
        let mended = timeout(drill::MENDING_TIME, self.watch.all_up()).await.is_ok();
        self.watch.over(mended);
        Ok(())
    }

    /// Lets the clients finish, and the mails leave; all that the clients know.
    async fn finish(
        &mut self,
        shop: &Shop,
        screen: &mut Screen,
        is_gone: bool,
    ) -> Result<Ledger, Exit> {
        if is_gone {
            self.floor.abandon();
        } else {
            self.floor.close();
        }
        let clients = std::mem::take(&mut self.clients);
        let join = move || {
            let mut all = Ledger::default();
            for client in clients {
                match client.join() {
                    Ok(ledger) => all.merge(ledger),
                    Err(_panic) => all.complaints.push("a client panicked".to_owned()),
                }
            }
            all
        };
        let ledger = tokio::select! {
            ledger = blocking(join) => ledger?,
            () = self.draw(shop, screen) => Ledger::default(),
        };
        let mails = ledger.mails();
        let all_sent = async {
            while shop.mails.count() < mails {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        };
        tokio::select! {
            // Those that have not left by then are missing, which the proof will say.
            _ = timeout(MAIL_TIME, all_sent), if !is_gone => {}
            () = self.draw(shop, screen), if !is_gone => {}
            else => {}
        }
        self.draw_once(shop, screen).await;
        Ok(ledger)
    }

    /// Draws one frame after the other, where frames are wanted; never ends.
    async fn draw(&self, shop: &Shop, screen: &mut Screen) {
        if !screen.is_live() {
            return std::future::pending().await;
        }
        let mut frames = interval(FRAME_TIME);
        frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            frames.tick().await;
            self.draw_once(shop, screen).await;
        }
    }

    async fn draw_once(&self, shop: &Shop, screen: &mut Screen) {
        let root = shop.tree.view().snapshot(NOTABLE).await;
        let title = format!(
            "demo restart, seed {}: {} of {} s, {CLIENTS} clients, http://{}",
            self.seed,
            self.watch.time().as_secs().min(self.seconds),
            self.seconds,
            shop.address
        );
        let counts = Counts {
            acknowledged: self.floor.acknowledged.load(Ordering::Relaxed),
            refused: self.floor.refused.load(Ordering::Relaxed),
            sent_again: self.floor.sent_again.load(Ordering::Relaxed),
            mails: shop.mails.count(),
        };
        let (style, height) = (screen.style, Screen::height());
        let drill = self.watch.drill();
        screen.draw(&frame::lines(&title, counts, &root, &drill, (style, height)));
    }
}

/// Resolves when somebody wants it to end.
async fn interrupted() {
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    // Without a way to listen, the signal ends the program as it does by default.
    let [Ok(mut interrupt), Ok(mut terminate)] = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Does what blocks, on a thread that may be blocked.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Exit> {
    let done = actix_rt::task::spawn_blocking(work).await;
    done.map_err(|error| Exit::Broken(format!("a part of the demo failed: {error}")))
}
