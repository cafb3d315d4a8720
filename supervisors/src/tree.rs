//! A running tree of supervisors.

use tokio::sync::watch;

use crate::check::check;
use crate::child::{Child, Event, Next, Watch};
use crate::subtree::{self, SupervisorChild};
use crate::{ExitReason, StartError, SupervisorSpec, TreeView};

/// A running tree of supervisors.
///
/// Dropped, it stops in the same order as by [`Tree::stop`], without anybody waiting for it.
pub struct Tree {
    root: SupervisorChild,
    state: watch::Receiver<State>,
}

/// What is known of the root supervisor.
#[derive(Debug, Default)]
struct State {
    up: bool,
    exit: Option<ExitReason>,
    gone: bool,
}

impl Tree {
    /// Starts a tree on the present arbiter: each child when the one before it is up.
    ///
    /// A child that does not start stops those before it, in reverse order, and is an error.
    /// Cells live on the arbiters they were built for.
    ///
    /// # Panics
    ///
    /// When the present thread is no arbiter.
    pub async fn start(root: SupervisorSpec) -> Result<Self, StartError> {
        if cfg!(panic = "abort") {
            return Err(StartError::PanicAborts);
        }
        check(&root, &root.name)?;
        let (sender, state) = watch::channel(State::default());
        let path = root.name.clone();
        let root = subtree::launch(root, &path, Box::new(RootWatch(sender)));
        root.start();
        let mut tree = Self { root, state };
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
                    Some(reason) => StartError::of_child(path, reason),
                    None => StartError::Stopped,
                })
            }
        }
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

struct RootWatch(watch::Sender<State>);

impl Watch for RootWatch {
    fn report(&self, event: Event) -> Next {
        self.0.send_modify(|state| match event {
            Event::Started { .. } => state.up = true,
            Event::Exited { reason, .. } => state.exit = Some(reason),
            Event::Gone => state.gone = true,
        });
        Next::Close
    }
}
