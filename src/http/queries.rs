//! Queries: everything is answered from one view, so it is all of one moment.

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use ordershop_actors::read_model::Listing;
use ordershop_actors::shop::topics;
use uuid::Uuid;

use super::Gateway;
use super::commands::Resource;
use super::paging::Parameters;
use super::problem::Problem;
use super::rows::{Piece, Rows};
use super::shown::{self, Shown, Tag};

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
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::read(request.query_string(), Some(R::TOPIC))?;
    let listing = match parameters.lookup {
        Some((lookup, id)) => Listing::By(lookup, id),
        None => Listing::All(R::TOPIC),
    };
    page(&gateway, &request, listing, &parameters).await
}

/// `GET /orders/unbilled`.
pub(super) async fn unbilled(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::read(request.query_string(), None)?;
    page(&gateway, &request, Listing::Unbilled, &parameters).await
}

async fn page(
    gateway: &Gateway,
    request: &HttpRequest,
    listing: Listing,
    parameters: &Parameters,
) -> Result<HttpResponse, Problem> {
    let view = gateway.view(request).await?;
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
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let view = gateway.view(&request).await?;
    let id: Option<Uuid> = id.parse().ok();
    let document = id.and_then(|id| view.table(R::TOPIC).get(id));
    let document = document.map_or("null", |row| row.document());
    let tag = Tag::of_text(&request, document);
    let whole = || Shown::Whole(Bytes::copy_from_slice(document.as_bytes()));
    Ok(shown::answer(&request, tag, None, whole))
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
