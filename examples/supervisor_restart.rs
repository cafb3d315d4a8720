//! A lesson in supervision: who begins anew when a child crashes, under each strategy.
//!
//! `cargo run --example supervisor_restart`
//!
//! In each scene a small tree is started, one of its children crashes on cue, and what the tree
//! tells of itself is printed. The exit code is 0 if each scene went as the lesson says, else 1.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use ordershop_supervisors::{
    Backoff, CellBuilder, Context, Events, Failure, Handle, Heard, Intensity, Lifecycle, Message,
    Process, Receive, ReplyTo, Restart, Strategy, SupervisorSpec, Tree, cell,
};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

// 1. An actor is a process: state and handlers. A crash drops it, and its factory makes the next.

struct Worker;

impl Process for Worker {}

/// The cue.
struct Crash;

impl Message for Crash {
    type Reply = ();
}

impl Receive<Crash> for Worker {
    fn receive(
        &mut self,
        _: Crash,
        _: ReplyTo<()>,
        _: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        panic!("a bug")
    }
}

/// A question that shows who answers: the number of the incarnation.
struct WhoIsThere;

impl Message for WhoIsThere {
    type Reply = u64;
}

impl Receive<WhoIsThere> for Worker {
    fn receive(
        &mut self,
        _: WhoIsThere,
        reply: ReplyTo<u64>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        reply.send(ctx.incarnation());
        Ok(())
    }
}

// 2. A tree is data: supervisors, and children in the order in which they start.

/// A supervisor that bears two restarts within its period, and waits for none of them. (In earnest,
/// keep the default backoff: without it a child that cannot live crashes in a hot loop.)
fn supervisor(name: &str, strategy: Strategy) -> SupervisorSpec {
    SupervisorSpec::new(name, strategy)
        .intensity(Intensity { restarts: 2, ..Intensity::default() })
        .backoff(Backoff::NONE)
}

/// Adds a child; its handle outlives every incarnation.
fn with_child(
    spec: SupervisorSpec,
    name: &str,
    build: impl FnOnce(CellBuilder<Worker>) -> CellBuilder<Worker>,
) -> (SupervisorSpec, Handle<Worker>) {
    let (handle, child) = build(cell(name)).factory(|_birth| async { Ok(Worker) });
    (spec.child(child), handle)
}

/// A supervisor of `a`, `b` and `c`, and the handle of `b`.
fn abc(strategy: Strategy) -> (SupervisorSpec, Handle<Worker>) {
    let (spec, _a) = with_child(supervisor("shop", strategy), "a", |cell| cell);
    let (spec, b) = with_child(spec, "b", |cell| cell);
    let (spec, _c) = with_child(spec, "c", |cell| cell);
    (spec, b)
}

// 3. The scenes.

async fn one_for_one(stage: &mut Stage) -> Outcome<()> {
    stage.title(
        "one_for_one: b crashes",
        "The children do not need each other, so only b begins anew.",
    );
    let (spec, b) = abc(Strategy::OneForOne);
    let tree = stage.open(spec).await?;
    b.tell(Crash)?;
    stage.expect(&["shop/b panicked: a bug", "shop/b begins anew", "shop/b is up, no. 2"]).await;
    tree.stop().await;
    Ok(())
}

async fn one_for_all(stage: &mut Stage) -> Outcome<()> {
    stage.title(
        "one_for_all: b crashes",
        "Each needs all others: they stop in reverse order, and all begin anew.",
    );
    let (spec, b) = abc(Strategy::OneForAll);
    let tree = stage.open(spec).await?;
    b.tell(Crash)?;
    let expected = [
        "shop/b panicked: a bug",
        "shop/b begins anew",
        "shop/c is stopped",
        "shop/a is stopped",
        "shop/a is up, no. 2",
        "shop/b is up, no. 2",
        "shop/c is up, no. 2",
    ];
    stage.expect(&expected).await;
    tree.stop().await;
    Ok(())
}

