//! MULTI, EXEC, DISCARD: several commands on one moment.

use std::sync::Arc;

use ordershop_actors::read_model::View;

use super::super::clients::Client;
use super::super::endpoint::Endpoint;
use super::super::protocol::Words;
use super::super::session::Session;
use super::super::session::Transaction;
use super::super::wire::{Gone, Wire};
use super::{Call, Command, LongReply, READ_ONLY, Refusal, Reply, Run, Stop, Task, command};

pub(super) static COMMANDS: &[Command] = &[
    Command {
        flags: &["noscript", "loading", "stale", "fast", "allow_busy"],
        group: "transactions",
        since: "1.2.0",
        summary: "Mark the start of a transaction block",
        ..command("multi", 1, Run::Plain(begin))
    },
    Command {
        flags: &["noscript", "loading", "stale", "skip_slowlog"],
        group: "transactions",
        since: "1.2.0",
        summary: "Execute all commands issued after MULTI, on one moment",
        ..command("exec", 1, Run::Long(execute))
    },
    Command {
        flags: &["noscript", "loading", "stale", "fast", "allow_busy"],
        group: "transactions",
        since: "2.0.0",
        summary: "Discard all commands issued after MULTI",
        ..command("discard", 1, Run::Plain(discard))
    },
];

fn begin(call: &mut Call<'_>) -> Reply {
    if call.session.transaction.is_some() {
        return Err(Refusal::fixed("ERR MULTI calls can not be nested"));
    }
    call.session.transaction = Some(Transaction::default());
    call.out.ok();
    Ok(())
}

fn discard(call: &mut Call<'_>) -> Reply {
    let begun = call.session.transaction.take();
    begun.ok_or(Refusal::fixed("ERR DISCARD without MULTI"))?;
    call.out.ok();
    Ok(())
}

fn execute(task: Task<'_>) -> LongReply<'_> {
    Box::pin(async move {
        let Task { endpoint, session, client, wire, view, .. } = task;
        let begun = session.transaction.take();
        let begun = begun.ok_or(Refusal::fixed("ERR EXEC without MULTI"))?;
        if begun.broken {
            return Err(Refusal::fixed(
                "EXECABORT Transaction discarded because of previous errors.",
            )
            .into());
        }
        wire.out.array(begun.queued.len());
        for (command, words) in &begun.queued {
            let view = Arc::clone(&view);
            let own = Own { endpoint, session, client, wire };
            carry_out(own, command, words.words(), view, false).await?;
            wire.flush_if_much(endpoint).await?;
        }
        Ok(())
    })
}

/// What a command is carried out with.
pub(in super::super) struct Own<'a> {
    pub(in super::super) endpoint: &'a Endpoint,
    pub(in super::super) session: &'a mut Session,
    pub(in super::super) client: &'a Client,
    pub(in super::super) wire: &'a mut Wire,
}

/// Carries a command out on a moment; an error that it ends with is its reply, unless some of its
/// reply has left already: then the connection cannot go on.
pub(in super::super) async fn carry_out(
    own: Own<'_>,
    command: &Command,
    words: Words<'_>,
    view: Arc<View>,
    alone: bool,
) -> Result<(), Gone> {
    let Own { endpoint, session, client, wire } = own;
    let (start, sent) = (wire.out.len(), wire.moved.1);
    let call = |run: &dyn Fn(&mut Call<'_>) -> Reply, session, out| {
        run(&mut Call { words, endpoint, session, client, out })
    };
    let done = match command.run {
        Run::Plain(run) => call(&|call| run(call), session, &mut wire.out).map_err(Stop::Refused),
        Run::Query(run) => {
            call(&|call| run(call, &view), session, &mut wire.out).map_err(Stop::Refused)
        }
        Run::Long(run) => run(Task { words, endpoint, session, client, wire, view, alone }).await,
        Run::Write => Err(READ_ONLY.into()),
    };
    match done {
        Ok(()) => Ok(()),
        Err(Stop::Refused(refusal)) if wire.moved.1 == sent || wire.out.len() == start => {
            wire.out.truncate(start.min(wire.out.len()));
            wire.out.error(refusal.text());
            Ok(())
        }
        Err(_) => Err(Gone),
    }
}
