//! Monitors and links: who asks is told of an exit.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context as TaskContext, Poll};

use tokio::sync::oneshot;

use crate::letter::Envelope;
use crate::shared::Shared;
use crate::{Context, ExitReason, Failure, Process};

/// How an incarnation ended, as told to who monitors it.
#[derive(Clone, Debug)]
pub enum Down {
    /// It ended.
    Exited {
        /// The number of the incarnation.
        incarnation: u64,
        /// Why.
        reason: ExitReason,
    },
    /// There was none up when it was asked for.
    NoProcess,
}

impl Down {
    /// Whether it breaks a link: any end but a good one.
    pub fn is_abnormal(&self) -> bool {
        match self {
            Self::Exited { reason, .. } => reason.is_abnormal(),
            Self::NoProcess => true,
        }
    }
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { reason, .. } => reason.fmt(f),
            Self::NoProcess => f.write_str("was not running"),
        }
    }
}

/// Resolves once, when the incarnation that was up at the asking ends; at once if there was none.
///
/// Dropped, it asks no more.
#[derive(Debug)]
#[must_use = "it tells nothing unless it is awaited"]
pub struct Monitor(pub(crate) Option<oneshot::Receiver<Down>>);

impl Future for Monitor {
    type Output = Down;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Down> {
        match &mut self.0 {
            // A cell tells in any case; only one that never got there could not.
            Some(told) => Pin::new(told).poll(cx).map(|told| told.unwrap_or(Down::NoProcess)),
            None => Poll::Ready(Down::NoProcess),
        }
    }
}

/// The failure of a process whose link broke.
#[derive(Clone, Debug)]
pub struct LinkBroken {
    /// The name of the cell it was linked to.
    pub name: Arc<str>,
    /// How that ended.
    pub down: Down,
}

impl fmt::Display for LinkBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linked to {}, which {}", self.name, self.down)
    }
}

impl Error for LinkBroken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.down {
            Down::Exited { reason, .. } => Some(reason),
            Down::NoProcess => None,
        }
    }
}

/// Who is to be told of an exit.
pub(crate) enum Told {
    Channel(oneshot::Sender<Down>),
    Link(Box<dyn FnOnce(&Down) + Send>),
}

impl Told {
    pub(crate) fn tell(self, down: &Down) {
        match self {
            // Who asked may have given up.
            Self::Channel(channel) => drop(channel.send(down.clone())),
            Self::Link(link) => link(down),
        }
    }
}

/// Has `to`, in that incarnation, fail when `from` ends badly.
pub(crate) fn link<P: Process, Q: Process>(
    from: &Shared<P>,
    to: &Arc<Shared<Q>>,
    incarnation: u64,
) {
    let (name, weak) = (Arc::clone(from.name()), Arc::downgrade(to));
    let broken = move |down: &Down| signal(&weak, incarnation, name, down);
    if let Err(Told::Link(broken)) = from.mailbox.monitor(Told::Link(Box::new(broken))) {
        broken(&Down::NoProcess);
    }
}

fn signal<Q: Process>(to: &Weak<Shared<Q>>, incarnation: u64, name: Arc<str>, down: &Down) {
    if down.is_abnormal()
        && let Some(to) = to.upgrade()
    {
        let broken = LinkBroken { name, down: down.clone() };
        to.mailbox.post_first(Box::new(ExitSignal { incarnation, broken }));
    }
}

/// Ends an incarnation because of a link; for any other it is void.
struct ExitSignal {
    incarnation: u64,
    broken: LinkBroken,
}

impl<P: Process> Envelope<P> for ExitSignal {
    /// Nobody asked.
    fn mark_taken(&self, _: u32) {}

    fn open(self: Box<Self>, _: &mut P, ctx: &mut Context<'_, P>) -> Result<(), Failure> {
        if ctx.incarnation() == self.incarnation { Err(self.broken.into()) } else { Ok(()) }
    }
}
