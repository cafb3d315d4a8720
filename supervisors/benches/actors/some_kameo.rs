//! A contender: an actor of kameo, with the mailbox that takes the least time, one without bound.

use actix_rt::ArbiterHandle;
use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::error::Infallible;
use kameo::mailbox;
use kameo::message::{Context, Message};
use tokio::sync::oneshot;

use crate::Failure;
use crate::contender::{self, Contender};

/// Adds numbers up.
#[derive(Clone)]
pub(crate) struct Counter(pub(crate) u64);

impl Actor for Counter {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(args: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(args)
    }
}

pub(crate) struct Add(pub(crate) u64);

impl Message<Add> for Counter {
    type Reply = u64;

    async fn handle(&mut self, Add(number): Add, _: &mut Context<Self, u64>) -> u64 {
        self.0 += number;
        self.0
    }
}

/// Has it panic.
pub(crate) struct Crash;

impl Message<Crash> for Counter {
    type Reply = ();

    async fn handle(&mut self, Crash: Crash, _: &mut Context<Self, ()>) {
        crate::restart::crash();
    }
}

/// A reference to it.
#[derive(Clone)]
pub(crate) struct Ref(ActorRef<Counter>);

impl Ref {
    /// One on the present runtime.
    pub(crate) fn here() -> Self {
        Self(Counter::spawn_with_mailbox(Counter(0), mailbox::unbounded()))
    }

    /// One on the runtime of that thread.
    pub(crate) async fn on(arbiter: &ArbiterHandle) -> Result<Self, Failure> {
        let (sender, made) = oneshot::channel();
        arbiter.spawn(async move { drop(sender.send(Self::here())) });
        Ok(made.await?)
    }
}

impl Contender for Ref {
    fn tell(&self, number: u64) -> bool {
        self.0.tell(Add(number)).try_send().is_ok()
    }

    async fn ask(&self, number: u64) -> u64 {
        self.0.ask(Add(number)).send().await.unwrap_or_default()
    }
}

/// Many of them.
pub(crate) struct Crowd(Vec<Ref>);

impl contender::Crowd for Crowd {
    async fn empty() -> Result<Self, Failure> {
        Ok(Self(Vec::new()))
    }

    async fn grow(&mut self, count: u64) {
        for _ in 0..count {
            let actor = Ref::here();
            actor.ask(1).await;
            self.0.push(actor);
        }
    }

    async fn disband(self) {
        for actor in self.0 {
            actor.0.kill();
            actor.0.wait_for_shutdown().await;
        }
    }
}
