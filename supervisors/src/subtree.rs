//! Setting up a supervisor and all below it, and the grip its own supervisor has on it.

use tokio::sync::{mpsc, oneshot};

use crate::child::{Child, Event, Kind, Next, Watch};
use crate::introspect::{Look, Report};
use crate::supervision::{LaidDown, Slot, Supervisor};
use crate::{ChildSpec, Restart, Shutdown, SupervisorSpec};

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
}

/// What a supervisor is told by its own.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    Start,
    Stop,
    Retire,
    Close,
}

/// Sets up a supervisor and all below it; none starts before it is told to.
pub(crate) fn launch(spec: SupervisorSpec, path: &str, parent: Box<dyn Watch>) -> SupervisorChild {
    let (inbox, notices) = mpsc::unbounded_channel();
    let mut slots = Vec::with_capacity(spec.children.len());
    for (index, ChildSpec(kind)) in spec.children.into_iter().enumerate() {
        let ear = Box::new(Ear { child: index, inbox: inbox.clone() });
        let (path, child) = match kind {
            Kind::Single(mut child) => {
                let path = format!("{path}/{}", child.name());
                child.attach(&path, ear);
                (path, child)
            }
            Kind::Supervisor(spec) => {
                let path = format!("{path}/{}", spec.name);
                let child: Box<dyn Child> = Box::new(launch(*spec, &path, ear));
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
    let supervisor = Supervisor::new(path.to_owned(), laid_down, slots, notices, parent);
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

    fn attach(&mut self, _path: &str, _watch: Box<dyn Watch>) {
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