async fn rest_for_one(stage: &mut Stage) -> Outcome<()> {
    stage.title(
        "rest_for_one: b crashes",
        "Each builds on those before it: c begins anew with b, and a does not notice.",
    );
    let (spec, b) = abc(Strategy::RestForOne);
    let tree = stage.open(spec).await?;
    b.tell(Crash)?;
    let expected = [
        "shop/b panicked: a bug",
        "shop/b begins anew",
        "shop/c is stopped",
        "shop/b is up, no. 2",
        "shop/c is up, no. 2",
    ];
    stage.expect(&expected).await;
    tree.stop().await;
    Ok(())
}

async fn temporary(stage: &mut Stage) -> Outcome<()> {
    stage.title(
        "a temporary child: b crashes, and then c",
        "No exit of a temporary child calls for a restart, not even that of a sister.",
    );
    let spec = supervisor("shop", Strategy::OneForAll);
    let (spec, _a) = with_child(spec, "a", |cell| cell);
    let (spec, b) = with_child(spec, "b", |cell| cell.restart(Restart::Temporary));
    let (spec, c) = with_child(spec, "c", |cell| cell);
    let tree = stage.open(spec).await?;
    b.tell(Crash)?;
    stage.expect(&["shop/b panicked: a bug"]).await;
    c.tell(Crash)?;
    let expected = [
        "shop/c panicked: a bug",
        "shop/c begins anew",
        "shop/a is stopped",
        "shop/a is up, no. 2",
        "shop/c is up, no. 2",
    ];
    stage.expect(&expected).await;
    // Whoever asks b is not left hanging: the answer is an error that says so.
    let answer = b.ask(WhoIsThere).await;
    stage.expect_that("asked, b does not answer", answer.is_err());
    tree.stop().await;
    Ok(())
}

async fn dynamic(stage: &mut Stage) -> Outcome<()> {
    stage.title(
        "a dynamic supervisor: the child with key 7 crashes",
        "Children by key start on demand. Each fails for itself; the crowd goes on.",
    );
    let (crowd, child) = ordershop_supervisors::dynamic("crowd")
        .label(u64::to_string)
        .backoff(Backoff::NONE)
        .factory(|_key: u64, _birth| async { Ok(Worker) });
    let tree = stage.open(supervisor("shop", Strategy::OneForOne).child(child)).await?;
    for key in [7, 8] {
        crowd.ask(&key, WhoIsThere).await?;
    }
    stage.expect(&["shop/crowd/7 is up, no. 1", "shop/crowd/8 is up, no. 1"]).await;
    let crash = crowd.ask(&7, Crash).await;
    stage.expect_that("who sent the crash is told that its answer is lost", crash.is_err());
    let expected =
        ["shop/crowd/7 panicked: a bug", "shop/crowd/7 begins anew", "shop/crowd/7 is up, no. 2"];
    stage.expect(&expected).await;
    tree.stop().await;
    Ok(())
}

async fn escalation(stage: &mut Stage) -> Outcome<()> {
    stage.title(
        "escalation: a crashes three times, and its supervisor bears two",
        "Restarting a alone is no help: low gives up, and is restarted as a whole.",
    );
    let (low, a) = with_child(supervisor("low", Strategy::OneForOne), "a", |cell| cell);
    let (low, _b) = with_child(low, "b", |cell| cell);
    let tree = stage.open(supervisor("shop", Strategy::OneForOne).child(low)).await?;
    for number in 2..4 {
        a.tell(Crash)?;
        let is_up = format!("shop/low/a is up, no. {number}");
        stage.expect(&["shop/low/a panicked: a bug", "shop/low/a begins anew", &is_up]).await;
    }
    a.tell(Crash)?;
    let expected = [
        "shop/low/a panicked: a bug",
        "shop/low gives up",
        "shop/low/b is stopped",
        "shop/low failed",
        "shop/low begins anew",
        "shop/low/a is up, no. 4",
        "shop/low/b is up, no. 2",
        "shop/low is up, no. 2",
    ];
    stage.expect(&expected).await;
    // The handle of before is as good as ever.
    let number = a.ask(WhoIsThere).await?;
    stage.expect_that("asked, a answers as incarnation 4", number == 4);
    tree.stop().await;
    Ok(())
}

