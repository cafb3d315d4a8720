//! Setting up a supervisor and all below it, and the grip its own supervisor has on it.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::child::{Child, Event, Kind, Next, Watch};
use crate::commons::Commons;
use crate::introspect::{Look, Report};
use crate::pulse::Pulse;
use crate::supervision::{LaidDown, Slot, Supervisor};
use crate::{ChildSpec, ExitReason, Restart, Shutdown, SupervisorSpec};

/// A supervisor's grip on a supervisor below it.
pub(crate) struct SupervisorChild {
    name: String,
    restart: Restart,
    significant: bool,
    inbox: mpsc::UnboundedSender<Notice>,
}

/// What a supervisor hears. Not bounded, but a child has at most three reports under way.
pub(crate) enum Notice {
    Order(Order),
    Report {
        child: usize,
        event: Event,
    },
    /// Somebody wants to know how its children are.
    Look(oneshot::Sender<Report>),
    /// Somebody wants it to fail; answered if it is up.
    Kill(oneshot::Sender<()>),
}

/// What a supervisor is told by its own.
#[derive(Clone)]
pub(crate) enum Order {
    Start,
    Stop,
    Retire,
    Close,
    /// Only the root: give up for that reason.
    Fail(ExitReason),
    /// A thread was abandoned; what lives there is to begin anew elsewhere.
    Abandon {
        place: usize,
    },
}

/// The two ends of what a supervisor hears.
pub(crate) type Inbox = (mpsc::UnboundedSender<Notice>, mpsc::UnboundedReceiver<Notice>);

/// Sets up a supervisor and all below it; none starts before it is told to.
pub(crate) fn launch(
    spec: SupervisorSpec,
    path: &Arc<str>,
    (inbox, notices): Inbox,
    parent: Box<dyn Watch>,
    commons: &Arc<Commons>,
) -> SupervisorChild {
    commons.add_supervisor(path, &inbox);
    let mut slots = Vec::with_capacity(spec.children.len());
    for (index, ChildSpec(kind)) in spec.children.into_iter().enumerate() {
        let ear = Box::new(Ear { child: index, inbox: inbox.clone() });
        let (path, child) = match kind {
            Kind::Single(mut child) => {
                let path = Arc::from(format!("{path}/{}", child.name()));
                child.attach(&path, ear, commons);
                (path, child)
            }
            Kind::Supervisor(spec) => {
                let path = Arc::from(format!("{path}/{}", spec.name));
                let below = launch(*spec, &path, mpsc::unbounded_channel(), ear, commons);
                let child: Box<dyn Child> = Box::new(below);
                (path, child)
            }
        };
        slots.push(Slot::new(path, child));
    }
    let laid_down = LaidDown {
        strategy: spec.strategy,
        intensity: spec.intensity,
        backoff: spec.backoff,
        auto_shutdown: spec.auto_shutdown,
    };
    let supervisor = Supervisor::new(path, laid_down, slots, notices, parent, commons);
    actix_rt::spawn(supervisor.run());
    SupervisorChild { name: spec.name, restart: spec.restart, significant: spec.significant, inbox }
}

impl SupervisorChild {
    pub(crate) fn inbox(&self) -> &mpsc::UnboundedSender<Notice> {
        &self.inbox
    }

    fn order(&self, order: Order) {
        // A supervisor that is gone has reported it.
        let _ = self.inbox.send(Notice::Order(order));
    }
}

impl Child for SupervisorChild {
    fn name(&self) -> &str {
        &self.name
    }

    fn restart(&self) -> Restart {
        self.restart
    }

    fn significant(&self) -> bool {
        self.significant
    }

    fn shutdown(&self) -> Shutdown {
        Shutdown::Infinity
    }

    fn attach(&mut self, _path: &Arc<str>, _watch: Box<dyn Watch>, _commons: &Arc<Commons>) {
        // It was launched with its path and its watch.
    }

    fn start(&self) {
        self.order(Order::Start);
    }

    fn stop(&self) {
        self.order(Order::Stop);
    }

    fn retire(&self) {
        self.order(Order::Retire);
    }

    fn close(&self) {
        self.order(Order::Close);
    }

    fn thread(&self) -> Option<Arc<Pulse>> {
        None
    }

    fn abandon(&self, place: usize) -> Option<u64> {
        self.order(Order::Abandon { place });
        None
    }

    fn give_up(&self) {
        self.close();
    }

    fn id(&self) -> usize {
        0
    }

    fn look(&self) -> Look {
        Look::Supervisor(self.inbox.clone())
    }
}

impl Drop for SupervisorChild {
    fn drop(&mut self) {
        self.close();
    }
}

struct Ear {
    child: usize,
    inbox: mpsc::UnboundedSender<Notice>,
}

impl Watch for Ear {
    fn report(&self, event: Event) -> Next {
        match self.inbox.send(Notice::Report { child: self.child, event }) {
            Ok(()) => Next::Wait,
            Err(_gone) => Next::Close,
        }
    }
}
