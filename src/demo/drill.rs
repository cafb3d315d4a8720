//! The drill: which actors are crashed, one after the other, and how each crash was mended.

use std::time::Duration;

use ordershop_supervisors::{Node, NodeKind, NodeState, Strategy, Tree};
use tokio::time::timeout;

use super::random::Random;
use super::watch::Watch;

/// A supervisor with so many restarts in its window is spared: that it gives up past ten is its
/// right, and not what is shown here.
const BEARABLE: u32 = 5;
/// How long a crash may take to be mended.
pub(super) const MENDING_TIME: Duration = Duration::from_secs(20);

/// A level of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// A child by key: an entity, or the driver of an order.
    Entity,
    /// A service, the keeper of intents, or the HTTP server.
    Service,
    /// The reader of the log, an effect, or the read model.
    Reader,
    /// The journal, on which all builds.
    Journal,
    /// A supervisor with all below it.
    Subtree,
}

impl Level {
    const ALL: [Self; 5] =
        [Self::Entity, Self::Service, Self::Reader, Self::Journal, Self::Subtree];

    /// Its name, as people read it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::Service => "service",
            Self::Reader => "reader",
            Self::Journal => "journal",
            Self::Subtree => "subtree",
        }
    }

    /// Whether a node of the tree is of this level; its path is told below the root. Children by key
    /// are found otherwise.
    fn holds(self, path: &str, kind: NodeKind) -> bool {
        let is_process = matches!(kind, NodeKind::Process { .. });
        match self {
            Self::Entity => false,
            Self::Journal => path == "journal",
            Self::Reader => path.starts_with("readers/") && is_process,
            Self::Service => {
                (path.starts_with("services/") || ["intent-keeper", "http"].contains(&path))
                    && is_process
            }
            Self::Subtree => !is_process,
        }
    }
}

/// Whom a crash concerns besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Circle {
    /// Nobody: children by key have nothing to do with each other.
    ByKey,
    /// Whom the strategy of its supervisor says.
    Siblings(Strategy),
}

/// A crash, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Crash {
    /// When, since the beginning.
    pub(super) at: Duration,
    /// On which level.
    pub(super) level: Level,
    /// Where, below the root.
    pub(super) path: String,
    /// Whom it concerned besides.
    pub(super) circle: Circle,
    /// How many others were stopped because of it.
    pub(super) stopped: usize,
    /// How many others failed because of it.
    pub(super) failed: usize,
    /// How long it took until all were up again; none if they are not.
    pub(super) mended_after: Option<Duration>,
}

impl Crash {
    /// A crash that has just begun.
    pub(super) fn new(level: Level, path: &str, at: Duration) -> Self {
        let path = path.to_owned();
        let circle = Circle::ByKey;
        Self { at, level, path, circle, stopped: 0, failed: 0, mended_after: None }
    }

    /// What came of it, and why.
    pub(super) fn outcome(&self) -> String {
        let others = self.stopped + self.failed;
        let with = if others == 0 { "alone".to_owned() } else { format!("with {others} more") };
        let why = match self.circle {
            Circle::ByKey => "by key",
            Circle::Siblings(Strategy::OneForOne) => "one_for_one",
            Circle::Siblings(Strategy::OneForAll) => "one_for_all",
            Circle::Siblings(Strategy::RestForOne) => "rest_for_one",
            Circle::Siblings(_) => "its strategy",
        };
        match self.mended_after {
            Some(time) => format!("in {} ms, {with} ({why})", time.as_millis()),
            None => "down".to_owned(),
        }
    }
}

/// All crashes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Drill {
    /// One after the other.
    pub(super) crashes: Vec<Crash>,
    /// Why the whole tree gave up, if it did.
    pub(super) broke: Option<String>,
}

/// A node that may be crashed.
#[derive(Clone)]
struct Victim {
    path: String,
    circle: Circle,
}

/// Crashes one actor after the other, on each level as often as on any other, and waits for each to be
/// mended. Ends only by being dropped.
pub(super) async fn carry_out(tree: &Tree, watch: &Watch, mut random: Random) {
    let mut levels = Level::ALL;
    loop {
        random.shuffle(&mut levels);
        for level in levels {
            let rest = Duration::from_millis(100 + random.below(300) as u64);
            tokio::time::sleep(rest).await;
            crash(tree, watch, &mut random, level).await;
        }
    }
}

async fn crash(tree: &Tree, watch: &Watch, random: &mut Random, level: Level) {
    let victim = if level == Level::Entity {
        let victim = random.pick(&watch.by_key()).and_then(|crowd| random.pick(crowd).cloned());
        victim.map(|path| Victim { path: path.to_string(), circle: Circle::ByKey })
    } else {
        let root = tree.view().snapshot(0).await;
        let mut victims = Vec::new();
        root.children.iter().for_each(|child| gather(child, &root, level, &mut victims));
        random.pick(&victims).cloned()
    };
    let Some(Victim { path, circle }) = victim else { return };
    watch.crash(level, &path, circle);
    if tree.kill(&path).await.is_err() {
        // It has ended by itself meanwhile, as an idle entity does.
        return watch.missed();
    }
    let mended = timeout(MENDING_TIME, watch.all_up()).await.is_ok();
    watch.over(mended);
}

/// Those of that level at and below a node, which is up, as is all above it.
fn gather(node: &Node, supervisor: &Node, level: Level, victims: &mut Vec<Victim>) {
    if node.state != NodeState::Running {
        return;
    }
    let path = node.path.split_once('/').map_or("", |(_root, below)| below);
    if let NodeKind::Supervisor(strategy) = supervisor.kind
        && supervisor.restarts_in_window < BEARABLE
        && level.holds(path, node.kind)
    {
        victims.push(Victim { path: node.path.clone(), circle: Circle::Siblings(strategy) });
    }
    for child in &node.children {
        gather(child, node, level, victims);
    }
}