// 4. What is printed, and whether it is what it should be.

/// Where the scenes are played.
#[derive(Default)]
struct Stage {
    events: Option<Events>,
    scenes: u32,
    differs: bool,
}

impl Stage {
    fn title(&mut self, title: &str, lesson: &str) {
        self.scenes += 1;
        say(&format!("\n{}. {title}\n   {lesson}\n", self.scenes));
    }

    /// Starts a tree and draws it.
    async fn open(&mut self, spec: SupervisorSpec) -> Outcome<Tree> {
        let tree = Tree::start(spec).await?;
        self.events = Some(tree.events());
        let root = tree.view().snapshot(0).await;
        let mut names = String::new();
        for child in &root.children {
            let name = child.path.trim_start_matches("shop/");
            let below: Vec<&str> =
                child.children.iter().filter_map(|child| child.path.rsplit('/').next()).collect();
            let below =
                if below.is_empty() { String::new() } else { format!(" ({})", below.join(", ")) };
            write!(names, "{}{name}{below}", if names.is_empty() { "" } else { ", " })?;
        }
        say(&format!("   shop: {names}"));
        Ok(tree)
    }

    /// Prints the next events, one for each that is expected.
    async fn expect(&mut self, expected: &[&str]) {
        for expected in expected {
            let found = match &mut self.events {
                Some(events) => events.next().await,
                None => None,
            };
            let found = found.as_ref().map_or_else(|| "nothing".to_owned(), shown);
            self.expect_that(&found, found == *expected);
        }
    }

    fn expect_that(&mut self, what: &str, is_so: bool) {
        self.differs |= !is_so;
        say(&format!("     {what}{}", if is_so { "" } else { "   <-- not as the lesson says" }));
    }
}

/// An event in few words.
fn shown(heard: &Heard) -> String {
    let event = match heard {
        Heard::Event(event) => event,
        // A listener that lags is told so; 1,024 events are kept for it.
        Heard::Missed(number) => return format!("{number} events were missed"),
    };
    let path = &event.path;
    match &event.what {
        Lifecycle::Started { incarnation } => format!("{path} is up, no. {incarnation}"),
        Lifecycle::Exited { reason, .. } if reason.failure().is_some() => format!("{path} failed"),
        Lifecycle::Exited { reason, .. } => format!("{path} {reason}"),
        Lifecycle::Restarting { .. } => format!("{path} begins anew"),
        Lifecycle::Stopped { .. } => format!("{path} is stopped"),
        Lifecycle::Escalated { .. } => format!("{path} gives up"),
        _ => event.to_string(),
    }
}

fn say(text: &str) {
    // Where stdout is gone, nobody reads.
    drop(writeln!(std::io::stdout(), "{text}"));
}

async fn play(stage: &mut Stage) -> Outcome<()> {
    say("Who begins anew when a child crashes? Under the supervisor shop, six scenes:");
    one_for_one(stage).await?;
    one_for_all(stage).await?;
    rest_for_one(stage).await?;
    temporary(stage).await?;
    dynamic(stage).await?;
    escalation(stage).await
}

fn main() -> ExitCode {
    // The crashes are on cue: what the panics say is among the events, and needs no backtraces.
    std::panic::set_hook(Box::new(|_| {}));
    let mut stage = Stage::default();
    // Cells are actix actors, so their tree is started in an actix system.
    let played = actix_rt::System::new().block_on(play(&mut stage));
    match played {
        Ok(()) if !stage.differs => {
            say(&format!("\nAll {} scenes went as the lesson says.", stage.scenes));
            ExitCode::SUCCESS
        }
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("\nThe lesson ended early: {error}"));
            ExitCode::FAILURE
        }
    }
}
