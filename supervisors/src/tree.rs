//! A running tree of supervisors.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};

use crate::check::check;
use crate::child::{Child, Event, Next, Watch};
use crate::commons::Commons;
use crate::events::{Bulletin, Events};
use crate::names::Names;
use crate::panic;
use crate::subtree::{self, SupervisorChild};
use crate::watchdog::{Patrol, Watchdog};
use crate::{ExitReason, Killer, NotRunning, StartError, SupervisorSpec, TreeView};

/// A running tree of supervisors.
///
/// Dropped, it stops in the same order as by [`Tree::stop`], without anybody waiting for it.
pub struct Tree {
    root: SupervisorChild,
    state: watch::Receiver<State>,
    commons: Arc<Commons>,
}

/// What is known of the root supervisor.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) up: bool,
    pub(crate) exit: Option<ExitReason>,
    gone: bool,
}

/// A tree that is about to start: how it is watched, and who listens from the beginning.
#[must_use = "nothing runs before it is started"]
pub struct TreeBuilder {
    root: SupervisorSpec,
    watchdog: Watchdog,
    bulletin: Arc<Bulletin>,
}

impl TreeBuilder {
    /// Sets what is done about handlers that block their thread.
    pub fn watchdog(mut self, watchdog: Watchdog) -> Self {
        self.watchdog = watchdog;
        self
    }

    /// Listens to what happens, from the first start on.
    pub fn events(&self) -> Events {
        self.bulletin.listen()
    }

    /// Starts it; see [`Tree::start`].
    pub async fn start(self) -> Result<Tree, StartError> {
        if cfg!(panic = "abort") {
            return Err(StartError::PanicAborts);
        }
        panic::note_places();
        let Self { root, watchdog, bulletin } = self;
        check(&root, &root.name)?;
        let (sender, state) = watch::channel(State::default());
        let path: Arc<str> = Arc::from(&*root.name);
        let inbox = mpsc::unbounded_channel();
        let commons = Arc::new(Commons::new(watchdog, bulletin, sender, inbox.0.clone()));
        let patrol = Mutex::new(Some(Patrol::start(&path, &commons)));
        let watch = Box::new(RootWatch { commons: Arc::clone(&commons), patrol });
        let root = subtree::launch(root, &path, inbox, watch, &commons);
        root.start();
        let mut tree = Tree { root, state, commons };
        let first = tree.state.wait_for(|state| state.up || state.exit.is_some() || state.gone);
        let exit = match first.await {
            Ok(state) if state.up => None,
            Ok(state) => Some(state.exit.clone()),
            Err(_gone) => Some(None),
        };
        match exit {
            None => Ok(tree),
            Some(exit) => {
                tree.stop().await;
                Err(match exit {
                    Some(reason) => StartError::of_child(path.to_string(), reason),
                    None => StartError::Stopped,
                })
            }
        }
    }
}

impl std::fmt::Debug for TreeBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TreeBuilder").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Tree {
    /// Starts a tree on the present arbiter: each child when the one before it is up.
    ///
    /// A child that does not start stops those before it, in reverse order, and is an error.
    /// Cells live on the arbiters they were built for. A build with `panic = "abort"` is refused.
    ///
    /// # Panics
    ///
    /// When the present thread is no arbiter.
    pub async fn start(root: SupervisorSpec) -> Result<Self, StartError> {
        Self::prepare(root).start().await
    }

    /// A tree that is about to start, for those who want to set more than its specification.
    pub fn prepare(root: SupervisorSpec) -> TreeBuilder {
        let (watchdog, bulletin) = (Watchdog::default(), Arc::new(Bulletin::new()));
        TreeBuilder { root, watchdog, bulletin }
    }

    /// Listens to what happens from now on.
    pub fn events(&self) -> Events {
        self.commons.bulletin.listen()
    }

    /// The names of its running processes.
    pub fn names(&self) -> Names {
        self.commons.names.clone()
    }

    /// Stops the children in reverse order; returns when all are down.
    ///
    /// Every ask still pending is answered with a typed error.
    pub async fn stop(&self) {
        self.root.close();
        let mut state = self.state.clone();
        // An error says that the supervisor is gone, which is what was wanted.
        let _ = state.wait_for(|state| state.gone).await;
    }

    /// Ends what is up at that path at once, as Erlang's `exit(Pid, kill)` does: a process, a
    /// supervisor with all below it, a dynamic supervisor, or one child of that by its label.
    ///
    /// It is an operator's order, and a fault on cue for drills, in any build. It is no stop: to
    /// whoever supervises it, it is an [`ExitReason::Killed`] like any other failure, which counts
    /// against the intensity and is answered by a restart, if that is what the specification says. A
    /// process is dropped where it waits next; its asks in flight end with that reason, what is
    /// queued stays for the next incarnation. A supervisor stops its children in order first. The
    /// root has nobody above it: with it the tree ends.
    ///
    /// `Ok` says that it was told; what comes of it is in the [events](Tree::events).
    pub async fn kill(&self, path: &str) -> Result<(), NotRunning> {
        self.killer().kill(path).await
    }

    /// A way to [`kill`](Tree::kill) from elsewhere.
    pub fn killer(&self) -> Killer {
        Killer::of(&self.commons)
    }

    /// A way to look at the tree while it runs.
    pub fn view(&self) -> TreeView {
        TreeView { name: self.root.name().to_owned(), root: self.root.inbox().clone() }
    }

    /// Resolves with the reason when the root supervisor has ended by itself: it gave up, or its
    /// significant children were done and it has an [`AutoShutdown`](crate::AutoShutdown).
    ///
    /// The tree is down then. After a mere [`Tree::stop`] it never resolves.
    pub async fn ended(&self) -> ExitReason {
        let mut state = self.state.clone();
        match state.wait_for(|state| state.up && state.exit.is_some()).await {
            Ok(state) => state.exit.clone().unwrap_or(ExitReason::Killed),
            Err(_gone) => std::future::pending().await,
        }
    }

    /// As [`Tree::ended`], but only when it gave up.
    pub async fn failed(&self) -> ExitReason {
        let reason = self.ended().await;
        if reason.is_abnormal() { reason } else { std::future::pending().await }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.root.close();
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("root", &self.root.name()).finish_non_exhaustive()
    }
}

struct RootWatch {
    commons: Arc<Commons>,
    patrol: Mutex<Option<Patrol>>,
}

impl Watch for RootWatch {
    fn report(&self, event: Event) -> Next {
        if matches!(event, Event::Gone) {
            drop(self.patrol.lock().unwrap_or_else(PoisonError::into_inner).take());
            self.commons.close();
        }
        self.commons.state().send_modify(|state| match event {
            Event::Started { .. } => state.up = true,
            Event::Exited { reason, .. } => state.exit = Some(reason),
            Event::Gone => state.gone = true,
        });
        Next::Close
    }
}
