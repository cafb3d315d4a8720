//! INFO and DBSIZE.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use ordershop_actors::read_model::{STREAMS, View};
use ordershop_actors::shop::topics;
use ordershop_store::EntryId;

use super::super::keyspace;
use super::super::limits::MAX_CLIENTS;
use super::{Call, Command, REDIS_VERSION, Reply, Run, command, is};

pub(super) static COMMANDS: &[Command] = &[
    Command {
        flags: &["loading", "stale"],
        group: "server",
        summary: "Get information and statistics about the server",
        syntax: "[section...]",
        ..command("info", -1, Run::Query(info))
    },
    Command {
        flags: &["readonly", "fast"],
        group: "server",
        summary: "Return the number of keys in the selected database",
        ..command("dbsize", 1, Run::Query(size))
    },
];

fn size(call: &mut Call<'_>, view: &View) -> Reply {
    call.out.count(keyspace::len(view));
    Ok(())
}

/// A section: its name, and what writes it.
type Section = (&'static str, fn(&mut String, &Call<'_>, &View));

const SECTIONS: [Section; 7] = [
    ("Server", server),
    ("Clients", clients),
    ("Memory", memory),
    ("Stats", stats),
    ("Replication", replication),
    ("OrderShop", ordershop),
    ("Keyspace", keys),
];

fn info(call: &mut Call<'_>, view: &View) -> Reply {
    let every = |word: &[u8]| ["all", "default", "everything"].iter().any(|all| is(word, all));
    let wanted = |name: &str| {
        let mut words = call.words.iter().skip(1).peekable();
        words.peek().is_none() || words.any(|word| every(word) || is(word, name))
    };
    let mut text = String::new();
    for (name, write) in SECTIONS {
        if wanted(name) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            line(&mut text, format_args!("# {name}"));
            write(&mut text, call, view);
        }
    }
    call.out.verbatim(&text);
    Ok(())
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    write!(text, "{line}\r\n").expect("a String takes everything");
}

fn server(text: &mut String, call: &Call<'_>, _: &View) {
    let uptime = call.endpoint.started.elapsed().as_secs();
    line(text, format_args!("redis_version:{REDIS_VERSION}"));
    line(text, format_args!("redis_mode:standalone"));
    line(text, format_args!("ordershop_version:{}", env!("CARGO_PKG_VERSION")));
    line(text, format_args!("arch_bits:{}", usize::BITS));
    line(text, format_args!("process_id:{}", std::process::id()));
    line(text, format_args!("tcp_port:{}", call.endpoint.port));
    line(text, format_args!("uptime_in_seconds:{uptime}"));
    line(text, format_args!("uptime_in_days:{}", uptime / 86_400));
}

fn clients(text: &mut String, call: &Call<'_>, _: &View) {
    line(text, format_args!("connected_clients:{}", call.endpoint.clients.len()));
    line(text, format_args!("maxclients:{MAX_CLIENTS}"));
    line(text, format_args!("blocked_clients:{}", call.endpoint.counters.blocked()));
}

/// How many bytes of memory the process has in use; `None` where the system does not tell.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn memory(text: &mut String, _: &Call<'_>, _: &View) {
    if let Some(bytes) = resident_bytes() {
        line(text, format_args!("used_memory:{bytes}"));
        line(text, format_args!("used_memory_rss:{bytes}"));
    }
    line(text, format_args!("maxmemory:0"));
    line(text, format_args!("maxmemory_policy:noeviction"));
}

fn stats(text: &mut String, call: &Call<'_>, _: &View) {
    let counters = &call.endpoint.counters;
    for (name, counter) in [
        ("total_connections_received", &counters.connections),
        ("total_commands_processed", &counters.commands),
        ("total_net_input_bytes", &counters.bytes_in),
        ("total_net_output_bytes", &counters.bytes_out),
        ("rejected_connections", &counters.rejected),
        ("total_error_replies", &counters.errors),
        ("client_output_buffer_limit_disconnections", &counters.slow_readers),
    ] {
        line(text, format_args!("{name}:{}", counter.load(Ordering::Relaxed)));
    }
}

fn replication(text: &mut String, _: &Call<'_>, _: &View) {
    line(text, format_args!("role:slave"));
    line(text, format_args!("slave_read_only:1"));
    line(text, format_args!("connected_slaves:0"));
}

fn ordershop(text: &mut String, _: &Call<'_>, view: &View) {
    for topic in topics::PUBLIC {
        let events = STREAMS.into_iter().filter_map(|action| view.stream(topic, action));
        let events: u64 = events.map(ordershop_actors::read_model::StreamIndex::len).sum();
        let last = view.position(topic).last();
        let position = if last == EntryId::ZERO { "-".to_owned() } else { last.to_string() };
        let entities = view.table(topic).len();
        line(text, format_args!("{topic}:entities={entities},events={events},position={position}"));
    }
}

fn keys(text: &mut String, _: &Call<'_>, view: &View) {
    let keys = keyspace::len(view);
    if keys > 0 {
        line(text, format_args!("db0:keys={keys},expires=0,avg_ttl=0"));
    }
}
