//! Follows what the tree tells of itself: who is down, what each crash led to, when it is mended.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ordershop_supervisors::{Events, Heard, Lifecycle, LifecycleEvent, Node, NodeKind};
use tokio::sync::Notify;

use super::drill::{Circle, Crash, Drill, Level};

/// What is known of the tree; it belongs to the thread of the supervisors.
pub(super) struct Watch {
    begun: Instant,
    /// Whether each event is told as a line.
    plain: bool,
    /// The paths of the dynamic supervisors; what they have below starts and ends all the time.
    crowds: Vec<Arc<str>>,
    now: RefCell<Now>,
    news: Notify,
}

#[derive(Default)]
struct Now {
    drill: Drill,
    under_way: Option<UnderWay>,
    down: BTreeSet<Arc<str>>,
    /// Those that live by key, by the path of their crowd.
    by_key: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

struct UnderWay {
    crash: Crash,
    victim: String,
    begun: Instant,
    has_ended: bool,
}

impl Watch {
    /// Watches a tree that is up.
    pub(super) fn new(root: &Node, plain: bool) -> Rc<Self> {
        fn gather(node: &Node, crowds: &mut Vec<Arc<str>>) {
            if matches!(node.kind, NodeKind::Dynamic { .. }) {
                crowds.push(Arc::from(&*node.path));
            }
            node.children.iter().for_each(|child| gather(child, crowds));
        }
        let mut crowds = Vec::new();
        gather(root, &mut crowds);
        let now = RefCell::default();
        Rc::new(Self { begun: Instant::now(), plain, crowds, now, news: Notify::new() })
    }

    /// Listens until the tree is gone.
    pub(super) async fn listen(self: Rc<Self>, mut events: Events) {
        while let Some(heard) = events.next().await {
            match heard {
                Heard::Event(event) => self.hear(&event),
                Heard::Missed(number) => self.tell("", &format!("{number} events were missed")),
            }
        }
    }

    /// How long it has been watching.
    pub(super) fn time(&self) -> Duration {
        self.begun.elapsed()
    }

    /// All that has happened so far; a crash that is not mended yet is its last.
    pub(super) fn drill(&self) -> Drill {
        let now = self.now.borrow();
        let mut drill = now.drill.clone();
        drill.crashes.extend(now.under_way.as_ref().map(|under_way| under_way.crash.clone()));
        drill
    }

    /// Those that live by key at this moment, by the path of their crowd, of each at least one.
    pub(super) fn by_key(&self) -> Vec<Vec<Arc<str>>> {
        let now = self.now.borrow();
        let crowds = now.by_key.values().filter(|living| !living.is_empty());
        crowds.map(|living| living.iter().cloned().collect()).collect()
    }

    /// Somebody is about to be crashed.
    pub(super) fn crash(&self, level: Level, victim: &str, circle: Circle) {
        let crash = Crash { circle, ..Crash::new(level, below_root(victim), self.time()) };
        let (victim, begun) = (victim.to_owned(), Instant::now());
        let under_way = UnderWay { crash, victim, begun, has_ended: false };
        self.tell("crash", &format!("{} {}", level.name(), under_way.crash.path));
        self.now.borrow_mut().under_way = Some(under_way);
    }

    /// That one was not there any more.
    pub(super) fn missed(&self) {
        self.tell("missed", "it has just ended by itself");
        self.now.borrow_mut().under_way = None;
    }

    /// Waits until the one that was crashed has ended, and nobody is down.
    pub(super) async fn all_up(&self) {
        loop {
            let news = self.news.notified();
            {
                let now = self.now.borrow();
                let has_ended = now.under_way.as_ref().is_none_or(|crash| crash.has_ended);
                if has_ended && now.down.is_empty() {
                    return;
                }
            }
            news.await;
        }
    }

    /// The crash is mended, or it is not waited for any longer.
    pub(super) fn over(&self, mended: bool) {
        let Some(UnderWay { mut crash, begun, .. }) = self.now.borrow_mut().under_way.take() else {
            return;
        };
        if mended {
            crash.mended_after = Some(begun.elapsed());
        }
        let word = if mended { "mended" } else { "broken" };
        self.tell(word, &format!("{} {}", crash.path, crash.outcome()));
        self.now.borrow_mut().drill.crashes.push(crash);
    }

    /// The tree gave up.
    pub(super) fn broke(&self, reason: &str) {
        self.tell("broken", &format!("the shop gave up: {reason}"));
        self.now.borrow_mut().drill.broke = Some(reason.to_owned());
    }

    /// One line, where lines are wanted.
    pub(super) fn tell(&self, word: &str, what: &str) {
        if self.plain {
            let time = self.time().as_secs_f64();
            // A run whose lines nobody reads still ends with its exit code.
            drop(writeln!(std::io::stdout(), "{time:>8.3} s  {word:<7} {what}"));
        }
    }

    fn hear(&self, event: &LifecycleEvent) {
        let LifecycleEvent { path, what } = event;
        let mut now = self.now.borrow_mut();
        let now = &mut *now;
        let under_way = now.under_way.as_mut();
        let is_victim = under_way.as_ref().is_some_and(|crash| *crash.victim == **path);
        let crowd = self.crowds.iter().find(|crowd| is_below(path, crowd));
        if let Some(crowd) = crowd {
            let living = now.by_key.entry(Arc::clone(crowd)).or_default();
            match what {
                Lifecycle::Started { .. } => drop(living.insert(Arc::clone(path))),
                Lifecycle::Exited { .. } => drop(living.remove(path)),
                _ => {}
            }
            if !is_victim {
                return;
            }
        }
        match what {
            Lifecycle::Started { .. } => drop(now.down.remove(path)),
            Lifecycle::Exited { reason, .. } => {
                // A child by key that was just done does not come back.
                if crowd.is_none() || reason.is_abnormal() {
                    now.down.insert(Arc::clone(path));
                }
                match under_way {
                    Some(crash) if is_victim => crash.has_ended = true,
                    Some(crash) => crash.crash.failed += 1,
                    None => {}
                }
            }
            Lifecycle::Stopped { .. } => {
                now.down.insert(Arc::clone(path));
                if let Some(crash) = under_way {
                    crash.crash.stopped += 1;
                }
            }
            _ => {}
        }
        self.tell("", below_root(&event.to_string()));
        self.news.notify_waiters();
    }
}

fn is_below(path: &str, crowd: &str) -> bool {
    path.strip_prefix(crowd).is_some_and(|below| below.starts_with('/'))
}

/// A path, or a text that begins with one, without the root's name.
fn below_root(path: &str) -> &str {
    path.split_once('/').map_or(path, |(_root, below)| below)
}
