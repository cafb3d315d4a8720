//! PING, ECHO, SELECT, QUIT, RESET.

use super::super::protocol::Version;
use super::super::session::ReplyMode;
use super::{Call, Command, Refusal, Reply, Run, command, integer};

const OPEN: &[&str] = &["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"];

pub(super) static COMMANDS: &[Command] = &[
    Command {
        flags: &["fast"],
        group: "connection",
        summary: "Ping the server",
        syntax: "[message]",
        ..command("ping", -1, Run::Plain(ping))
    },
    Command {
        flags: &["loading", "stale", "fast"],
        group: "connection",
        summary: "Echo the given string",
        syntax: "message",
        ..command("echo", 2, Run::Plain(echo))
    },
    Command {
        flags: &["loading", "stale", "fast"],
        group: "connection",
        summary: "Change the selected database; there is only 0",
        syntax: "index",
        ..command("select", 2, Run::Plain(select))
    },
    Command {
        flags: OPEN,
        group: "connection",
        summary: "Close the connection",
        ..command("quit", -1, Run::Plain(quit))
    },
    Command {
        flags: OPEN,
        group: "connection",
        since: "6.2.0",
        summary: "Reset the connection",
        ..command("reset", 1, Run::Plain(reset))
    },
];

fn ping(call: &mut Call<'_>) -> Reply {
    match call.words.len() {
        1 => call.out.simple("PONG"),
        2 => call.out.bulk(call.words.get(1)),
        _ => return Err(Refusal::fixed("ERR wrong number of arguments for 'ping' command")),
    }
    Ok(())
}

fn echo(call: &mut Call<'_>) -> Reply {
    call.out.bulk(call.words.get(1));
    Ok(())
}

fn select(call: &mut Call<'_>) -> Reply {
    let index = integer(call.words.get(1))?;
    if i32::try_from(index).is_err() {
        let text = "ERR value is out of range, value must between -2147483648 and 2147483647";
        return Err(Refusal::fixed(text));
    }
    if index != 0 {
        return Err(Refusal::fixed("ERR DB index is out of range"));
    }
    call.out.ok();
    Ok(())
}

fn quit(call: &mut Call<'_>) -> Reply {
    call.session.closing = true;
    call.out.ok();
    Ok(())
}

fn reset(call: &mut Call<'_>) -> Reply {
    let Call { session, endpoint, out, client, .. } = call;
    session.transaction = None;
    session.replies = ReplyMode::On;
    session.authenticated = endpoint.password.is_none();
    out.version = Version::Two;
    let mut shown = client.shown();
    shown.name.clear();
    shown.resp = 2;
    drop(shown);
    out.simple("RESET");
    Ok(())
}
