//! HELLO and AUTH.

use super::super::endpoint::Endpoint;
use super::super::protocol::{Version, Words};
use super::client::set_name;
use super::{Call, Command, REDIS_VERSION, Refusal, Reply, Run, SYNTAX, command, is};

const OPEN: &[&str] = &["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"];

pub(super) static COMMANDS: &[Command] = &[
    Command {
        flags: OPEN,
        group: "connection",
        since: "6.0.0",
        summary: "Choose the version of RESP, and tell who this is",
        syntax: "[protover] [AUTH username password] [SETNAME clientname]",
        ..command("hello", -1, Run::Plain(hello))
    },
    Command {
        flags: OPEN,
        group: "connection",
        summary: "Authenticate to the server",
        syntax: "[username] password",
        ..command("auth", -2, Run::Plain(auth))
    },
];

const WRONG_PASSWORD: Refusal =
    Refusal::fixed("WRONGPASS invalid username-password pair or user is disabled.");

fn hello(call: &mut Call<'_>) -> Reply {
    let words = call.words;
    let version = match words.len() {
        1 => None,
        _ => Some(version(words.get(1))?),
    };
    let (mut login, mut name, mut next) = (None, None, 2);
    while next < words.len() {
        let more = words.len() - 1 - next;
        let option = words.get(next);
        if is(option, "AUTH") && more >= 2 {
            login = Some((words.get(next + 1), words.get(next + 2)));
            next += 2;
        } else if is(option, "SETNAME") && more >= 1 {
            name = Some(words.get(next + 1));
            next += 1;
        } else {
            let mut text = b"ERR Syntax error in HELLO option '".to_vec();
            text.extend_from_slice(option);
            text.push(b'\'');
            return Err(Refusal::of_bytes(text));
        }
        next += 1;
    }
    if let Some((user, password)) = login {
        check(call.endpoint, user, password)?;
        call.session.authenticated = true;
    }
    if !call.session.authenticated {
        return Err(Refusal::fixed(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO AUTH <user> <pass> option can be used to authenticate the client and \
             select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        set_name(call.client, name)?;
    }
    if let Some(version) = version {
        call.out.version = version;
        call.client.shown().resp = if version == Version::Three { 3 } else { 2 };
    }
    describe(call);
    Ok(())
}

fn version(word: &[u8]) -> Result<Version, Refusal> {
    match super::super::protocol::integer(word) {
        Some(2) => Ok(Version::Two),
        Some(3) => Ok(Version::Three),
        Some(_) => Err(Refusal::fixed("NOPROTO unsupported protocol version")),
        None => Err(Refusal::fixed("ERR Protocol version is not an integer or out of range")),
    }
}

fn describe(call: &mut Call<'_>) {
    let (id, out) = (call.session.id, &mut *call.out);
    let version = if out.version == Version::Three { 3 } else { 2 };
    out.map(7);
    for (name, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        out.bulk(name);
        out.bulk(value);
    }
    out.bulk("proto");
    out.integer(version);
    out.bulk("id");
    out.count(id);
    for (name, value) in [("mode", "standalone"), ("role", "replica")] {
        out.bulk(name);
        out.bulk(value);
    }
    out.bulk("modules");
    out.array(0);
}

fn auth(call: &mut Call<'_>) -> Reply {
    let words: Words<'_> = call.words;
    let (user, password) = match words.len() {
        2 if call.endpoint.password.is_none() => {
            return Err(Refusal::fixed(
                "ERR AUTH <password> called without any password configured for the default \
                 user. Are you sure your configuration is correct?",
            ));
        }
        2 => (&b"default"[..], words.get(1)),
        3 => (words.get(1), words.get(2)),
        _ => return Err(SYNTAX),
    };
    check(call.endpoint, user, password)?;
    call.session.authenticated = true;
    call.out.ok();
    Ok(())
}

/// Whether that user may come in with that password; without a password set, with any.
fn check(endpoint: &Endpoint, user: &[u8], password: &[u8]) -> Result<(), Refusal> {
    let known = endpoint.password.as_deref().map(str::as_bytes);
    let right = user == b"default" && known.is_none_or(|known| is_same(known, password));
    if right { Ok(()) } else { Err(WRONG_PASSWORD) }
}

/// Compares in a time that tells nothing but the length of what was given.
fn is_same(known: &[u8], given: &[u8]) -> bool {
    let mut difference = known.len() ^ given.len();
    for (index, byte) in given.iter().enumerate() {
        let other = known.get(index % known.len().max(1)).copied().unwrap_or_default();
        difference |= usize::from(byte ^ other);
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_password_is_the_same() {
        assert!(is_same(b"secret", b"secret"));
        assert!(is_same(b"", b""));
        for wrong in [&b""[..], b"secre", b"secrets", b"secretsecret", b"Secret"] {
            assert!(!is_same(b"secret", wrong));
        }
    }
}
