//! One client from its first byte to its last: its commands in order, its replies in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Buf;
use ordershop_actors::read_model::View;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::clients::{Client, NO_COMMAND};
use super::commands::{self, Call, Command, NO_AUTH, Own, READ_ONLY, Refusal, Run, carry_out};
use super::endpoint::Endpoint;
use super::idle::Idle;
use super::limits::{IDLE_TIME, MAX_CLIENTS, PIPELINE_DEPTH};
use super::protocol::{OwnedWords, Parsed, Parser, Words};
use super::session::{ReplyMode, Session};
use super::wire::{Gone, Wire, give_way};

/// Serves a client until it goes, is idle for too long, or breaks the protocol.
pub(super) async fn serve(endpoint: Arc<Endpoint>, stream: TcpStream, peer: SocketAddr) {
    let local = stream.local_addr().unwrap_or(peer);
    // A reply should leave at once; a socket without that option sends it all the same.
    let _ = stream.set_nodelay(true);
    let mut wire = Wire::new(stream);
    endpoint.counters.connections.fetch_add(1, Ordering::Relaxed);
    let Some(connected) = endpoint.clients.connect(peer, local) else {
        endpoint.counters.rejected.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%peer, MAX_CLIENTS, "one RESP client too many was refused");
        wire.out.error("ERR max number of clients reached");
        // It is refused, whether it hears so or not.
        let _ = wire.flush(&endpoint).await;
        return;
    };
    let client = Arc::clone(&connected.client);
    let session = Session {
        id: client.id,
        authenticated: endpoint.password.is_none(),
        last: NO_COMMAND,
        transaction: None,
        floor: Vec::new(),
        replies: ReplyMode::On,
        closing: false,
    };
    let mut connection = Connection {
        endpoint: &endpoint,
        client: &client,
        session,
        wire,
        parser: Parser::default(),
        idle: Idle::begin(IDLE_TIME),
    };
    // However it ended, the client is gone.
    let _ = connection.run().await;
    connection.count(0);
}

struct Connection<'a> {
    endpoint: &'a Endpoint,
    client: &'a Client,
    session: Session,
    wire: Wire,
    parser: Parser,
    idle: Idle,
}

/// What became of the bytes that came.
enum Step {
    /// There is no whole command.
    Unfinished,
    /// A command was carried out.
    Done,
    /// A command takes longer, or needs a view that is not there yet.
    Later(&'static Command, OwnedWords),
}

impl Connection<'_> {
    async fn run(&mut self) -> Result<(), Gone> {
        let mut carried_out = 0;
        loop {
            // A view is kept no longer than it takes to answer what came with one read.
            let mut view = self.view_at_hand();
            loop {
                match self.step(view.as_ref()) {
                    Step::Unfinished => break,
                    Step::Done => {}
                    Step::Later(command, words) => {
                        self.later(command, &words, view.take()).await?;
                        view = self.view_at_hand();
                    }
                }
                carried_out += 1;
                self.wire.flush_if_much(self.endpoint).await?;
                if self.session.closing || carried_out % PIPELINE_DEPTH == 0 {
                    break;
                }
            }
            drop(view);
            self.wire.flush(self.endpoint).await?;
            if self.session.closing {
                return Ok(());
            }
            if carried_out >= PIPELINE_DEPTH {
                self.count(carried_out);
                carried_out = 0;
                give_way().await;
                continue;
            }
            self.count(carried_out);
            carried_out = 0;
            tokio::select! {
                biased;
                read = self.wire.read() => read?,
                () = self.idle.too_long() => return Err(Gone),
            }
        }
    }

    /// The newest view, if it holds all that it must.
    fn view_at_hand(&self) -> Option<Arc<View>> {
        self.endpoint.view_at_hand(&self.session.floor)
    }

    /// Carries out the next command, where all that it needs is at hand.
    fn step(&mut self, view: Option<&Arc<View>>) -> Step {
        let Wire { input, out, .. } = &mut self.wire;
        let (words, taken) = match self.parser.read(input, self.session.authenticated) {
            Ok(Parsed::Command(words, taken)) => (words, taken),
            Ok(Parsed::Unfinished) => return Step::Unfinished,
            Err(error) => {
                out.error(error.to_string());
                self.session.closing = true;
                return Step::Done;
            }
        };
        if words.len() == 0 {
            input.advance(taken);
            return Step::Done;
        }
        if self.session.replies == ReplyMode::SkipNext {
            self.session.replies = ReplyMode::Skip;
        }
        let start = out.len();
        let own = (self.endpoint, self.client);
        let done = decide(own, &mut self.session, out, words, view);
        let later = match done {
            Ok(None) => None,
            Ok(Some(command)) => Some((command, OwnedWords::of(words))),
            Err(refusal) => {
                out.truncate(start);
                out.error(refusal.text());
                None
            }
        };
        input.advance(taken);
        if let Some((command, words)) = later {
            Step::Later(command, words)
        } else {
            self.mute_from(start);
            Step::Done
        }
    }

