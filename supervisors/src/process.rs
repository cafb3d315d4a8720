//! What the author of an actor writes: a process and the messages it receives.

use crate::{Context, Failure, Message, ReplyTo};

/// What lives inside a cell: state and handlers, made by a factory, dropped at a crash.
///
/// One process is one *incarnation* of its cell. It never sees the remains of the one before it.
pub trait Process: Sized + 'static {
    /// Runs once per incarnation, before its first message.
    ///
    /// An error or a panic here is a failed start.
    fn started(&mut self, ctx: &mut Context<'_, Self>) -> Result<(), Failure> {
        let _ = ctx;
        Ok(())
    }

    /// Runs when the process is about to stop in good order: it was told to, or called
    /// [`Context::stop`]. It does not run after a crash or a kill.
    ///
    /// The mailbox is no longer read. What was handed to [`Context::pause`] earlier has finished;
    /// what is handed to `pause` or [`Context::spawn`] here is finished too, within the shutdown
    /// time, before the process is dropped. Futures spawned earlier go on until then and are
    /// cancelled with it.
    fn stopping(&mut self, ctx: &mut Context<'_, Self>) {
        let _ = ctx;
    }
}

/// Handles one kind of message; Erlang's `handle_call` and `handle_cast` in one.
pub trait Receive<M: Message>: Process {
    /// Handles one message.
    ///
    /// `reply` answers an ask, now or later, from anywhere; for a tell it is a no-op. An error, as
    /// a panic, ends this incarnation: return one when the state can no longer be trusted, and
    /// answer with an error of your own when only the request was bad.
    fn receive(
        &mut self,
        message: M,
        reply: ReplyTo<M::Reply>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure>;
}
