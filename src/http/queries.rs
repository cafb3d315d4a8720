//! Queries: everything is answered from one view, so it is all of one moment.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use ordershop_actors::read_model::Listing;
use ordershop_actors::shop::topics;
use uuid::Uuid;

use super::commands::Resource;
use super::paging::Parameters;
use super::past::{moment_in, unreadable};
use super::problem::{Kind, Problem};
use super::rows::{Piece, Rows};
use super::shown::{self, Shown, Tag};
use super::{Gateway, Ops};
use crate::ops::past;

/// What the report holds, in this order.
const REPORT: [(&str, Listing); 5] = [
    ("{\"products\":", Listing::All(topics::PRODUCT)),
    (",\"inventory\":", Listing::All(topics::INVENTORY)),
    (",\"customers\":", Listing::All(topics::CUSTOMER)),
    (",\"orders\":", Listing::All(topics::ORDER)),
    (",\"billings\":", Listing::All(topics::BILLING)),
];

/// `GET` of a list, or of what of it names another entity.
pub(super) async fn list<R: Resource>(
    gateway: web::Data<Gateway>,
    ops: web::Data<Ops>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::read(request.query_string(), Some(R::TOPIC))?;
    let listing = match parameters.lookup {
        Some((lookup, id)) => Listing::By(lookup, id),
        None => Listing::All(R::TOPIC),
    };
    page((&gateway, &ops), &request, listing, &parameters).await
}

/// `GET /orders/unbilled`.
pub(super) async fn unbilled(
    gateway: web::Data<Gateway>,
    ops: web::Data<Ops>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::read(request.query_string(), None)?;
    page((&gateway, &ops), &request, Listing::Unbilled, &parameters).await
}

async fn page(
    (gateway, ops): (&Gateway, &Ops),
    request: &HttpRequest,
    listing: Listing,
    parameters: &Parameters,
) -> Result<HttpResponse, Problem> {
    let view = match parameters.at {
        None => gateway.view(request).await?,
        Some(at) => {
            let view = past::view_at(&*ops.log, &listing.sources(), at).await;
            Arc::new(view.map_err(|error| Problem::new(Kind::Unavailable, error.to_string()))?)
        }
    };
    let page = parameters.page(&view, listing)?;
    let tag = Tag::of_view(request, &view, &listing.sources());
    let link = page.next.map(|next| parameters.link(request.path(), next));
    Ok(shown::answer(request, tag, link, || {
        let rows = Piece::rows(listing, page.after, page.limit);
        Rows::begin(view, [Piece::Text("["), rows, Piece::Text("]")])
    }))
}

/// `GET` of one entity; `null` where there is none.
pub(super) async fn one<R: Resource>(
    gateway: web::Data<Gateway>,
    ops: web::Data<Ops>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id: Option<Uuid> = id.parse().ok();
    if let Some(at) = moment_in(request.query_string())? {
        let document = match id {
            Some(id) => past::document_at(&*ops.log, R::TOPIC, id, at).await.map_err(unreadable)?,
            None => None,
        };
        return Ok(document_answer(&request, document.as_deref()));
    }
    let view = gateway.view(&request).await?;
    let document = id.and_then(|id| view.table(R::TOPIC).get(id));
    Ok(document_answer(&request, document.map(|row| &**row.document())))
}

fn document_answer(request: &HttpRequest, document: Option<&str>) -> HttpResponse {
    let document = document.unwrap_or("null");
    let tag = Tag::of_text(request, document);
    let whole = || Shown::Whole(Bytes::copy_from_slice(document.as_bytes()));
    shown::answer(request, tag, None, whole)
}

/// `GET /report`.
pub(super) async fn report(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let view = gateway.view(&request).await?;
    let tag = Tag::of_view(&request, &view, &topics::PUBLIC);
    Ok(shown::answer(&request, tag, None, || {
        let lists = REPORT.into_iter().flat_map(|(name, listing)| {
            let rows = Piece::rows(listing, None, None);
            [Piece::Text(name), Piece::Text("["), rows, Piece::Text("]")]
        });
        Rows::begin(view, lists.chain([Piece::Text("}")]))
    }))
}
