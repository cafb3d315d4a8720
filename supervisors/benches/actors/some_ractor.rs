//! A contender: an actor of ractor.

use actix_rt::ArbiterHandle;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::oneshot;

use crate::Failure;
use crate::contender::{self, Contender};

/// Adds numbers up.
struct Counter;

pub(crate) enum Message {
    Add(u64),
    AddAndTell(u64, RpcReplyPort<u64>),
    /// Has it panic.
    #[expect(dead_code, reason = "never answered, and dropped by the crash")]
    Crash(RpcReplyPort<u64>),
}

impl Actor for Counter {
    type Msg = Message;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        sum: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Add(number) => *sum += number,
            Message::AddAndTell(number, reply) => {
                *sum += number;
                reply.send(*sum)?;
            }
            Message::Crash(_) => crate::restart::crash(),
        }
        Ok(())
    }
}

/// A reference to it.
#[derive(Clone)]
pub(crate) struct Ref(pub(crate) ActorRef<Message>);

impl Ref {
    /// One on the present runtime.
    pub(crate) async fn here() -> Result<Self, Failure> {
        let (actor, _) = Actor::spawn(None, Counter, ()).await?;
        Ok(Self(actor))
    }

    /// One on the runtime of that thread.
    pub(crate) async fn on(arbiter: &ArbiterHandle) -> Result<Self, Failure> {
        let (sender, made) = oneshot::channel();
        arbiter.spawn(async move { drop(sender.send(Self::here().await)) });
        made.await?
    }
}

impl Contender for Ref {
    fn tell(&self, number: u64) -> bool {
        self.0.cast(Message::Add(number)).is_ok()
    }

    async fn ask(&self, number: u64) -> u64 {
        match self.0.call(|reply| Message::AddAndTell(number, reply), None).await {
            Ok(CallResult::Success(sum)) => sum,
            _ => 0,
        }
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
            let actor = Ref::here().await.expect("what starts once starts again");
            actor.ask(1).await;
            self.0.push(actor);
        }
    }

    async fn disband(self) {
        for Ref(actor) in self.0 {
            // One that has ended already has nothing to say.
            let _ = actor.stop_and_wait(None, None).await;
        }
    }
}
