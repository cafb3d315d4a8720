//! What happens when a child of a dynamic supervisor ends.

use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;

use crate::cell::{Origin, Timing};
use crate::child::{Event, Next, Watch};
use crate::children::Children;
use crate::events::Lifecycle;
use crate::verdict::chance;
use crate::{Birth, ExitReason, Failure, History, Process, Verdict, verdict};

/// The ear for one child, and its factory: what a supervisor decides is decided here, in the child's
/// own thread.
pub(crate) struct KeyWatch<K, P: Process> {
    children: Arc<Children<K, P>>,
    key: K,
    number: u64,
    name: Arc<str>,
    /// Made at the first restart; boxed, since most children have none.
    history: Mutex<Option<Box<History>>>,
}

impl<K, P> KeyWatch<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    pub(crate) fn new(children: Arc<Children<K, P>>, key: K, number: u64, name: Arc<str>) -> Self {
        Self { children, key, number, name, history: Mutex::default() }
    }

    fn exited(&self, incarnation: u64, reason: &ExitReason) -> Next {
        let limits = self.children.limits();
        let (path, child) = (&**self.children.path(), &*self.name);
        tracing::debug!(path, child, incarnation, %reason, "exited");
        self.children.tell(child, || Lifecycle::Exited { incarnation, reason: reason.clone() });
        if !self.children.is_open() || matches!(reason, ExitReason::Shutdown) {
            self.children.remove(&self.key, self.number);
            return Next::Close;
        }
        if reason.is_abnormal() {
            self.children.crashes().note(&self.key, incarnation, reason);
        }
        let now = Instant::now();
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let history = history.get_or_insert_default();
        match verdict(&limits.policy, 0, history, reason, now, chance()) {
            Verdict::Leave => {
                self.children.remove(&self.key, self.number);
                Next::Close
            }
            Verdict::Restart { after } => {
                history.push(0, now, after, limits.policy.intensity);
                tracing::debug!(path, child, incarnation, delay = ?after, "restarts");
                self.children.tell(child, || Lifecycle::Restarting { after });
                Next::RestartAfter(after)
            }
            Verdict::Escalate => {
                let cool_down = limits.cool_down;
                tracing::warn!(path, child, incarnation, %reason, ?cool_down, "unavailable: too many restarts");
                self.children.tell(child, || Lifecycle::CoolingDown { time: cool_down });
                self.children.cool_down(&self.key, self.number);
                Next::Close
            }
        }
    }
}

impl<K, P> Origin<P> for KeyWatch<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    fn make(&self, birth: Birth<P>) -> LocalBoxFuture<'static, Result<P, Failure>> {
        (self.children.factory)(self.key.clone(), birth)
    }

    fn timing(&self) -> Timing {
        self.children.limits().timing
    }
}

impl<K, P> Watch for KeyWatch<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    fn report(&self, event: Event) -> Next {
        match event {
            Event::Started { incarnation } => {
                let (path, child) = (&**self.children.path(), &*self.name);
                tracing::debug!(path, child, incarnation, "started");
                self.children.tell(child, || Lifecycle::Started { incarnation });
                Next::Wait
            }
            Event::Exited { incarnation, reason } => self.exited(incarnation, &reason),
            Event::Gone => {
                if self.children.get(&self.key).is_some() {
                    self.children.remove(&self.key, self.number);
                }
                Next::Close
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ExitReason, Process, Strategy, SupervisorSpec, Tree, dynamic};

    struct Idle;
    impl Process for Idle {}

    #[test]
    fn an_old_child_never_takes_away_a_fresh_one() {
        actix_rt::System::new().block_on(async {
            let (handle, spec) = dynamic::<u8, Idle>("idle").factory(|_, _| async { Ok(Idle) });
            let root = SupervisorSpec::new("root", Strategy::OneForOne).child(spec);
            let tree = Tree::start(root).await.unwrap();
            let children = handle.children();
            let old = KeyWatch::new(Arc::clone(children), 7, 4711, Arc::from("old"));
            assert!(children.find_or_start(&7).await.is_ok());
            old.report(Event::Gone);
            let reason = ExitReason::Normal;
            old.report(Event::Exited { incarnation: 1, reason });
            children.cool_down(&7, 4711);
            assert!(handle.get(&7).is_some());
            assert_eq!(handle.len(), 1);
            tree.stop().await;
        });
    }
}
