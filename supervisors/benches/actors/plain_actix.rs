//! A contender: an actix actor that nobody supervises.

use actix::{Actor, Addr, Arbiter, Context, Handler, Message};
use actix_rt::ArbiterHandle;

use crate::Failure;
use crate::contender::{self, Contender};

/// Adds numbers up.
pub(crate) struct Counter(u64);

impl Actor for Counter {
    type Context = Context<Self>;
}

struct Add(u64);

impl Message for Add {
    type Result = u64;
}

impl Handler<Add> for Counter {
    type Result = u64;

    fn handle(&mut self, Add(number): Add, _: &mut Self::Context) -> u64 {
        self.0 += number;
        self.0
    }
}

/// Has it panic.
pub(crate) struct Crash;

impl Message for Crash {
    type Result = ();
}

impl Handler<Crash> for Counter {
    type Result = ();

    fn handle(&mut self, Crash: Crash, _: &mut Self::Context) {
        crate::restart::crash();
    }
}

/// Its address.
#[derive(Clone)]
pub(crate) struct Bare(pub(crate) Addr<Counter>);

impl Bare {
    /// One on this thread.
    pub(crate) fn here() -> Self {
        Self(Counter(0).start())
    }

    /// One on that thread.
    pub(crate) fn on(arbiter: &ArbiterHandle) -> Self {
        Self(Counter::start_in_arbiter(arbiter, |_| Counter(0)))
    }
}

impl Contender for Bare {
    fn tell(&self, number: u64) -> bool {
        self.0.do_send(Add(number));
        true
    }

    async fn ask(&self, number: u64) -> u64 {
        self.0.send(Add(number)).await.unwrap_or_default()
    }
}

/// Many of them.
pub(crate) struct Crowd(Vec<Bare>);

impl contender::Crowd for Crowd {
    async fn empty() -> Result<Self, Failure> {
        Ok(Self(Vec::new()))
    }

    async fn grow(&mut self, count: u64) {
        for _ in 0..count {
            let actor = Bare::here();
            actor.ask(1).await;
            self.0.push(actor);
        }
    }

    async fn disband(self) {
        drop(self);
        // They end when they have their turn, before the last one that is made now.
        let last = Bare(Counter::start_in_arbiter(&Arbiter::current(), |_| Counter(0)));
        last.ask(1).await;
    }
}
