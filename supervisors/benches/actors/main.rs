//! What a cell costs beside a bare actix actor and the actors of kameo and ractor. `cargo xtask bench`
//! builds and runs it.
//!
//! `actors SECONDS` measures each point for that long, all contenders in turn, and prints rows of
//! figures; `actors SECONDS WORD` only the points whose names begin with that word. `actors bytes
//! CONTENDER COUNT`, in a process of its own, tells what so many actors take.
#![expect(clippy::print_stdout, reason = "it tells figures")]

mod bytes;
mod cells;
mod contender;
mod contest;
mod plain_actix;
mod restart;
mod some_kameo;
mod some_ractor;

use std::env;
use std::time::Duration;

use actix_rt::System;
use tokio::runtime::{self, Runtime};

use cells::{Cells, Family};
use contender::{BACKLOG, BURST, asks, asks_at_once, backlog, bursts, spawns};
use contest::{Contest, on_arbiter, on_main, on_runtime};
use plain_actix::Bare;

/// Why a program cannot go on.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The names of the contenders, in rows and on the command line.
const CELL: &str = "cell";
const ACTIX: &str = "actix";
const KAMEO: &str = "kameo";
const RACTOR: &str = "ractor";

/// Where actors and those who ask them are.
struct Places {
    /// The thread of the program: the arbiter of cells and of bare actors.
    here: actix_rt::SystemRunner,
    /// The same thread, for actors that know no arbiter.
    plain: Runtime,
    /// The runtime on which such actors are run most often.
    many: Runtime,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [seconds] => all(&Plan::new(seconds, "")?),
        ["bytes", contender, count] => bytes::tell(&Places::new()?, contender, count.parse()?),
        [seconds, word] => all(&Plan::new(seconds, word)?),
        _ => {
            println!("`cargo xtask bench supervision` runs this");
            Ok(())
        }
    }
}

/// What is measured, and for how long.
struct Plan {
    time: Duration,
    /// How the names of the points begin.
    word: String,
}

impl Plan {
    fn new(seconds: &str, word: &str) -> Result<Self, Failure> {
        Ok(Self { time: Duration::from_secs_f64(seconds.parse()?), word: word.to_owned() })
    }

    fn wants(&self, point: &str) -> bool {
        point.starts_with(&self.word)
    }
}

impl Places {
    fn new() -> Result<Self, Failure> {
        Ok(Self {
            here: System::new(),
            plain: runtime::Builder::new_current_thread().enable_all().build()?,
            many: runtime::Builder::new_multi_thread().enable_all().build()?,
        })
    }
}

fn all(plan: &Plan) -> Result<(), Failure> {
    let places = Places::new()?;
    let cells = places.here.block_on(Cells::start())?;
    let bare = places.here.block_on(async { Bare::here() });
    let kameo = places.plain.block_on(async { some_kameo::Ref::here() });
    let ractor = places.plain.block_on(some_ractor::Ref::here())?;
    one_thread(&places, plan, &cells.here, &bare, &kameo, &ractor)?;
    let kameo = places.many.block_on(async { some_kameo::Ref::here() });
    let ractor = places.many.block_on(some_ractor::Ref::here())?;
    pool(&places, plan, &cells.here, &kameo, &ractor)?;

    let arbiter = cells.arbiter.handle();
    let bare = Bare::on(&arbiter);
    let kameo = places.here.block_on(some_kameo::Ref::on(&arbiter))?;
    let ractor = places.here.block_on(some_ractor::Ref::on(&arbiter))?;
    two_threads(&places, plan, &cells.away, &bare, &kameo, &ractor)?;
    places.here.block_on(cells.stop());

    spawning(&places, plan)?;
    restart::measure(&places, plan)?;
    bytes::compare(plan)
}

/// Actors and askers share one thread.
fn one_thread(
    places: &Places,
    plan: &Plan,
    cells: &Family,
    bare: &Bare,
    kameo: &some_kameo::Ref,
    ractor: &some_ractor::Ref,
) -> Result<(), Failure> {
    let Places { here, plain, .. } = places;
    let mut contest = Contest::new(format!("tell, bursts of {BURST}"));
    contest.enter("unbounded cell", on_arbiter(here, &cells.unbounded, bursts));
    contest.enter(CELL, on_arbiter(here, &cells.bounded, bursts));
    contest.enter(ACTIX, on_arbiter(here, bare, bursts));
    contest.enter(KAMEO, on_runtime(plain, kameo, bursts));
    contest.enter(RACTOR, on_runtime(plain, ractor, bursts));
    tell_aims(&contest.run(plan))?;

    let mut contest = Contest::new(format!("tell, a backlog of {BACKLOG}"));
    contest.enter("unbounded cell", on_arbiter(here, &cells.unbounded, backlog));
    contest.enter(CELL, on_arbiter(here, &cells.roomy, backlog));
    contest.enter(ACTIX, on_arbiter(here, bare, backlog));
    contest.enter(KAMEO, on_runtime(plain, kameo, backlog));
    contest.enter(RACTOR, on_runtime(plain, ractor, backlog));
    tell_aims(&contest.run(plan))?;

    let mut contest = Contest::new("ask, one after the other");
    contest.enter(CELL, on_arbiter(here, &cells.bounded, asks));
    contest.enter(ACTIX, on_arbiter(here, bare, asks));
    contest.enter(KAMEO, on_runtime(plain, kameo, asks));
    contest.enter(RACTOR, on_runtime(plain, ractor, asks));
    let results = contest.run(plan);
    results.row(CELL, ACTIX, Some(0.9))?;
    results.row(CELL, KAMEO, Some(20.0))?;
    results.row(CELL, RACTOR, Some(20.0))?;

    let mut contest = Contest::new("ask, 256 in flight");
    contest.enter(CELL, on_arbiter(here, &cells.bounded, asks_at_once));
    contest.enter(ACTIX, on_arbiter(here, bare, asks_at_once));
    contest.enter(KAMEO, on_runtime(plain, kameo, asks_at_once));
    contest.enter(RACTOR, on_runtime(plain, ractor, asks_at_once));
    contest.run(plan).rows(CELL, &[ACTIX, KAMEO, RACTOR])
}