    /// Carries out a command that may take its time.
    async fn later(
        &mut self,
        command: &'static Command,
        words: &OwnedWords,
        view: Option<Arc<View>>,
    ) -> Result<(), Gone> {
        let view = match view {
            Some(view) => Ok(view),
            None => self.endpoint.view(&self.session.floor).await,
        };
        let view = match view {
            Ok(view) => view,
            Err(refusal) => {
                if command.name == "exec" {
                    // An EXEC ends its transaction, whatever becomes of it.
                    self.session.transaction = None;
                }
                self.wire.out.error(refusal.text());
                return Ok(());
            }
        };
        self.client.shown().command = command.name;
        let start = self.wire.out.len();
        let is_quiet = matches!(self.session.replies, ReplyMode::Off | ReplyMode::Skip);
        if is_quiet {
            self.wire.flush(self.endpoint).await?;
            self.wire.muted = true;
        }
        let own = Own {
            endpoint: self.endpoint,
            session: &mut self.session,
            client: self.client,
            wire: &mut self.wire,
        };
        carry_out(own, command, words.words(), view, true).await?;
        self.wire.muted = false;
        self.mute_from(if is_quiet { 0 } else { start });
        Ok(())
    }

    /// Takes a reply back that the client does not want.
    fn mute_from(&mut self, start: usize) {
        match self.session.replies {
            ReplyMode::Off => self.wire.out.truncate(start),
            ReplyMode::Skip => {
                self.wire.out.truncate(start);
                self.session.replies = ReplyMode::On;
            }
            ReplyMode::On | ReplyMode::SkipNext => {}
        }
    }

    /// Counts what was done since it was counted last.
    fn count(&mut self, commands: usize) {
        let counters = &self.endpoint.counters;
        let (bytes_in, bytes_out) = self.wire.moved_since_counted();
        let errors = std::mem::take(&mut self.wire.out.errors);
        for (counter, number) in [
            (&counters.commands, commands as u64),
            (&counters.errors, errors),
            (&counters.bytes_in, bytes_in),
            (&counters.bytes_out, bytes_out),
        ] {
            if number > 0 {
                counter.fetch_add(number, Ordering::Relaxed);
            }
        }
        let now = Instant::now();
        self.idle.active(now);
        if commands > 0 {
            let mut shown = self.client.shown();
            (shown.last_active, shown.command) = (now.into_std(), self.session.last);
        }
    }
}

/// Checks a command as Redis does, in its order, then carries it out, queues it, or gives it back
/// to be carried out later.
fn decide(
    (endpoint, client): (&Endpoint, &Client),
    session: &mut Session,
    out: &mut super::protocol::Output,
    words: Words<'_>,
    view: Option<&Arc<View>>,
) -> Result<Option<&'static Command>, Refusal> {
    let allowed = allow(session, words);
    let command = match allowed {
        Ok(Some(command)) => command,
        Ok(None) => return Ok(None),
        Err(refusal) => return Err(refused(session, words, refusal)),
    };
    session.last = command.name;
    let ends_transaction = ["exec", "discard", "multi", "quit", "reset"].contains(&command.name);
    if let Some(transaction) = session.transaction.as_mut().filter(|_| !ends_transaction) {
        if !transaction.push(command, OwnedWords::of(words)) {
            return Err(Refusal::new("ERR the transaction holds too many commands"));
        }
        out.simple("QUEUED");
        return Ok(None);
    }
    let mut call = Call { words, endpoint, session, client, out };
    match (command.run, view) {
        (Run::Plain(run), _) => run(&mut call)?,
        (Run::Query(run), Some(view)) => run(&mut call, view)?,
        (Run::Query(_) | Run::Long(_), _) => return Ok(Some(command)),
        (Run::Write, _) => return Err(READ_ONLY),
    }
    Ok(None)
}

/// What is said of a command that may not be sent: it breaks its transaction, and an EXEC ends it.
fn refused(session: &mut Session, words: Words<'_>, refusal: Refusal) -> Refusal {
    if words.get(0).eq_ignore_ascii_case(b"exec") {
        session.transaction = None;
        let reason = refusal.text().strip_prefix(b"ERR ").unwrap_or(refusal.text());
        let text = [b"EXECABORT Transaction discarded because of: ", reason].concat();
        return Refusal::of_bytes(text);
    }
    if let Some(transaction) = &mut session.transaction {
        transaction.broken = true;
    }
    refusal
}

/// The command that these words are, if this client may send it now; none, where a browser was led
/// to speak to the endpoint, so that the connection ends.
fn allow(session: &mut Session, words: Words<'_>) -> Result<Option<&'static Command>, Refusal> {
    let name = words.get(0);
    if name.eq_ignore_ascii_case(b"host:") || name.eq_ignore_ascii_case(b"post") {
        session.closing = true;
        return Ok(None);
    }
    let command = commands::find(words)?;
    if !session.authenticated && !command.flags.contains(&"no_auth") {
        return Err(NO_AUTH);
    }
    if matches!(command.run, Run::Write) {
        return Err(READ_ONLY);
    }
    Ok(Some(command))
}
