//! A connection that is made anew when it is lost, and what a call may wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::poll;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, Pipeline, PushInfo, PushKind, ServerErrorKind, Value,
};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, sleep, timeout};

use super::options::Options;
use super::witness::Witness;
use crate::LogError;

/// Between two attempts within one call.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// What rustls says of a certificate that it does not trust.
const UNTRUSTED: &str = "invalid peer certificate";

/// What is asked of the server in one go.
#[derive(Clone, Copy)]
pub(super) enum Request<'a> {
    /// One command.
    One(&'a Cmd),
    /// Several, answered one by one; not atomic.
    Several(&'a Pipeline),
}

/// The right to send next, so that calls are sent in the order in which they were made; it ends when
/// the last that shares it has sent.
pub(super) type Turn = Arc<OwnedMutexGuard<()>>;

/// One connection that many calls share, to a server that may go and come back.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    /// The server, as errors name it.
    pub(super) address: Arc<str>,
    options: Options,
    witness: Arc<Witness>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Connected>,
    /// The last connection, which may still hold what was sent there.
    last: Option<Identity>,
    connected: u64,
    /// When the last attempt failed, and how.
    failed: Option<(Instant, LogError)>,
    away_since: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Connected {
    connection: MultiplexedConnection,
    /// Counts the connections of this link.
    count: u64,
    /// Whether the server has closed it, so that nothing need be sent there in vain.
    closed: Closed,
}

/// How a server knows a connection: by a number that is unique while that server runs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    run_id: String,
    number: i64,
}

/// Becomes true when a connection is found closed.
type Closed = Arc<AtomicBool>;

impl Link {
    /// A link to that server, which connects when it is first used.
    pub(super) fn new(
        client: Client,
        address: Arc<str>,
        options: Options,
        witness: Arc<Witness>,
    ) -> Self {
        Self { client, address, options, witness, state: Mutex::default() }
    }

    /// Asks, and asks again on a new connection when the answer does not come.
    ///
    /// So whatever is asked must do no harm when it is done twice. Answers may be errors of the
    /// server, but not such as pass by themselves.
    pub(super) async fn ask(&self, request: Request<'_>) -> Result<Vec<Value>, LogError> {
        self.ask_in_turn(request, None).await
    }

    /// The same; the turn ends when it is sent, and not only when it is answered.
    pub(super) async fn ask_in_turn(
        &self,
        request: Request<'_>,
        mut turn: Option<Turn>,
    ) -> Result<Vec<Value>, LogError> {
        let deadline = Instant::now() + self.options.call_limit;
        let mut sent = false;
        // What was sent may be done, whatever is found out afterwards.
        let fail = |sent: bool, error| if sent { self.unanswered(&error) } else { error };
        loop {
            self.witness.check().map_err(|error| fail(sent, error))?;
            let left = deadline.saturating_duration_since(Instant::now());
            let failure = match timeout(left, self.connected()).await {
                Err(_) => self.away("it takes too long to connect".to_owned()),
                Ok(Err(error)) if !matches!(error, LogError::Away { .. }) => {
                    return Err(fail(sent, error));
                }
                Ok(Err(error)) => error,
                Ok(Ok(connected)) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    match self.try_ask(&connected, request, left, turn.take()).await {
                        Ok(values) => return Ok(values),
                        Err(Attempt::NotDone(error)) => error,
                        Err(Attempt::Unknown(error)) => {
                            sent = true;
                            error
                        }
                    }
                }
            };
            let now = Instant::now();
            let absent = self.state.lock().await.away_since.map(|since| now - since);
            let gives_up = absent.is_some_and(|absent| absent > self.options.absence_limit);
            if gives_up || now + BETWEEN_ATTEMPTS >= deadline {
                return Err(fail(sent, failure));
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
    }

    /// Asks for one command's answer; an error of the server is an error here.
    pub(super) async fn ask_one(&self, command: &Cmd) -> Result<Value, LogError> {
        let mut values = self.ask(Request::One(command)).await?;
        refuse(values.pop().unwrap_or_default())
    }

    /// A connection of its own for somebody, with that limit for answers.
    pub(super) async fn connect(
        &self,
        answer_limit: Duration,
    ) -> Result<MultiplexedConnection, LogError> {
        self.connect_watched(answer_limit).await.map(|(connection, _)| connection)
    }

    async fn connect_watched(
        &self,
        answer_limit: Duration,
    ) -> Result<(MultiplexedConnection, Closed), LogError> {
        let closed = Closed::default();
        let told = Arc::clone(&closed);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.connect_limit))
            .set_response_timeout(Some(answer_limit))
            .set_push_sender(move |info: PushInfo| {
                if info.kind == PushKind::Disconnection {
                    told.store(true, Ordering::Release);
                }
                Ok::<_, redis::aio::SendError>(())
            });
        let connect = async {
            let connected = self.client.get_multiplexed_async_connection_with_config(&config).await;
            let mut connection = connected.map_err(|error| self.failed_to_connect(&error))?;
            self.witness.verify(&mut connection).await?.map_err(|e| self.failed_to_connect(&e))?;
            Ok((connection, closed))
        };
        match timeout(self.options.connect_limit, connect).await {
            Ok(connected) => connected,
            Err(_) => Err(self.away(format!("no answer within {:?}", self.options.connect_limit))),
        }
    }

    async fn try_ask(
        &self,
        connected: &Connected,
        request: Request<'_>,
        left: Duration,
        turn: Option<Turn>,
    ) -> Result<Vec<Value>, Attempt> {
        let mut connection = connected.connection.clone();
        let asked = async {
            match request {
                Request::One(command) => {
                    connection.send_packed_command(command).await.map(|value| vec![value])
                }
                Request::Several(pipeline) => {
                    let count = pipeline.cmd_iter().count();
                    connection.send_packed_commands(pipeline, 0, count).await
                }
            }
        };
        let mut asked = std::pin::pin!(timeout(left, asked));
        // At its first poll it takes its place in the connection's queue.
        let answered = match poll!(asked.as_mut()) {
            Poll::Ready(answered) => answered,
            Poll::Pending => {
                drop(turn);
                asked.await
            }
        };
        let error = match answered {
            Ok(Ok(values)) => match values.iter().find_map(passing) {
                None => return Ok(values),
                Some(reason) => Attempt::NotDone(self.away(reason)),
            },
            Ok(Err(error)) => Attempt::Unknown(self.away(error.to_string())),
            Err(_) => Attempt::Unknown(self.away("no answer in time".to_owned())),
        };
        self.lose(connected.count).await;
        Err(error)
    }

    /// The present connection, or a new one. Whoever waits while another's attempt fails has failed.
    async fn connected(&self) -> Result<Connected, LogError> {
        let asked_at = Instant::now();
        let mut state = self.state.lock().await;
        match &state.current {
            Some(connected) if !connected.closed.load(Ordering::Acquire) => {
                return Ok(connected.clone());
            }
            _ => state.current = None,
        }
        if let Some((failed_at, error)) = &state.failed
            && *failed_at > asked_at
        {
            return Err(error.clone());
        }
        match self.connect_watched(self.options.answer_limit).await {
            Ok((mut connection, closed)) => {
                state.last = fence(&mut connection, state.last.take()).await;
                state.connected += 1;
                let connected = Connected { connection, count: state.connected, closed };
                state.current = Some(connected.clone());
                if state.away_since.take().is_some() {
                    tracing::info!(address = %self.address, "the store is back");
                }
                state.failed = None;
                Ok(connected)
            }
            Err(error) => {
                let now = Instant::now();
                if state.away_since.is_none() {
                    if !matches!(error, LogError::Lost(_)) {
                        tracing::warn!(%error, "the store is away");
                    }
                    state.away_since = Some(now);
                }
                state.failed = Some((now, error.clone()));
                Err(error)
            }
        }
    }

    /// Uses that connection no more.
    async fn lose(&self, count: u64) {
        let mut state = self.state.lock().await;
        if state.current.as_ref().is_some_and(|current| current.count == count) {
            state.current = None;
        }
    }

    fn failed_to_connect(&self, error: &redis::RedisError) -> LogError {
        let is_final = matches!(
            error.kind(),
            redis::ErrorKind::AuthenticationFailed | redis::ErrorKind::InvalidClientConfig
        ) || matches!(error.code(), Some("WRONGPASS" | "NOAUTH" | "NOPERM"))
            // Its cause is out of reach behind an error of the operating system's kind.
            || error.to_string().contains(UNTRUSTED);
        if is_final {
            LogError::Refused(error.to_string().into())
        } else {
            self.away(error.to_string())
        }
    }

    pub(super) fn away(&self, reason: String) -> LogError {
        LogError::Away { address: Arc::clone(&self.address), reason: reason.into() }
    }

    fn unanswered(&self, error: &LogError) -> LogError {
        let reason = match error {
            LogError::Away { reason, .. } => Arc::clone(reason),
            other => other.to_string().into(),
        };
        LogError::Unanswered { address: Arc::clone(&self.address), reason }
    }
}

