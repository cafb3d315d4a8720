//! The contender of this crate: a cell, in a tree.

use actix_rt::Arbiter;
use ordershop_supervisors::{
    Context, DynamicHandle, Failure as Fatal, Handle, Message, Process, Receive, ReplyTo, Strategy,
    SupervisorSpec, Tree, cell, dynamic,
};

use crate::Failure;
use crate::contender::{self, BACKLOG, Contender};

/// Adds numbers up.
pub(crate) struct Counter(pub(crate) u64);

impl Process for Counter {}

/// One of them.
pub(crate) struct Add(pub(crate) u64);

impl Message for Add {
    type Reply = u64;
}

impl Receive<Add> for Counter {
    fn receive(
        &mut self,
        Add(number): Add,
        reply: ReplyTo<u64>,
        _: &mut Context<'_, Self>,
    ) -> Result<(), Fatal> {
        self.0 += number;
        reply.send(self.0);
        Ok(())
    }
}

impl Contender for Handle<Counter> {
    fn tell(&self, number: u64) -> bool {
        Handle::tell(self, Add(number)).is_ok()
    }

    async fn ask(&self, number: u64) -> u64 {
        Handle::ask(self, Add(number)).await.unwrap_or_default()
    }
}

/// The cells of one thread.
pub(crate) struct Family {
    /// Its mailbox takes whatever comes; what it handles is counted all the same.
    pub(crate) unbounded: Handle<Counter>,
    /// Its mailbox has the default bound.
    pub(crate) bounded: Handle<Counter>,
    /// Its mailbox has a bound that a backlog just meets.
    pub(crate) roomy: Handle<Counter>,
}

/// A tree of cells on this thread and on another one.
pub(crate) struct Cells {
    pub(crate) here: Family,
    pub(crate) away: Family,
    pub(crate) arbiter: Arbiter,
    tree: Tree,
}

impl Cells {
    /// Starts them.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let arbiter = Arbiter::new();
        let mut root = SupervisorSpec::new("root", Strategy::OneForOne);
        let mut family = |name: &str, place: &actix_rt::ArbiterHandle| {
            let mut counter = |kind: &str, capacity: Option<usize>| {
                let mut builder = cell(format!("{name}-{kind}")).on(place);
                if let Some(capacity) = capacity {
                    builder = builder.capacity(capacity);
                }
                let (handle, spec) = builder.factory(|_| async { Ok(Counter(0)) });
                let tree = SupervisorSpec::new("moved", Strategy::OneForOne);
                root = std::mem::replace(&mut root, tree).child(spec);
                handle
            };
            Family {
                unbounded: counter("unbounded", Some(usize::MAX)),
                bounded: counter("bounded", None),
                roomy: counter("roomy", usize::try_from(BACKLOG).ok()),
            }
        };
        let here = family("here", &Arbiter::current());
        let away = family("away", &arbiter.handle());
        let tree = Tree::start(root).await?;
        Ok(Self { here, away, arbiter, tree })
    }

    /// Stops them, and the thread.
    pub(crate) async fn stop(self) {
        self.tree.stop().await;
        self.arbiter.stop();
    }
}

/// Cells by key.
pub(crate) struct Crowd {
    next: u64,
    children: DynamicHandle<u64, Counter>,
    tree: Tree,
}

impl contender::Crowd for Crowd {
    async fn empty() -> Result<Self, Failure> {
        let (children, spec) =
            dynamic("crowd").max_children(usize::MAX).factory(|_: u64, _| async { Ok(Counter(0)) });
        let root = SupervisorSpec::new("root", Strategy::OneForOne).child(spec);
        Ok(Self { next: 0, children, tree: Tree::start(root).await? })
    }

    async fn grow(&mut self, count: u64) {
        for _ in 0..count {
            let answer = self.children.ask(&self.next, Add(1)).await;
            assert!(answer.is_ok(), "a child answers");
            self.next += 1;
        }
    }

    async fn disband(self) {
        self.tree.stop().await;
    }
}
