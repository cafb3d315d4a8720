//! Commands: create, replace and delete, alike for every topic.

use actix_web::{HttpRequest, HttpResponse, web};
use ordershop_actors::shop::keys::KeyedRequest;
use ordershop_actors::shop::{Accepted, Invalid, ShopCommand, StockChange, Verb, topics};
use ordershop_domain::{Mailbox, Pieces};
use ordershop_store::Topic;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::gateway::POSITION;
use super::problem::{Kind, Problem};
use super::{Gateway, body, keys};
use crate::positions;

/// What clients may do with the entities of a topic, and how it is put to the bus.
pub(super) trait Resource: 'static {
    /// What a client sends of one.
    type Draft: DeserializeOwned + 'static;
    /// The topic.
    const TOPIC: Topic;
    /// The command of a verb.
    fn command(verb: Verb<Self::Draft>) -> ShopCommand;
}

pub(super) async fn create<R: Resource>(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let body = body::read(&request, payload).await?;
    let key = keys::of(&request, &body)?;
    let drafts = body::one_or_many(&body)?;
    let accepted = gateway.command(key, R::command(Verb::Create(drafts))).await?;
    let ids = serde_json::to_string(&accepted.ids).expect("a list of ids");
    Ok(answer(&accepted, ids))
}

pub(super) async fn replace<R: Resource>(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let body = body::read(&request, payload).await?;
    let key = keys::of(&request, &body)?;
    let draft = body::one(&body)?;
    let id = known::<R>(&id)?;
    let accepted = gateway.command(key, R::command(Verb::Replace(id, draft))).await?;
    Ok(yes(&accepted))
}

pub(super) async fn delete<R: Resource>(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let key = keys::of(&request, &[])?;
    let id = known::<R>(&id)?;
    let accepted = gateway.command(key, R::command(Verb::Delete(id))).await?;
    Ok(yes(&accepted))
}

/// The id in a path; what is no id is the id of nothing.
fn known<R: Resource>(id: &str) -> Result<Uuid, Problem> {
    id.parse().map_err(|_| {
        Problem::new(Kind::NotFound, format!("there is no {} `{}`", R::TOPIC, shown(id)))
    })
}

/// As much of a client's text as an answer repeats.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

fn answer(accepted: &Accepted, body: String) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    if !accepted.positions.is_empty() {
        let header = positions::to_text(&accepted.positions);
        answer.insert_header((POSITION, header));
    }
    answer.content_type("application/json").body(body)
}

fn yes(accepted: &Accepted) -> HttpResponse {
    answer(accepted, "true".to_owned())
}

/// `POST /incr/{product_id}` and `/incr/{product_id}/{n}`.
pub(super) async fn increase(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let key = keys::of(&request, &[])?;
    let (product_id, pieces) = product_and_pieces(&request)?;
    let command = ShopCommand::Adjust(product_id, StockChange::In(pieces));
    Ok(yes(&gateway.command(key, command).await?))
}

/// `POST /decr/{product_id}` and `/decr/{product_id}/{n}`.
pub(super) async fn decrease(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let key = keys::of(&request, &[])?;
    let (product_id, pieces) = product_and_pieces(&request)?;
    take_out(&gateway, key, ShopCommand::Adjust(product_id, StockChange::Out(pieces))).await
}

/// `POST /decr_from_order`: takes the pieces of one or several orders out of stock, or none.
pub(super) async fn decrease_by_orders(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let body = body::read(&request, payload).await?;
    let key = keys::of(&request, &body)?;
    let orders = body::one_or_many(&body)?;
    take_out(&gateway, key, ShopCommand::TakeOut(orders)).await
}

/// Answers `true`, or `false` where the stock would go below zero.
async fn take_out(
    gateway: &Gateway,
    key: Option<KeyedRequest>,
    command: ShopCommand,
) -> Result<HttpResponse, Problem> {
    match gateway.command(key, command).await {
        Ok(accepted) => Ok(yes(&accepted)),
        Err(problem) if problem.is_conflict() => {
            let positions = problem.positions().to_vec();
            Ok(answer(&Accepted { ids: Vec::new(), positions }, "false".to_owned()))
        }
        Err(problem) => Err(problem),
    }
}

fn product_and_pieces(request: &HttpRequest) -> Result<(Uuid, Pieces), Problem> {
    let path = request.match_info();
    let product = path.get("product_id").unwrap_or_default();
    let product_id = product.parse().map_err(|_| {
        Problem::new(Kind::NotFound, format!("there is no product `{}`", shown(product)))
    })?;
    let wrong =
        |message: String| Problem::invalid(Invalid { field: "n".to_owned(), index: None, message });
    let pieces = match path.get("pieces") {
        None => 1,
        Some(text) => {
            text.parse().map_err(|error: std::num::ParseIntError| wrong(error.to_string()))?
        }
    };
    let pieces = Pieces::new(pieces).map_err(|error| wrong(error.to_string()))?;
    Ok((product_id, pieces))
}

/// The body of `POST /email`.
#[derive(Deserialize)]
struct Email {
    to: Mailbox,
    msg: String,
}

/// `POST /email`: sends a mail.
pub(super) async fn email(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let body = body::read(&request, payload).await?;
    let key = keys::of(&request, &body)?;
    let Email { to, msg } = body::one(&body)?;
    let command = ShopCommand::Email { to: to.address(), text: msg };
    let accepted = gateway.command(key, command).await?;
    Ok(yes(&accepted))
}

/// One line makes a topic a resource.
macro_rules! resource {
    ($name:ident, $topic:expr, $command:ident, $draft:ty) => {
        pub(super) struct $name;

        impl Resource for $name {
            type Draft = $draft;
            const TOPIC: Topic = $topic;

            fn command(verb: Verb<$draft>) -> ShopCommand {
                ShopCommand::$command(verb)
            }
        }
    };
}

resource!(Customers, topics::CUSTOMER, Customers, ordershop_domain::CustomerDraft);
resource!(Products, topics::PRODUCT, Products, ordershop_domain::ProductDraft);
resource!(Inventory, topics::INVENTORY, Inventory, ordershop_domain::InventoryDraft);
resource!(Orders, topics::ORDER, Orders, ordershop_domain::OrderDraft);
resource!(Billings, topics::BILLING, Billings, ordershop_domain::BillingDraft);