/// How an attempt failed.
enum Attempt {
    /// The server said that it did nothing.
    NotDone(LogError),
    /// It may have done what was asked.
    Unknown(LogError),
}

/// Has the server drop what an earlier connection may still have sent, so that nothing is done after
/// it was answered that it was not; gives the new connection's identity.
async fn fence(connection: &mut MultiplexedConnection, last: Option<Identity>) -> Option<Identity> {
    let mut questions = Pipeline::new();
    questions.cmd("CLIENT").arg("ID").cmd("INFO").arg("server");
    let answers = connection.send_packed_commands(&questions, 0, 2).await.ok()?;
    let [Value::Int(number), info] = &answers[..] else {
        return None;
    };
    let run_id = run_id(info)?;
    // Another server would know somebody else by that number.
    if let Some(last) = last
        && last.run_id == run_id
    {
        let mut kill = redis::cmd("CLIENT");
        kill.arg("KILL").arg("ID").arg(last.number);
        // It is usually gone, or killing may be forbidden.
        let _ = connection.send_packed_command(&kill).await;
    }
    Some(Identity { run_id, number: *number })
}

/// What a server calls itself from its start to its end.
fn run_id(info: &Value) -> Option<String> {
    let info = match info {
        Value::VerbatimString { text, .. } => text,
        other => super::fields::text(other)?,
    };
    let run_id = info.lines().find_map(|line| line.strip_prefix("run_id:"))?;
    Some(run_id.trim().to_owned())
}

/// Why the server does nothing for now, where that is its answer.
fn passing(value: &Value) -> Option<String> {
    let Value::ServerError(error) = value else {
        return None;
    };
    let passes = matches!(
        error.kind(),
        Some(
            ServerErrorKind::BusyLoading
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::TryAgain
        )
    );
    passes.then(|| describe(error))
}

/// An error of the server in its own words.
pub(super) fn describe(error: &redis::ServerError) -> String {
    format!("{} {}", error.code(), error.details().unwrap_or_default()).trim_end().to_owned()
}

/// An answer that is no error.
pub(super) fn refuse(value: Value) -> Result<Value, LogError> {
    match value {
        Value::ServerError(error) if error.code() == "OOM" => Err(LogError::Full(describe(&error))),
        Value::ServerError(error) => Err(LogError::Refused(describe(&error).into())),
        value => Ok(value),
    }
}
