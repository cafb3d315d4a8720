//! What a cell costs beside a bare actix actor, measured in turns in one run.
//!
//! `cargo run --release -p ordershop-supervisors --example speed`. Each figure is the best of several
//! rounds that alternate between the two, so that whatever else the machine does hits both alike.

#![allow(clippy::print_stdout, missing_docs)]

use std::time::{Duration, Instant};

use actix::Actor;
use ordershop_supervisors::{
    Context, Failure, Handle, Message, Process, Receive, ReplyTo, Strategy, SupervisorSpec, Tree,
    cell, dynamic,
};

const ROUNDS: usize = 15;
const TELLS: u64 = 200_000;
/// So many tells are queued before the actor has its turn.
const BURST: u64 = 1_000;
const ASKS: u64 = 50_000;
const CHILDREN: u64 = 100_000;

struct Bare(u64);

impl Actor for Bare {
    type Context = actix::Context<Self>;
}

struct Add(u64);

impl actix::Message for Add {
    type Result = u64;
}

impl actix::Handler<Add> for Bare {
    type Result = u64;

    fn handle(&mut self, Add(n): Add, _: &mut Self::Context) -> u64 {
        self.0 += n;
        self.0
    }
}

struct Counter(u64);

impl Process for Counter {}

impl Message for Add {
    type Reply = u64;
}

impl Receive<Add> for Counter {
    fn receive(
        &mut self,
        Add(n): Add,
        reply: ReplyTo<u64>,
        _: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        self.0 += n;
        reply.send(self.0);
        Ok(())
    }
}

/// The best time for one operation, of alternating rounds.
#[derive(Default)]
struct Best([Option<Duration>; 2]);

impl Best {
    fn note(&mut self, which: usize, since: Instant) {
        let time = since.elapsed();
        self.0[which] = Some(self.0[which].map_or(time, |best| best.min(time)));
    }

    fn tell(&self, what: &str, operations: u64) {
        let [bare, ours] = self.0.map(|time| {
            let operations = u32::try_from(operations).unwrap_or(u32::MAX);
            time.unwrap_or_default().as_secs_f64() * 1e9 / f64::from(operations)
        });
        println!("{what:28} bare {bare:7.0} ns   cell {ours:7.0} ns   {:4.2} of bare", bare / ours);
    }
}

async fn tells(bare: &actix::Addr<Bare>, ours: &Handle<Counter>) -> Best {
    let mut best = Best::default();
    for _ in 0..ROUNDS {
        let since = Instant::now();
        for _ in 0..TELLS / BURST {
            for _ in 1..BURST {
                bare.do_send(Add(1));
            }
            let _ = bare.send(Add(0)).await;
        }
        best.note(0, since);
        let since = Instant::now();
        for _ in 0..TELLS / BURST {
            for _ in 1..BURST {
                let _ = ours.tell(Add(1));
            }
            let _ = ours.ask(Add(0)).await;
        }
        best.note(1, since);
    }
    best
}

async fn asks(bare: &actix::Addr<Bare>, ours: &Handle<Counter>) -> Best {
    let mut best = Best::default();
    for _ in 0..ROUNDS {
        let since = Instant::now();
        for _ in 0..ASKS {
            let _ = bare.send(Add(1)).await;
        }
        best.note(0, since);
        let since = Instant::now();
        for _ in 0..ASKS {
            let _ = ours.ask(Add(1)).await;
        }
        best.note(1, since);
    }
    best
}

/// What of this process is in memory.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or_default() * 4096
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    actix_rt::System::new().block_on(async {
        let arbiter = actix_rt::Arbiter::new();
        let bare = Bare(0).start();
        let (unbounded, a) =
            cell("unbounded").capacity(usize::MAX).factory(|_| async { Ok(Counter(0)) });
        let (bounded, b) = cell("bounded").factory(|_| async { Ok(Counter(0)) });
        let (away, c) = cell("away").on(&arbiter.handle()).factory(|_| async { Ok(Counter(0)) });
        let bare_away = Bare::start_in_arbiter(&arbiter.handle(), |_| Bare(0));
        let (crowd, d) = dynamic("crowd").factory(|_: u64, _| async { Ok(Counter(0)) });
        let root = SupervisorSpec::new("root", Strategy::OneForOne);
        let tree = Tree::start(root.child(a).child(b).child(c).child(d)).await?;

        if std::env::args().nth(1).is_some_and(|part| part == "tell") {
            for _ in 0..20 {
                tells(&bare, &bounded).await.tell("tell, bounded", TELLS);
            }
        }
        tells(&bare, &unbounded).await.tell("tell, without bound", TELLS);
        tells(&bare, &bounded).await.tell("tell, bounded", TELLS);
        tells(&bare_away, &away).await.tell("tell, another arbiter", TELLS);
        asks(&bare, &unbounded).await.tell("ask, one after the other", ASKS);
        asks(&bare_away, &away).await.tell("ask, another arbiter", ASKS);

        let before = resident_bytes();
        let since = Instant::now();
        for key in 0..CHILDREN {
            let _ = crowd.ask(&key, Add(1)).await;
        }
        let each = since.elapsed() / u32::try_from(CHILDREN)?;
        let bytes = (resident_bytes() - before) / CHILDREN;
        println!("a child by key: {each:?} to its first answer, {bytes} bytes");
        let before = resident_bytes();
        let mut kept = Vec::new();
        for _ in 0..CHILDREN {
            let addr = Bare(0).start();
            let _ = addr.send(Add(1)).await;
            kept.push(addr);
        }
        let bytes = (resident_bytes() - before) / CHILDREN;
        println!("a bare actor: {bytes} bytes");
        tree.stop().await;
        Ok(())
    })
}
