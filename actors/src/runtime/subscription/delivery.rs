//! Working on a delivery, for a subscriber with a cursor: what cannot be handled is set aside.

use ordershop_supervisors::Context;

use super::attempt::{Trouble, attempt};
use super::work::{MAX_RETRY_DELAY, Step, Work};
use super::{Handler, Subscription};
use crate::runtime::fault::crash_point;
use crate::runtime::quarantine::{Ledger, LedgerError, QuarantineCommand, SetAside};

impl<H: Handler> Subscription<H> {
    /// Does what comes next: an operator's order, else a step of the delivery in hand.
    pub(super) fn next(&mut self, ctx: &mut Context<'_, Self>) {
        if self.busy {
            return;
        }
        if let Some(order) = self.orders.pop_front() {
            return self.carry_out(order, ctx);
        }
        let (Some(work), Some(ledger)) = (&mut self.work, &self.ledger) else { return };
        if work.rests {
            return;
        }
        match work.next(ledger.state()) {
            Step::Handle(entries) => {
                self.busy = true;
                let handled = attempt(&mut self.handler, &self.options.name, &entries);
                ctx.spawn(handled, |subscription, result, ctx| {
                    subscription.busy = false;
                    subscription.handled(result);
                    subscription.next(ctx);
                    Ok(())
                });
            }
            Step::Wait(delay) => {
                // An operator's order is carried out meanwhile.
                work.rests = true;
                ctx.after(delay, |subscription, ctx| {
                    if let Some(work) = &mut subscription.work {
                        work.rests = false;
                    }
                    subscription.next(ctx);
                    Ok(())
                });
            }
            Step::SetAside(entries) => self.set_aside(entries, ctx),
            Step::Finished => {
                crash_point("subscription/after-handling");
                if let Some(work) = self.work.take() {
                    self.gets_on();
                    self.finish(work.entries.iter(), work.finished, ctx);
                }
            }
        }
    }

    fn handled(&mut self, result: Result<(), Trouble>) {
        match &result {
            Ok(()) => self.gets_on(),
            Err(Trouble::Away(reason)) => self.held_up(reason),
            Err(Trouble::Unfit { culprit: (topic, id), reason }) => {
                let subscriber = &self.options.name;
                tracing::debug!(%subscriber, %topic, %id, reason, "cannot handle an entry");
            }
            Err(Trouble::Panicked(reason)) => {
                let subscriber = &self.options.name;
                tracing::debug!(%subscriber, reason, "a handler is made anew");
                self.handler = (self.make)();
            }
        }
        if let Some(work) = &mut self.work {
            work.handled(result);
        }
    }

    fn set_aside(&mut self, entries: Vec<SetAside>, ctx: &mut Context<'_, Self>) {
        let Some(ledger) = self.ledger.clone() else { return };
        self.busy = true;
        let told = entries.clone();
        let max = self.options.max_set_aside;
        let set_aside = ledger.execute(QuarantineCommand::SetAside { entries, max });
        ctx.spawn(set_aside, move |subscription, result, ctx| {
            subscription.busy = false;
            match result {
                Ok(ledger) => {
                    crash_point("quarantine/after-set-aside");
                    for SetAside { topic, entity_id, id, reason, .. } in told {
                        let subscriber = &subscription.options.name;
                        tracing::warn!(%subscriber, topic, %entity_id, %id, reason, "set aside");
                    }
                    subscription.take_up(ledger);
                    if let Some(work) = &mut subscription.work {
                        work.set_aside();
                    }
                }
                Err(error) => {
                    subscription.held_up(&error.to_string());
                    // More room comes from an operator alone.
                    let delay =
                        matches!(error, LedgerError::Rejected(_)).then_some(MAX_RETRY_DELAY);
                    if let Some(work) = &mut subscription.work {
                        work.not_set_aside(delay);
                    }
                }
            }
            subscription.next(ctx);
            Ok(())
        });
    }

    /// Takes up what is set aside now.
    pub(super) fn take_up(&mut self, ledger: Ledger) {
        self.shown.set_aside(ledger.state().entries().len());
        self.ledger = Some(ledger);
    }

    fn held_up(&self, reason: &str) {
        if self.shown.held_up(reason) {
            let subscriber = &self.options.name;
            tracing::warn!(%subscriber, reason, "cannot handle events yet");
        }
    }

    fn gets_on(&self) {
        if self.shown.gets_on() {
            let subscriber = &self.options.name;
            tracing::warn!(%subscriber, "handles events again");
        }
    }

    /// A delivery has come.
    pub(super) fn deliver(&mut self, work: impl FnOnce(&Ledger) -> Work) {
        self.work = self.ledger.as_ref().map(work);
    }
}
