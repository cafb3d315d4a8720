//! COMMAND: what this table holds, as clients and `redis-cli`'s hints ask for it.

use super::super::protocol::{Glob, Output};
use super::{Call, Command, Reply, Run, SYNTAX, command, is, named, readable};

const FLAGS: &[&str] = &["loading", "stale"];

pub(super) static COMMANDS: &[Command] = &[Command {
    flags: FLAGS,
    group: "server",
    since: "2.8.13",
    summary: "Get array of Redis command details",
    subcommands: SUBCOMMANDS,
    ..command("command", -1, Run::Plain(all))
}];

static SUBCOMMANDS: &[Command] = &[
    Command {
        flags: FLAGS,
        group: "server",
        since: "2.8.13",
        summary: "Get total number of Redis commands",
        ..command("command|count", 2, Run::Plain(count))
    },
    Command {
        flags: FLAGS,
        group: "server",
        since: "7.0.0",
        summary: "Get array of specific Redis command documentation",
        syntax: "[command-name...]",
        ..command("command|docs", -2, Run::Plain(docs))
    },
    Command {
        flags: FLAGS,
        group: "server",
        since: "2.8.13",
        summary: "Get array of specific Redis command details",
        syntax: "[command-name...]",
        ..command("command|info", -2, Run::Plain(info))
    },
    Command {
        flags: FLAGS,
        group: "server",
        since: "7.0.0",
        summary: "Get an array of Redis command names",
        syntax: "[FILTERBY PATTERN pattern]",
        ..command("command|list", -2, Run::Plain(list))
    },
    Command {
        flags: FLAGS,
        group: "server",
        since: "5.0.0",
        summary: "Show helpful text about the different subcommands",
        ..command("command|help", 2, Run::Plain(help_command))
    },
];

fn all(call: &mut Call<'_>) -> Reply {
    call.out.array(readable().count());
    readable().for_each(|command| details(call.out, command));
    Ok(())
}

fn count(call: &mut Call<'_>) -> Reply {
    call.out.count(readable().count());
    Ok(())
}

fn info(call: &mut Call<'_>) -> Reply {
    if call.words.len() == 2 {
        return all(call);
    }
    call.out.array(call.words.len() - 2);
    for name in call.words.iter().skip(2) {
        match lookup(name) {
            Some(command) => details(call.out, command),
            None => call.out.null(),
        }
    }
    Ok(())
}

fn docs(call: &mut Call<'_>) -> Reply {
    let commands: Vec<_> = if call.words.len() == 2 {
        readable().collect()
    } else {
        call.words.iter().skip(2).filter_map(lookup).collect()
    };
    call.out.map(commands.len());
    for command in commands {
        call.out.bulk(command.name);
        document(call.out, command);
    }
    Ok(())
}

fn list(call: &mut Call<'_>) -> Reply {
    let words = call.words;
    let pattern = match words.len() {
        2 => Glob::new(b"*"),
        5 if is(words.get(2), "FILTERBY") && is(words.get(3), "PATTERN") => Glob::new(words.get(4)),
        _ => return Err(SYNTAX),
    };
    let names: Vec<_> = readable().filter(|known| pattern.matches(known.name.as_bytes())).collect();
    call.out.set(names.len());
    for command in names {
        call.out.bulk(command.name);
    }
    Ok(())
}

fn help_command(call: &mut Call<'_>) -> Reply {
    help(call.out, "COMMAND", SUBCOMMANDS);
    Ok(())
}

/// Writes what the subcommands of a command are for.
pub(super) fn help(out: &mut Output, name: &str, subcommands: &[Command]) {
    out.array(1 + 2 * subcommands.len());
    out.simple(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for subcommand in subcommands {
        let (_, short) = subcommand.name.split_once('|').unwrap_or_default();
        out.simple(format!("{} {}", short.to_ascii_uppercase(), subcommand.syntax).trim_end());
        out.simple(&format!("    {}.", subcommand.summary));
    }
}

/// The command of that name, or the subcommand, as in `client|id`.
fn lookup(name: &[u8]) -> Option<&'static Command> {
    let container = name.split(|byte| *byte == b'|').next()?;
    let command = named(container).filter(|command| !matches!(command.run, Run::Write))?;
    if container.len() == name.len() {
        return Some(command);
    }
    let mut subcommands = command.subcommands.iter();
    subcommands.find(|subcommand| subcommand.name.as_bytes().eq_ignore_ascii_case(name))
}

