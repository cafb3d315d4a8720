//! Queries: everything is answered from one view, so it is all of one moment.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use ordershop_actors::read_model::View;
use ordershop_actors::shop::topics;
use uuid::Uuid;

use super::Gateway;
use super::commands::Resource;
use super::problem::Problem;

/// `GET` of a whole list.
pub(super) async fn list<R: Resource>(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let view = gateway.view(&request).await?;
    let mut body = Vec::new();
    write_array(&mut body, view.table(R::TOPIC).iter());
    Ok(json(body))
}

/// `GET` of one entity; `null` where there is none.
pub(super) async fn one<R: Resource>(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let view = gateway.view(&request).await?;
    let id: Option<Uuid> = id.parse().ok();
    let document = id.and_then(|id| view.table(R::TOPIC).get(id));
    Ok(json(document.map_or_else(|| b"null".to_vec(), |document| document.as_bytes().to_vec())))
}

/// `GET /orders/unbilled`.
pub(super) async fn unbilled(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let view = gateway.view(&request).await?;
    let mut body = Vec::new();
    write_array(&mut body, view.unbilled());
    Ok(json(body))
}

/// `GET /report`.
pub(super) async fn report(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let view = gateway.view(&request).await?;
    Ok(json(write_report(&view)))
}

fn write_report(view: &View) -> Vec<u8> {
    let parts = [
        ("products", topics::PRODUCT),
        ("inventory", topics::INVENTORY),
        ("customers", topics::CUSTOMER),
        ("orders", topics::ORDER),
        ("billings", topics::BILLING),
    ];
    let mut body = Vec::new();
    for (name, topic) in parts {
        body.push(if body.is_empty() { b'{' } else { b',' });
        body.extend_from_slice(format!("\"{name}\":").as_bytes());
        write_array(&mut body, view.table(topic).iter());
    }
    body.push(b'}');
    body
}

fn write_array<'a>(body: &mut Vec<u8>, documents: impl Iterator<Item = &'a Arc<str>>) {
    body.push(b'[');
    for (index, document) in documents.enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(document.as_bytes());
    }
    body.push(b']');
}

fn json(body: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(body)
}
