//! A service: the actor that takes commands and has each carried out beside the others.

use ordershop_supervisors::{
    CellBuilder, ChildSpec, Context, Failure, Handle, Message, Process, Receive, ReplyTo,
};

use super::{Accepted, CommandError};

/// How many commands wait for a service at most.
const SERVICE_CAPACITY: usize = 4096;
/// How many commands a service has under way at most; more are refused at once.
const MAX_UNDER_WAY: usize = 4096;

/// Carries out one kind of command; a clone is made for each.
pub trait CommandHandler<M>: Clone + Send + 'static {
    /// Carries it out; done when it is durable.
    fn handle(self, command: M) -> impl Future<Output = Result<Accepted, CommandError>> + 'static;
}

/// The actor of a service.
pub struct Service<C> {
    commands: C,
    under_way: usize,
}

impl<C: Clone + Send + 'static> Service<C> {
    /// The service, as a child for a supervisor, and the handle through which it is asked.
    pub fn child(commands: C, cell: CellBuilder<Self>) -> (Handle<Self>, ChildSpec) {
        cell.capacity(SERVICE_CAPACITY).factory(move |_| {
            let commands = commands.clone();
            async move { Ok(Self { commands, under_way: 0 }) }
        })
    }
}

impl<C: Clone + Send + 'static> Process for Service<C> {}

impl<C, M> Receive<M> for Service<C>
where
    C: CommandHandler<M>,
    M: Message<Reply = Result<Accepted, CommandError>>,
{
    fn receive(
        &mut self,
        command: M,
        reply: ReplyTo<Result<Accepted, CommandError>>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        if self.under_way >= MAX_UNDER_WAY {
            reply.send(Err(CommandError::Unavailable("too many commands are under way".into())));
            return Ok(());
        }
        self.under_way += 1;
        ctx.spawn(self.commands.clone().handle(command), |service, result, _| {
            service.under_way -= 1;
            reply.send(result);
            Ok(())
        });
        Ok(())
    }
}
