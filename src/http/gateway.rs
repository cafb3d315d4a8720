//! What all handlers share.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use ordershop_actors::read_model::{ReadModel, View};
use ordershop_actors::shop::keys::{CommandKeys, KeyedRequest};
use ordershop_actors::shop::{Accepted, CommandBus, ShopCommand};

use super::problem::{Kind, Problem};
use crate::clock;
use crate::positions::{self, Acknowledged};
use crate::readiness::{NOT_READY, Readiness};

/// How long a command may take until its client is told that nobody knows.
const COMMAND_PATIENCE: Duration = Duration::from_secs(10);
/// The header that names positions.
pub(super) const POSITION: &str = "ordershop-position";
/// How long a query waits for the read model to catch up.
pub const QUERY_PATIENCE: Duration = Duration::from_secs(2);

/// The gateway: sends commands to their services, and shows clients a view that is never older than
/// what it has acknowledged.
#[derive(Clone)]
pub struct Gateway {
    bus: Arc<dyn CommandBus>,
    keys: CommandKeys,
    read_model: ReadModel,
    acknowledged: Arc<Acknowledged>,
    readiness: Readiness,
}

impl Gateway {
    /// A gateway to these; a query's view will be at least at what is `acknowledged`, and there is
    /// none before its `readiness` is reached.
    pub fn new(
        bus: Arc<dyn CommandBus>,
        keys: CommandKeys,
        read_model: ReadModel,
        acknowledged: Arc<Acknowledged>,
        readiness: Readiness,
    ) -> Self {
        Self { bus, keys, read_model, acknowledged, readiness }
    }

    /// To be reached when the queries have caught up.
    pub(super) fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Has a command carried out; one that came with a key, once.
    pub(super) async fn command(
        &self,
        key: Option<KeyedRequest>,
        command: ShopCommand,
    ) -> Result<Accepted, Problem> {
        let (command_id, now_us) = (clock::command_id(), clock::now_us());
        let done = match key {
            None => self.bus.dispatch(command_id, now_us, command),
            Some(key) => self.keys.carry_out(key, command_id, now_us, command),
        };
        let done = tokio::time::timeout(COMMAND_PATIENCE, done).await.map_err(|_| {
            let seconds = COMMAND_PATIENCE.as_secs();
            Problem::new(Kind::TimedOut, format!("no answer came within {seconds} seconds"))
        })?;
        let done = done.map_err(Problem::from);
        // A refusal may have taken pieces and given them back: of that nobody may see a part.
        self.acknowledged.add(match &done {
            Ok(accepted) => &accepted.positions,
            Err(problem) => problem.positions(),
        });
        done
    }

    /// A view that a request may see.
    pub(super) async fn view(&self, request: &HttpRequest) -> Result<Arc<View>, Problem> {
        if !self.readiness.is_reached() {
            return Err(Problem::new(Kind::Unavailable, NOT_READY));
        }
        let late = |error: ordershop_actors::read_model::ViewError| {
            Problem::new(Kind::Unavailable, error.to_string())
        };
        if let Some(header) = request.headers().get(POSITION) {
            let wanted = header.to_str().map_err(|error| error.to_string());
            let wanted = wanted
                .and_then(positions::from_text)
                .map_err(|error| Problem::new(Kind::Malformed, error))?;
            self.read_model.at(&wanted, QUERY_PATIENCE).await.map_err(late)?;
        }
        let own = self.acknowledged.positions();
        self.read_model.at(&own, QUERY_PATIENCE).await.map_err(late)
    }
}
