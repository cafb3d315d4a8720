//! CLIENT: who is connected, and what this connection is called.

use super::super::clients::Client;
use super::super::session::ReplyMode;
use super::{Call, Command, Refusal, Reply, Run, SYNTAX, command, integer, is};

const FLAGS: &[&str] = &["noscript", "loading", "stale"];

pub(super) static COMMANDS: &[Command] = &[Command {
    group: "connection",
    since: "2.4.0",
    summary: "A container for client connection commands",
    subcommands: SUBCOMMANDS,
    ..command("client", -2, Run::Plain(help))
}];

static SUBCOMMANDS: &[Command] = &[
    Command {
        flags: FLAGS,
        group: "connection",
        since: "5.0.0",
        summary: "Returns the client ID for the current connection",
        ..command("client|id", 2, Run::Plain(id))
    },
    Command {
        flags: FLAGS,
        group: "connection",
        since: "2.6.9",
        summary: "Get the current connection name",
        ..command("client|getname", 2, Run::Plain(get_name))
    },
    Command {
        flags: FLAGS,
        group: "connection",
        since: "2.6.9",
        summary: "Set the current connection name",
        syntax: "connection-name",
        ..command("client|setname", 3, Run::Plain(name))
    },
    Command {
        flags: FLAGS,
        group: "connection",
        since: "6.2.0",
        summary: "Returns information about the current client connection",
        ..command("client|info", 2, Run::Plain(info))
    },
    Command {
        flags: &["admin", "noscript", "loading", "stale"],
        group: "connection",
        since: "2.4.0",
        summary: "Get the list of client connections",
        syntax: "[TYPE type] [ID client-id...]",
        ..command("client|list", -2, Run::Plain(list))
    },
    Command {
        flags: FLAGS,
        group: "connection",
        since: "3.2.0",
        summary: "Instruct the server whether to reply to commands",
        syntax: "ON|OFF|SKIP",
        ..command("client|reply", 3, Run::Plain(reply))
    },
    Command {
        flags: &["loading", "stale"],
        group: "connection",
        since: "5.0.0",
        summary: "Show helpful text about the different subcommands",
        ..command("client|help", 2, Run::Plain(help))
    },
];

fn id(call: &mut Call<'_>) -> Reply {
    call.out.count(call.session.id);
    Ok(())
}

fn get_name(call: &mut Call<'_>) -> Reply {
    let name = call.client.shown().name.clone();
    if name.is_empty() {
        call.out.null();
    } else {
        call.out.bulk(name);
    }
    Ok(())
}

fn name(call: &mut Call<'_>) -> Reply {
    set_name(call.client, call.words.get(2))?;
    call.out.ok();
    Ok(())
}

/// Names a client; an empty name takes its name away.
pub(super) fn set_name(client: &Client, name: &[u8]) -> Result<(), Refusal> {
    if !name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Err(Refusal::fixed(
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ));
    }
    client.shown().name = name.to_vec();
    Ok(())
}

fn info(call: &mut Call<'_>) -> Reply {
    call.client.shown().command = call.session.last;
    let mut line = call.client.line();
    line.push(b'\n');
    call.out.verbatim(&String::from_utf8_lossy(&line));
    Ok(())
}

fn list(call: &mut Call<'_>) -> Reply {
    let words = call.words;
    let mut wanted: Option<Vec<i64>> = None;
    if words.len() == 4 && is(words.get(2), "TYPE") {
        let kind = words.get(3);
        if ["master", "replica", "slave", "pubsub"].iter().any(|other| is(kind, other)) {
            wanted = Some(Vec::new());
        } else if !is(kind, "normal") {
            let mut text = b"ERR Unknown client type '".to_vec();
            text.extend_from_slice(kind);
            text.push(b'\'');
            return Err(Refusal::of_bytes(text));
        }
    } else if words.len() > 3 && is(words.get(2), "ID") {
        let ids = words
            .iter()
            .skip(3)
            .map(|word| integer(word).map_err(|_| Refusal::fixed("ERR Invalid client ID")));
        wanted = Some(ids.collect::<Result<_, _>>()?);
    } else if words.len() != 2 {
        return Err(SYNTAX);
    }
    call.client.shown().command = call.session.last;
    let mut text = Vec::new();
    for client in call.endpoint.clients.all() {
        let id = i64::try_from(client.id).unwrap_or(i64::MAX);
        if wanted.as_ref().is_none_or(|wanted| wanted.contains(&id)) {
            text.extend(client.line());
            text.push(b'\n');
        }
    }
    call.out.verbatim(&String::from_utf8_lossy(&text));
    Ok(())
}

fn reply(call: &mut Call<'_>) -> Reply {
    let mode = call.words.get(2);
    if is(mode, "ON") {
        call.session.replies = ReplyMode::On;
        call.out.ok();
    } else if is(mode, "OFF") {
        call.session.replies = ReplyMode::Off;
    } else if is(mode, "SKIP") {
        if call.session.replies != ReplyMode::Off {
            call.session.replies = ReplyMode::SkipNext;
        }
    } else {
        return Err(SYNTAX);
    }
    Ok(())
}

fn help(call: &mut Call<'_>) -> Reply {
    super::table::help(call.out, "CLIENT", SUBCOMMANDS);
    Ok(())
}