fn tell_aims(results: &contest::Results) -> Result<(), Failure> {
    results.row("unbounded cell", ACTIX, Some(0.9))?;
    results.row(CELL, ACTIX, Some(0.6))?;
    results.row(CELL, KAMEO, Some(5.0))?;
    results.row(CELL, RACTOR, Some(5.0))
}

/// The others run on the threads of tokio's pool, and `main` asks them, as most programs begin.
fn pool(
    places: &Places,
    plan: &Plan,
    cells: &Family,
    kameo: &some_kameo::Ref,
    ractor: &some_ractor::Ref,
) -> Result<(), Failure> {
    let Places { here, many, .. } = places;
    let mut contest = Contest::new(format!("arbiter / tokio::main: tell, bursts of {BURST}"));
    contest.enter(CELL, on_arbiter(here, &cells.bounded, bursts));
    contest.enter(KAMEO, on_main(many, kameo, bursts));
    contest.enter(RACTOR, on_main(many, ractor, bursts));
    let results = contest.run(plan);
    results.row(CELL, KAMEO, Some(5.0))?;
    results.row(CELL, RACTOR, Some(5.0))?;

    let mut contest = Contest::new("arbiter / tokio::main: ask, one after the other");
    contest.enter(CELL, on_arbiter(here, &cells.bounded, asks));
    contest.enter(KAMEO, on_main(many, kameo, asks));
    contest.enter(RACTOR, on_main(many, ractor, asks));
    let results = contest.run(plan);
    results.row(CELL, KAMEO, Some(20.0))?;
    results.row(CELL, RACTOR, Some(20.0))
}

/// The actors are on a thread of their own, with a runtime of their own.
fn two_threads(
    places: &Places,
    plan: &Plan,
    cells: &Family,
    bare: &Bare,
    kameo: &some_kameo::Ref,
    ractor: &some_ractor::Ref,
) -> Result<(), Failure> {
    let here = &places.here;
    let mut contest = Contest::new(format!("two threads: tell, bursts of {BURST}"));
    contest.enter(CELL, on_arbiter(here, &cells.bounded, bursts));
    contest.enter(ACTIX, on_arbiter(here, bare, bursts));
    contest.enter(KAMEO, on_arbiter(here, kameo, bursts));
    contest.enter(RACTOR, on_arbiter(here, ractor, bursts));
    contest.run(plan).rows(CELL, &[ACTIX, KAMEO, RACTOR])?;

    let mut contest = Contest::new("two threads: ask, one after the other");
    contest.enter(CELL, on_arbiter(here, &cells.bounded, asks));
    contest.enter(ACTIX, on_arbiter(here, bare, asks));
    contest.enter(KAMEO, on_arbiter(here, kameo, asks));
    contest.enter(RACTOR, on_arbiter(here, ractor, asks));
    contest.run(plan).rows(CELL, &[ACTIX, KAMEO, RACTOR])?;

    let mut contest = Contest::new("two threads: ask, 256 in flight");
    contest.enter(CELL, on_arbiter(here, &cells.bounded, asks_at_once));
    contest.enter(ACTIX, on_arbiter(here, bare, asks_at_once));
    contest.enter(KAMEO, on_arbiter(here, kameo, asks_at_once));
    contest.enter(RACTOR, on_arbiter(here, ractor, asks_at_once));
    contest.run(plan).rows(CELL, &[ACTIX, KAMEO, RACTOR])
}

/// Actors that come to be, up to the first answer of each.
fn spawning(places: &Places, plan: &Plan) -> Result<(), Failure> {
    let Places { here, plain, .. } = places;
    let mut contest = Contest::new("spawn, to the first answer");
    contest.enter(CELL, Box::new(|| here.block_on(spawns::<cells::Crowd>())));
    contest.enter(ACTIX, Box::new(|| here.block_on(spawns::<plain_actix::Crowd>())));
    contest.enter(KAMEO, Box::new(|| plain.block_on(spawns::<some_kameo::Crowd>())));
    contest.enter(RACTOR, Box::new(|| plain.block_on(spawns::<some_ractor::Crowd>())));
    contest.run(plan).rows(CELL, &[ACTIX, KAMEO, RACTOR])
}