/// What `COMMAND INFO` tells of a command: ten elements, as in Redis 7.
fn details(out: &mut Output, command: &Command) {
    out.array(10);
    out.bulk(command.name);
    out.integer(command.arity.into());
    out.set(command.flags.len());
    command.flags.iter().for_each(|flag| out.simple(flag));
    let (first, last, step) = command.keys;
    for number in [first, last, step] {
        out.integer(number);
    }
    let speed = if command.flags.contains(&"fast") { "@fast" } else { "@slow" };
    let group = format!("@{}", command.group);
    out.set(2);
    out.simple(speed);
    out.simple(&group);
    out.array(0);
    out.array(0);
    out.array(command.subcommands.len());
    command.subcommands.iter().for_each(|subcommand| details(out, subcommand));
}

fn document(out: &mut Output, command: &Command) {
    let arguments: Vec<_> = arguments(command.syntax).collect();
    let parts = [!arguments.is_empty(), !command.subcommands.is_empty()];
    out.map(3 + parts.iter().filter(|is_there| **is_there).count());
    for (name, value) in
        [("summary", command.summary), ("since", command.since), ("group", command.group)]
    {
        out.bulk(name);
        out.bulk(value);
    }
    if !arguments.is_empty() {
        out.bulk("arguments");
        out.array(arguments.len());
        for argument in arguments {
            argument.write(out);
        }
    }
    if !command.subcommands.is_empty() {
        out.bulk("subcommands");
        out.map(command.subcommands.len());
        for subcommand in command.subcommands {
            out.bulk(subcommand.name);
            document(out, subcommand);
        }
    }
}

/// An argument, as a syntax has it.
struct Argument<'a> {
    name: &'a str,
    token: Option<&'a str>,
    optional: bool,
    multiple: bool,
}

/// The arguments in a syntax: words; `[…]` around what may be left out, `…...` behind what may come
/// again, capitals for what is written as it stands.
fn arguments(syntax: &str) -> impl Iterator<Item = Argument<'_>> {
    let mut rest = syntax.trim_start();
    std::iter::from_fn(move || {
        let (part, behind) = if rest.starts_with('[') {
            rest.split_once(']')?
        } else if rest.is_empty() {
            return None;
        } else {
            rest.split_once(' ').unwrap_or((rest, ""))
        };
        rest = behind.trim_start();
        let optional = part.starts_with('[');
        let part = part.trim_start_matches('[');
        let multiple = part.ends_with("...");
        let part = part.trim_end_matches("...");
        let (token, name) = match part.split_once(' ') {
            Some((token, name)) => (Some(token), name),
            None if part.starts_with(|c: char| c.is_ascii_uppercase()) => (Some(part), part),
            None => (None, part),
        };
        Some(Argument { name, token, optional, multiple })
    })
}

impl Argument<'_> {
    fn write(&self, out: &mut Output) {
        let is_token = self.token == Some(self.name);
        let kind = match self.name {
            _ if is_token => "pure-token",
            "key" => "key",
            "pattern" => "pattern",
            "count" | "start" | "stop" | "index" | "cursor" | "milliseconds" => "integer",
            _ => "string",
        };
        let flags = [(self.optional, "optional"), (self.multiple, "multiple")];
        let flags: Vec<_> = flags.into_iter().filter_map(|(is, flag)| is.then_some(flag)).collect();
        let parts = [self.token.is_some(), !flags.is_empty(), kind == "key"];
        out.map(2 + parts.iter().filter(|is_there| **is_there).count());
        out.bulk("name");
        out.bulk(self.name.to_ascii_lowercase());
        out.bulk("type");
        out.bulk(kind);
        if kind == "key" {
            out.bulk("key_spec_index");
            out.integer(0);
        }
        if let Some(token) = self.token {
            out.bulk("token");
            out.bulk(token);
        }
        if !flags.is_empty() {
            out.bulk("flags");
            out.array(flags.len());
            for flag in flags {
                out.simple(flag);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_falls_into_its_arguments() {
        let parts: Vec<_> = arguments("key start [COUNT count] [id...] STREAMS key...")
            .map(|a| (a.name, a.token, a.optional, a.multiple))
            .collect();
        assert_eq!(
            parts,
            [
                ("key", None, false, false),
                ("start", None, false, false),
                ("count", Some("COUNT"), true, false),
                ("id", None, true, true),
                ("STREAMS", Some("STREAMS"), false, false),
                ("key", None, false, true),
            ]
        );
    }

    #[test]
    fn every_command_says_what_it_is_for() {
        for command in readable() {
            assert!(!command.summary.is_empty(), "{}", command.name);
            assert_eq!(command.name, command.name.to_ascii_lowercase());
        }
    }
}
