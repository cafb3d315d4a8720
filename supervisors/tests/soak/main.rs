//! A hundred actors under four levels of supervisors, and failures of every kind, beside a model of
//! what OTP would do: after each failure, what stopped and what started is compared line by line.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../../../tests/support/size.rs"]
mod size;

mod model;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream;
use model::{Actor, BadStart, Node, Supervisor};
use ordershop_supervisors::{
    AskError, Backoff, Birth, ChildSpec, Failure, Handle, Intensity, Restart, Strategy,
    SupervisorSpec, Tree, cell,
};
use support::{Do, Probe, Record, is_not_delivered, ms, paused};
use tokio::time::Instant;

/// How many failures, on every day and at full size.
const FAILURES: [usize; 2] = [400, 10_000];
/// How much more memory the second half of a run may hold than the first.
const MEMORY_SLACK: u64 = 16 << 20;
const ACTORS: usize = 100;

/// The `SplitMix64` generator: the same failures for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap() % bound
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// How the next starts of each actor fail, for the factories.
type BadStarts = Arc<Mutex<HashMap<usize, Vec<BadStart>>>>;

/// The real tree beside the model of it.
struct Run {
    tree: Tree,
    handles: HashMap<usize, Handle<Probe>>,
    record: Record,
    bad_starts: BadStarts,
    model: Supervisor,
}

/// Four levels: the root, 3 supervisors, 9 supervisors, and 100 actors among them all.
fn plan(chance: &mut Chance) -> Supervisor {
    let strategies = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
    let restarts = [
        Restart::Permanent,
        Restart::Permanent,
        Restart::Permanent,
        Restart::Transient,
        Restart::Temporary,
    ];
    let period = Duration::from_secs(10);
    let mut numbers = 0..ACTORS;
    let actor = |chance: &mut Chance, number: usize| {
        Node::Actor(Actor::new(number, format!("a{number}"), chance.of(&restarts)))
    };
    let mut mids = Vec::new();
    for m in 0..3 {
        let mut lows: Vec<Node> =
            numbers.by_ref().take(3).map(|number| actor(chance, number)).collect();
        for l in 0..3 {
            let actors = numbers.by_ref().take(10).map(|number| actor(chance, number)).collect();
            let kind = (chance.of(&strategies), chance.of(&restarts[..4]));
            lows.push(Node::Supervisor(Supervisor::new(
                format!("low{m}{l}"),
                kind,
                (3, period),
                actors,
            )));
        }
        let kind = (chance.of(&strategies), chance.of(&restarts[..4]));
        mids.push(Node::Supervisor(Supervisor::new(format!("mid{m}"), kind, (2, period), lows)));
    }
    mids.extend(numbers.map(|number| actor(chance, number)));
    Supervisor::new("root".into(), (chance.of(&strategies), Restart::Permanent), (2, period), mids)
}

impl Run {
    async fn start(chance: &mut Chance) -> Self {
        let mut model = plan(chance);
        let (record, bad_starts) = (Record::default(), BadStarts::default());
        let mut handles = HashMap::new();
        let spec = spec_of(&model, &record, &bad_starts, &mut handles);
        let tree = Tree::start(spec).await.unwrap();
        let mut log = Vec::new();
        assert!(model.start(&mut log));
        let run = Self { tree, handles, record, bad_starts, model };
        assert_eq!(run.happened(), log);
        run
    }

    /// What started and what was dropped since the last call.
    fn happened(&self) -> Vec<String> {
        let mut lines = self.record.take();
        lines.retain(|line| !line.ends_with("stopping"));
        lines
    }

