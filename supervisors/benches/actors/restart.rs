//! How long after a panic the next incarnation gives its first answer.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::error::Infallible;
use kameo::supervision::RestartPolicy;
use ordershop_supervisors::{
    Backoff, Context, Failure as Fatal, Intensity, Message, Receive, ReplyTo, Strategy,
    SupervisorSpec, Tree, cell,
};
use serde_json::json;

use crate::cells::{Add, Counter};
use crate::contender::Contender;
use crate::contest::{print, quantile};
use crate::plain_actix::{self, Bare};
use crate::{ACTIX, CELL, Failure, KAMEO, Places, Plan, RACTOR, some_kameo, some_ractor};

const POINT: &str = "panic to the next answer";
/// How many panics there are in one round of one contender.
const PANICS: usize = 100;
/// What a restart may take, in microseconds.
const AIM: f64 = 50.0;
/// Restarts are without end here.
const UNLIMITED: Intensity = Intensity { restarts: u32::MAX, period: Duration::from_secs(1) };

static PANICKED: Mutex<Option<Instant>> = Mutex::new(None);

/// Panics, and notes when.
pub(crate) fn crash() {
    *PANICKED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    panic!("on cue");
}

/// How long ago the last panic was.
fn since_crash() -> Duration {
    let at = *PANICKED.lock().unwrap_or_else(PoisonError::into_inner);
    at.map_or(Duration::MAX, |at| at.elapsed())
}

struct Crash;

impl Message for Crash {
    type Reply = ();
}

impl Receive<Crash> for Counter {
    fn receive(
        &mut self,
        Crash: Crash,
        _reply: ReplyTo<()>,
        _: &mut Context<'_, Self>,
    ) -> Result<(), Fatal> {
        crash();
        Ok(())
    }
}

async fn of_cell() -> Result<Vec<Duration>, Failure> {
    let (counter, spec) = cell("counter").factory(|_| async { Ok(Counter(0)) });
    let root = SupervisorSpec::new("root", Strategy::OneForOne)
        .backoff(Backoff::NONE)
        .intensity(UNLIMITED)
        .child(spec);
    let tree = Tree::start(root).await?;
    let mut times = Vec::with_capacity(PANICS);
    for _ in 0..PANICS {
        if counter.ask(Crash).await.is_ok() || counter.ask(Add(1)).await? != 1 {
            return Err("a cell did not begin anew".into());
        }
        times.push(since_crash());
    }
    tree.stop().await;
    Ok(times)
}

/// Nobody restarts it: whoever asks makes another one.
async fn of_actix() -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::with_capacity(PANICS);
    let mut actor = Bare::here();
    for _ in 0..PANICS {
        if actor.0.send(plain_actix::Crash).await.is_ok() {
            return Err("an actor survived a panic".into());
        }
        actor = Bare::here();
        actor.ask(1).await;
        times.push(since_crash());
    }
    Ok(times)
}

struct Root;

impl Actor for Root {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

async fn of_kameo() -> Result<Vec<Duration>, Failure> {
    let root = Root::spawn(());
    let counter = some_kameo::Counter::supervise(&root, some_kameo::Counter(0))
        .restart_policy(RestartPolicy::Permanent)
        .restart_limit(u32::MAX, UNLIMITED.period)
        .spawn()
        .await;
    let mut times = Vec::with_capacity(PANICS);
    for _ in 0..PANICS {
        if counter.ask(some_kameo::Crash).send().await.is_ok()
            || counter.ask(some_kameo::Add(1)).send().await? != 1
        {
            return Err("an actor of kameo did not begin anew".into());
        }
        times.push(since_crash());
    }
    root.kill();
    root.wait_for_shutdown().await;
    Ok(times)
}

/// Its supervisors are told and do what their author writes: here whoever asks makes another one.
async fn of_ractor() -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::with_capacity(PANICS);
    let mut actor = some_ractor::Ref::here().await?;
    for _ in 0..PANICS {
        let outcome = actor.0.call(some_ractor::Message::Crash, None).await;
        if outcome.is_ok_and(|outcome| outcome.is_success()) {
            return Err("an actor of ractor survived a panic".into());
        }
        actor = some_ractor::Ref::here().await?;
        actor.ask(1).await;
        times.push(since_crash());
    }
    actor.0.stop(None);
    Ok(times)
}

/// Measures all of them in turn, and prints rows.
pub(crate) fn measure(places: &Places, plan: &Plan) -> Result<(), Failure> {
    if !plan.wants(POINT) {
        return Ok(());
    }
    let Places { here, plain, .. } = places;
    // Panics are the point here, and are not to be told each.
    std::panic::set_hook(Box::new(|_| {}));
    let mut times: [Vec<Duration>; 4] = Default::default();
    let begun = Instant::now();
    while times[0].is_empty() || begun.elapsed() < plan.time {
        times[0].extend(here.block_on(of_cell())?);
        times[1].extend(here.block_on(of_actix())?);
        times[2].extend(plain.block_on(of_kameo())?);
        times[3].extend(plain.block_on(of_ractor())?);
    }
    let _ = std::panic::take_hook();
    let micros = |times: &mut [Duration], part| quantile(times, part).as_secs_f64() * 1e6;
    let [ours, others @ ..] = &mut times;
    for (other, times) in [ACTIX, KAMEO, RACTOR].into_iter().zip(others) {
        let aim = (other == ACTIX).then(|| json!({"below": AIM}));
        let note = "nobody restarts it; whoever asks makes another, and its messages are lost";
        print(&json!({
            "what": format!("{POINT}: {CELL} / {other}"),
            "unit": "µs",
            "ours": micros(ours, 50),
            "bare": micros(times, 50),
            "p50_us": micros(ours, 50),
            "p99_us": micros(ours, 99),
            "aim": aim,
            "notes": if other == KAMEO { vec![] } else { vec![note] },
        }));
    }
    Ok(())
}
