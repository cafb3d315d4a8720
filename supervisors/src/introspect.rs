//! What can be seen of a running tree: each supervisor, process and crowd of children, as data.
//!
//! Nothing is counted on the way of a message. A supervisor notes starts and exits, which it hears
//! of anyway; all else is read from what cells share with their handles, when somebody asks. A
//! supervisor's own task tells of its children; crowds are counted by whoever asks.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, join_all};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use crate::subtree::Notice;
use crate::{ExitReason, Strategy};

/// How long a supervisor may take to tell of its children; one that is just stopping them may take
/// longer, and is then shown as not answering.
const LOOK_PATIENCE: Duration = Duration::from_secs(1);

/// A supervisor, a process, or a crowd of children by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The names from the root down to this one, joined by `/`.
    pub path: String,
    /// What it is.
    pub kind: NodeKind,
    /// What it is doing.
    pub state: NodeState,
    /// How many times it was started, or tried to.
    pub incarnations: u64,
    /// How it last ended, but for orderly stops.
    pub last_failure: Option<LastFailure>,
    /// For how long it has been running.
    pub uptime: Option<Duration>,
    /// What it supervises, in the order in which it starts; of a crowd, those worth a look.
    pub children: Vec<Node>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeKind {
    /// A supervisor of a fixed list of children.
    Supervisor(Strategy),
    /// A process.
    Process {
        /// How many messages its mailbox holds.
        depth: usize,
    },
    /// A supervisor of children by key.
    Dynamic {
        /// How many children live.
        living: usize,
        /// How many keys are unavailable, because their child failed too often.
        cooling_down: usize,
        /// How often a child has failed so far.
        failures: u64,
    },
}

/// What a node is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeState {
    /// It is up.
    Running,
    /// It is on its way up, or waits until those before it are.
    Starting,
    /// It failed, and begins anew after a while.
    BackingOff,
    /// It failed too often, and is unavailable for a while.
    CoolingDown,
    /// It is down.
    Down,
    /// Its supervisor did not tell in time, as while it stops its children.
    Unknown,
}

/// How something failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastFailure {
    /// The reason, as it is told to people.
    pub reason: String,
    /// How long ago.
    pub ago: Duration,
}

/// Looks at a running tree; cheap to clone, and may be used from any thread.
#[derive(Clone)]
pub struct TreeView {
    pub(crate) name: String,
    pub(crate) root: mpsc::UnboundedSender<Notice>,
}

impl TreeView {
    /// The tree as it is now. Of each crowd, at most `notable` children are among it: those that
    /// failed lately, and those with the longest mailboxes.
    pub async fn snapshot(&self, notable: usize) -> Node {
        let root = Look::Supervisor(self.root.clone());
        let seen =
            Sketch { path: self.name.clone(), state: NodeState::Running, seen: Seen::default() };
        complete(seen, root, notable).await
    }
}

impl std::fmt::Debug for TreeView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TreeView").field("root", &self.name).finish_non_exhaustive()
    }
}

/// What a supervisor has noted of a child.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) incarnations: u64,
    up_since: Option<Instant>,
    last_failure: Option<(String, Instant)>,
}

impl Seen {
    pub(crate) fn started(&mut self, incarnation: u64) {
        self.incarnations = self.incarnations.max(incarnation);
        self.up_since = Some(Instant::now());
    }

    pub(crate) fn exited(&mut self, incarnation: u64, reason: &ExitReason) {
        self.incarnations = self.incarnations.max(incarnation);
        self.up_since = None;
        if reason.is_abnormal() {
            self.last_failure = Some((reason.to_string(), Instant::now()));
        }
    }
}

/// What a supervisor tells of itself and its children.
pub(crate) struct Report {
    pub(crate) strategy: Strategy,
    pub(crate) own: Seen,
    pub(crate) running: bool,
    pub(crate) children: Vec<(Sketch, Look)>,
}

/// What its supervisor knows of a child.
pub(crate) struct Sketch {
    pub(crate) path: String,
    pub(crate) state: NodeState,
    pub(crate) seen: Seen,
}

/// How the rest can be known.
pub(crate) enum Look {
    /// It is a process, with so many messages.
    Process { depth: usize },
    /// It is a supervisor, and must be asked.
    Supervisor(mpsc::UnboundedSender<Notice>),
    /// It is a crowd, to be counted by whoever asks; named are at most so many of it.
    Crowd(Box<dyn FnOnce(usize) -> Crowd + Send>),
}

/// What is known of a crowd.
#[derive(Default)]
pub(crate) struct Crowd {
    pub(crate) living: usize,
    pub(crate) cooling_down: usize,
    pub(crate) failures: u64,
    pub(crate) notable: Vec<Member>,
}

/// One of a crowd.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) state: NodeState,
    pub(crate) depth: usize,
    pub(crate) incarnations: u64,
    pub(crate) last_failure: Option<(String, Instant)>,
}

fn failure((reason, at): (String, Instant)) -> LastFailure {
    LastFailure { reason, ago: at.elapsed() }
}

/// Makes a node of what is known, asking for the rest.
fn complete(sketch: Sketch, look: Look, notable: usize) -> BoxFuture<'static, Node> {
    async move {
        let Sketch { path, state, seen } = sketch;
        let mut node = Node {
            path,
            kind: NodeKind::Process { depth: 0 },
            state,
            incarnations: seen.incarnations,
            last_failure: seen.last_failure.map(failure),
            uptime: seen.up_since.map(|at| at.elapsed()),
            children: Vec::new(),
        };
        match look {
            Look::Process { depth } => node.kind = NodeKind::Process { depth },
            Look::Supervisor(inbox) => ask(&mut node, &inbox, notable).await,
            Look::Crowd(count) => add_crowd(&mut node, count(notable)),
        }
        node
    }
    .boxed()
}

async fn ask(node: &mut Node, inbox: &mpsc::UnboundedSender<Notice>, notable: usize) {
    let (answer, answered) = oneshot::channel();
    // A supervisor that is gone drops the question unanswered.
    let _ = inbox.send(Notice::Look(answer));
    let Ok(Ok(report)) = timeout(LOOK_PATIENCE, answered).await else {
        node.kind = NodeKind::Supervisor(Strategy::OneForOne);
        node.state = NodeState::Unknown;
        return;
    };
    node.kind = NodeKind::Supervisor(report.strategy);
    if !report.running && node.state == NodeState::Running {
        node.state = NodeState::Starting;
    }
    // Nobody stands above the root to note its starts.
    node.incarnations = node.incarnations.max(report.own.incarnations);
    node.uptime = node.uptime.or(report.own.up_since.map(|at| at.elapsed()));
    let children = report.children.into_iter();
    node.children = join_all(children.map(|(sketch, look)| complete(sketch, look, notable))).await;
}

fn add_crowd(node: &mut Node, crowd: Crowd) {
    let Crowd { living, cooling_down, failures, notable } = crowd;
    node.kind = NodeKind::Dynamic { living, cooling_down, failures };
    node.children = notable
        .into_iter()
        .map(|Member { name, state, depth, incarnations, last_failure }| Node {
            path: format!("{}/{name}", node.path),
            kind: NodeKind::Process { depth },
            state,
            incarnations,
            last_failure: last_failure.map(failure),
            uptime: None,
            children: Vec::new(),
        })
        .collect();
}
