//! What can be seen of a running tree: each supervisor, process and crowd of children, as data.
//!
//! Nothing is counted on the way of a message. A supervisor notes starts and exits, which it hears
//! of anyway; all else is read from what cells share with their handles, when somebody asks. A
//! supervisor's own task tells of its children; crowds are counted by whoever asks.

use std::sync::Arc;
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
    /// How many of its restarts count against its supervisor's intensity at this moment; of a
    /// supervisor, how many of its children's count against its own.
    pub restarts_in_window: u32,
    /// How it last ended, but for orderly stops.
    pub last_failure: Option<LastFailure>,
    /// For how long it has been running.
    pub uptime: Option<Duration>,
    /// How many messages it has taken out of its mailbox, over all its incarnations; of a process.
    pub handled: Option<u64>,
    /// The name of the arbiter's thread it lives on; of a process that has come there.
    pub arbiter: Option<String>,
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
    /// Where, as `file:line`: the panic, or where the failure was made.
    pub place: Option<Arc<str>>,
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
        let root_sketch = Sketch {
            path: self.name.clone(),
            state: NodeState::Running,
            restarts_in_window: 0,
            seen: Seen::default(),
        };
        complete(root_sketch, root, notable).await
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
    last_failure: Option<Noted>,
}

/// A failure, as noted when it was heard of.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub(crate) reason: String,
    pub(crate) place: Option<Arc<str>>,
    pub(crate) at: Instant,
}

impl Noted {
    pub(crate) fn new(reason: &ExitReason) -> Self {
        Self { reason: reason.to_string(), place: reason.place(), at: Instant::now() }
    }
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
            self.last_failure = Some(Noted::new(reason));
        }
    }
}

/// What a supervisor tells of itself and its children.
pub(crate) struct Report {
    pub(crate) strategy: Strategy,
    pub(crate) own: Seen,
    pub(crate) running: bool,
    pub(crate) restarts_in_window: u32,
    pub(crate) children: Vec<(Sketch, Look)>,
}

/// What its supervisor knows of a child.
pub(crate) struct Sketch {
    pub(crate) path: String,
    pub(crate) state: NodeState,
    pub(crate) restarts_in_window: u32,
    pub(crate) seen: Seen,
}

/// How the rest can be known.
pub(crate) enum Look {
    /// It is a process, with so many messages.
    Process { depth: usize, handled: u64, arbiter: Option<String> },
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
    pub(crate) handled: u64,
    pub(crate) arbiter: Option<String>,
    pub(crate) last_failure: Option<Noted>,
}

fn failure(Noted { reason, place, at }: Noted) -> LastFailure {
    LastFailure { reason, place, ago: at.elapsed() }
}

/// Makes a node of what is known, asking for the rest.
fn complete(sketch: Sketch, look: Look, notable: usize) -> BoxFuture<'static, Node> {
    async move {
        let Sketch { path, state, restarts_in_window, seen } = sketch;
        let mut node = Node {
            path,
            kind: NodeKind::Process { depth: 0 },
            state,
            incarnations: seen.incarnations,
            restarts_in_window,
            last_failure: seen.last_failure.map(failure),
            uptime: seen.up_since.map(|at| at.elapsed()),
            handled: None,
            arbiter: None,
            children: Vec::new(),
        };
        match look {
            Look::Process { depth, handled, arbiter } => {
                node.kind = NodeKind::Process { depth };
                node.handled = Some(handled);
                node.arbiter = arbiter;
            }
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
    node.restarts_in_window = report.restarts_in_window;
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
        .map(|member| Node {
            path: format!("{}/{}", node.path, member.name),
            kind: NodeKind::Process { depth: member.depth },
            state: member.state,
            incarnations: member.incarnations,
            restarts_in_window: 0,
            last_failure: member.last_failure.map(failure),
            uptime: None,
            handled: Some(member.handled),
            arbiter: member.arbiter,
            children: Vec::new(),
        })
        .collect();
}