    /// One failure, and all that comes of it; whether the tree lives on.
    async fn fail(&mut self, chance: &mut Chance) -> bool {
        let number = chance.below(ACTORS);
        let handle = self.handles[&number].clone();
        let up = self.model.actors()[number].is_up;
        if !up {
            // It ended for good, or until its supervisor begins anew.
            assert!(is_not_delivered(&handle.ask(Do::Answer).await), "a{number} is down");
            return true;
        }
        let bad: Vec<_> = (0..chance.of(&[0, 0, 0, 0, 1, 2]))
            .map(|_| chance.of(&[BadStart::Error, BadStart::Panic, BadStart::InStarted]))
            .collect();
        self.bad_starts.lock().unwrap().insert(number, bad.clone());
        self.model.actors()[number].bad_starts = bad;

        let (kind, abnormal) = chance.of(&KINDS);
        let monitor = handle.monitor();
        handle.tell(failure(kind)).unwrap();
        // One that waits behind the failure is answered, or comes back: it never hangs.
        let (_, behind) = futures_util::future::join(monitor, handle.ask(Do::Answer)).await;
        let now = Instant::now();
        // Time goes on only when nothing is left to do.
        tokio::time::sleep(ms(1)).await;
        let mut log = Vec::new();
        let lives = self.model.actor_ended(number, abnormal, now, &mut log).expect("it is there");
        assert_eq!(self.happened(), log, "after {kind:?} of a{number}");
        let actor = &self.model.actors()[number];
        match behind {
            Ok(incarnation) => {
                // That one may have been stopped since, by the failed start of another.
                let up = format!("a{number} up {incarnation}");
                assert!(log.contains(&up), "after {kind:?} of a{number}: {up}, {log:?}");
            }
            Err(AskError::Lost(_)) => {}
            Err(_) => assert!(!actor.is_up, "a{number} is up, but sent its letter back"),
        }
        let left: Vec<_> = self.model.actors()[number].bad_starts.clone();
        assert_eq!(self.bad_starts.lock().unwrap()[&number], left);
        lives
    }

    /// Every actor answers with the incarnation that the model has it in, or is down as there.
    async fn compare(&mut self) {
        for actor in self.model.actors() {
            let answer = self.handles[&actor.number].ask(Do::Answer).await;
            assert_eq!(answer.ok(), actor.is_up.then_some(actor.incarnation), "{}", actor.name);
        }
    }
}

fn spec_of(
    supervisor: &Supervisor,
    record: &Record,
    bad_starts: &BadStarts,
    handles: &mut HashMap<usize, Handle<Probe>>,
) -> SupervisorSpec {
    let mut spec = SupervisorSpec::new(&*supervisor.name, supervisor.strategy)
        .intensity(Intensity {
            restarts: u32::try_from(supervisor.restarts).unwrap(),
            period: supervisor.period,
        })
        .backoff(Backoff::NONE)
        .restart(supervisor.restart);
    for child in &supervisor.children {
        spec = spec.child(match child {
            Node::Supervisor(below) => ChildSpec::from(spec_of(below, record, bad_starts, handles)),
            Node::Actor(actor) => {
                let (number, name) = (actor.number, actor.name.clone());
                let (record, bad_starts) = (record.clone(), Arc::clone(bad_starts));
                let (handle, child) = cell(&*actor.name).restart(actor.restart).factory(
                    move |birth: Birth<Probe>| {
                        let (name, record) = (name.clone(), record.clone());
                        let bad = bad_starts
                            .lock()
                            .unwrap()
                            .get_mut(&number)
                            .filter(|bad| !bad.is_empty())
                            .map(|bad| bad.remove(0));
                        async move {
                            match bad {
                                Some(BadStart::Error) => return Err(Failure::new("no")),
                                Some(BadStart::Panic) => panic!("in the factory"),
                                Some(BadStart::InStarted) | None => {}
                            }
                            let mut probe = Probe::new(&name, record, birth.incarnation);
                            probe.panic_in_started = bad.is_some();
                            Ok(probe)
                        }
                    },
                );
                handles.insert(number, handle);
                child
            }
        });
    }
    spec
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Panic,
    FirstPoll,
    LaterPoll,
    Pause,
    Timer,
    Interval,
    Stream,
    Error,
    ErrorInTimer,
    PanicInDrop,
    Stop,
    PanicInStopping,
}

