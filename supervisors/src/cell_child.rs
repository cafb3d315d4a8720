//! The grip of a supervisor on a cell.

use std::sync::{Arc, Weak};
use std::time::Duration;

use actix_rt::ArbiterHandle;
use futures_util::future::LocalBoxFuture;

use crate::cell::{self, Origin, Timing};
use crate::child::{self, Child, Event, Watch};
use crate::commons::{Commons, Resident};
use crate::introspect::Look;
use crate::names::Naming;
use crate::pulse::Pulse;
use crate::shared::Shared;
use crate::word::{Status, Word};
use crate::{Birth, Failure, Process, Restart, Shutdown};

/// Makes the processes of one cell, on whichever arbiter it lives.
type Factory<P> =
    Box<dyn Fn(Birth<P>) -> LocalBoxFuture<'static, Result<P, Failure>> + Send + Sync>;

/// The factory of a cell and its time limits.
pub(crate) struct Recipe<P: Process> {
    pub(crate) factory: Factory<P>,
    pub(crate) timing: Timing,
}

impl<P: Process> Origin<P> for Recipe<P> {
    fn make(&self, birth: Birth<P>) -> LocalBoxFuture<'static, Result<P, Failure>> {
        (self.factory)(birth)
    }

    fn timing(&self) -> Timing {
        self.timing
    }
}

/// A supervisor's grip on a cell; dropped, it closes the cell.
pub(crate) struct CellChild<P: Process> {
    pub(crate) shared: Arc<Shared<P>>,
    pub(crate) restart: Restart,
    pub(crate) significant: bool,
    pub(crate) patience: Option<Duration>,
    pub(crate) recipe: Arc<Recipe<P>>,
    /// Where it stands, once it is part of a tree.
    pub(crate) site: Option<Site>,
}

/// Where a child stands.
pub(crate) struct Site {
    path: Arc<str>,
    commons: Arc<Commons>,
}

impl<P: Process> CellChild<P> {
    /// Puts the cell of that epoch on an arbiter.
    pub(crate) fn launch(&self, arbiter: &ArbiterHandle, epoch: u32) {
        let recipe = Arc::clone(&self.recipe);
        cell::launch(arbiter, &self.shared, epoch, recipe);
    }
}

impl<P: Process> Child for CellChild<P> {
    fn name(&self) -> &str {
        self.shared.name()
    }

    fn restart(&self) -> Restart {
        self.restart
    }

    fn significant(&self) -> bool {
        self.significant
    }

    fn shutdown(&self) -> Shutdown {
        self.recipe.timing.shutdown
    }

    fn patience(&self) -> Option<Duration> {
        self.patience
    }

    fn kill(&self) {
        self.shared.mailbox.say(Word::Kill);
    }

    fn attach(&mut self, path: &Arc<str>, watch: Box<dyn Watch>, commons: &Arc<Commons>) {
        let shared = Arc::downgrade(&self.shared);
        commons.add(path, Weak::clone(&shared) as Weak<dyn Resident>);
        let (path, names) = (Arc::clone(path), commons.names.clone());
        self.site = Some(Site { path: Arc::clone(&path), commons: Arc::clone(commons) });
        self.shared.set_watch(Arc::new(Naming { watch, names, path, shared }));
    }

    fn start(&self) {
        if self.shared.mailbox.status() == Status::Closed {
            self.shared.report(Event::Exited { incarnation: 0, reason: child::no_arbiter() });
        } else {
            self.shared.mailbox.reopen();
            self.shared.mailbox.say(Word::Start);
        }
    }

    fn stop(&self) {
        self.shared.mailbox.say(child::stop_word(self.recipe.timing.shutdown));
    }

    fn retire(&self) {
        self.shared.retire();
    }

    fn close(&self) {
        self.shared.close();
    }

    fn thread(&self) -> Option<Arc<Pulse>> {
        self.shared.mailbox.pulse()
    }

    fn abandon(&self, place: usize) -> Option<u64> {
        let Site { path, commons } = self.site.as_ref()?;
        if self.shared.place() != place {
            return None;
        }
        let (epoch, incarnation) = self.shared.depose();
        commons.names.remove(path);
        self.launch(&commons.fresh_arbiter(place), epoch);
        Some(incarnation)
    }

    fn give_up(&self) {
        if let Some(Site { path, commons }) = &self.site {
            commons.names.remove(path);
        }
        self.shared.depose();
        self.shared.close();
    }

    fn id(&self) -> usize {
        self.shared.id()
    }

    fn look(&self) -> Look {
        let mailbox = &self.shared.mailbox;
        let arbiter = mailbox.pulse().map(|pulse| pulse.name().to_owned());
        Look::Process { depth: mailbox.depth(), handled: mailbox.handled(), arbiter }
    }
}

impl<P: Process> Resident for Shared<P> {
    fn name_of(&self, id: usize) -> Option<String> {
        (std::ptr::from_ref(self) as usize == id).then(String::new)
    }

    fn lives_at(&self, place: usize) -> bool {
        self.place() == place
    }

    fn give_up(&self, place: usize) {
        if self.place() == place {
            self.depose();
            self.close();
            self.report(Event::Gone);
        }
    }

    fn kill(&self, name: Option<&str>) -> bool {
        name.is_none() && self.mailbox.kill()
    }
}

impl<P: Process> Drop for CellChild<P> {
    fn drop(&mut self) {
        self.shared.close();
    }
}