/// All kinds, and whether the exit is abnormal.
const KINDS: [(Kind, bool); 12] = [
    (Kind::Panic, true),
    (Kind::FirstPoll, true),
    (Kind::LaterPoll, true),
    (Kind::Pause, true),
    (Kind::Timer, true),
    (Kind::Interval, true),
    (Kind::Stream, true),
    (Kind::Error, true),
    (Kind::ErrorInTimer, true),
    (Kind::PanicInDrop, true),
    (Kind::Stop, false),
    (Kind::PanicInStopping, true),
];

/// A message by which its process fails, and that keeps the mailbox shut until it does.
fn failure(kind: Kind) -> Do {
    Do::with(move |probe, ctx| {
        match kind {
            Kind::Panic => panic!("on cue"),
            Kind::Error => return Err(Failure::new("on cue")),
            Kind::Stop | Kind::PanicInStopping => {
                probe.panic_in_stopping = matches!(kind, Kind::PanicInStopping);
                ctx.stop();
                // A stop waits for pauses, and then no more is read anyway.
                return Ok(());
            }
            Kind::PanicInDrop => {
                probe.panic_on_drop = true;
                return Err(Failure::new("on cue"));
            }
            Kind::FirstPoll => ctx.spawn(async { panic!("on cue") }, |_, (), _| Ok(())),
            Kind::LaterPoll => {
                let late = async {
                    tokio::time::sleep(ms(1)).await;
                    panic!("on cue");
                };
                ctx.spawn(late, |_, (), _| Ok(()));
            }
            Kind::Pause => ctx.pause(async { panic!("on cue") }, |_, (), _| Ok(())),
            Kind::Timer => ctx.after(ms(1), |_, _| panic!("on cue")),
            Kind::Interval => ctx.every(ms(1), |_, _| panic!("on cue")),
            Kind::Stream => ctx.stream(stream::iter([()]), |_, item, _| {
                assert!(item.is_none(), "on cue");
                Ok(())
            }),
            Kind::ErrorInTimer => ctx.after(ms(1), |_, _| Err(Failure::new("on cue"))),
        }
        ctx.pause(std::future::pending::<()>(), |_, (), _| Ok(()));
        Ok(())
    })
}

/// What of this process is in memory.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn a_hundred_actors_fail_in_every_way_and_do_what_otp_would_do() {
    // Thousands of panics on cue are not worth a line each.
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied().unwrap_or_default();
        if !["on cue", "in drop", "in stopping", "in started", "in the factory"].contains(&text) {
            let (thread, place) = (std::thread::current(), info.location());
            let text = payload.downcast_ref::<String>().map_or(text, String::as_str);
            drop(std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("{:?} panicked at {place:?}: {text}\n", thread.name()).as_bytes(),
            ));
        }
    }));
    let failures = size::size(FAILURES[0], FAILURES[1]);
    paused(async move {
        let mut chance = Chance(4711);
        let (mut trees, mut half) = (1, 0);
        let mut run = Run::start(&mut chance).await;
        for n in 0..failures {
            if n == failures / 2 {
                half = resident_bytes();
            }
            if !run.fail(&mut chance).await {
                // The root gave up: that tree is over, and everything in it.
                run.tree.failed().await;
                for handle in run.handles.values() {
                    assert!(is_not_delivered(&handle.ask(Do::Answer).await));
                }
                run = Run::start(&mut chance).await;
                trees += 1;
            }
            if n % 50 == 0 {
                run.compare().await;
            }
            let pause = chance.below(4_000);
            tokio::time::sleep(ms(u64::try_from(pause).unwrap())).await;
        }
        run.compare().await;
        run.tree.stop().await;
        let drops = run.happened().len();
        let living = run.model.actors().iter().filter(|actor| actor.is_up).count();
        assert_eq!(drops, living, "what was up was dropped, each once");
        assert!(trees > 1, "no run of failures was long enough to reach the root");
        let grown = resident_bytes().saturating_sub(half);
        assert!(grown < MEMORY_SLACK, "{grown} bytes more than at half time");
    });
}
