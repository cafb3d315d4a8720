//! What the answers of all queries have in common: `ETag`, 304, gzip, links.
//!
//! Source: RFC 9110, "HTTP Semantics", sections 8.8.3 (`ETag`) and 13.1.2 (`If-None-Match`).

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use actix_http::encoding::Encoder;
use actix_web::http::header::{self, AcceptEncoding, ContentEncoding, Encoding, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use bytes::Bytes;
use ordershop_actors::read_model::View;
use ordershop_store::{Action, Topic};

use super::rows::Rows;

/// A body with fewer bytes is not compressed: it would hardly become smaller.
const MIN_COMPRESSED_BYTES: usize = 1024;

/// A body.
pub(super) enum Shown {
    /// In one piece.
    Whole(Bytes),
    /// Written as it is sent.
    Streamed(Rows),
}

/// An entity tag: the same for the same resource in the same state. It is weak, since a body may
/// be sent compressed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u64);

impl Tag {
    /// The tag of what is made from these topics alone, in the state of this view.
    pub(super) fn of_view(request: &HttpRequest, view: &View, topics: &[Topic]) -> Self {
        Self::of(request, |hasher| {
            for topic in topics {
                let position = view.position(*topic);
                for action in [Action::Created, Action::Updated, Action::Deleted] {
                    position.of(action).hash(hasher);
                }
            }
        })
    }

    /// The tag of this text.
    pub(super) fn of_text(request: &HttpRequest, text: &str) -> Self {
        Self::of(request, |hasher| text.hash(hasher))
    }

    fn of(request: &HttpRequest, state: impl FnOnce(&mut DefaultHasher)) -> Self {
        let mut hasher = DefaultHasher::new();
        request.path().hash(&mut hasher);
        request.query_string().hash(&mut hasher);
        state(&mut hasher);
        Self(hasher.finish())
    }

    /// Whether the client says that it has this state already.
    fn is_known(self, request: &HttpRequest) -> bool {
        let mut lines = request.headers().get_all(header::IF_NONE_MATCH).peekable();
        if lines.peek().is_none() {
            return false;
        }
        let tag = format!("\"{:016x}\"", self.0);
        lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).any(|known| {
            let known = known.trim();
            known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
        })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "W/\"{:016x}\"", self.0)
    }
}

/// Answers a query; with 304 and without making the body, where the client has it.
pub(super) fn answer(
    request: &HttpRequest,
    tag: Tag,
    link: Option<String>,
    body: impl FnOnce() -> Shown,
) -> HttpResponse {
    let known = tag.is_known(request);
    let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::ETAG, tag.to_string()));
    // A cache may keep it, but must ask before it shows it again.
    answer.insert_header((header::CACHE_CONTROL, "no-cache"));
    if let Some(link) = link {
        answer.insert_header((header::LINK, link));
    }
    let mut answer = if known {
        answer.finish()
    } else {
        answer.content_type("application/json");
        match body() {
            Shown::Whole(bytes) if bytes.len() < MIN_COMPRESSED_BYTES => answer.body(bytes),
            Shown::Whole(bytes) => compressed(request, answer.body(bytes)),
            Shown::Streamed(mut rows) => {
                if request.method() == Method::HEAD {
                    rows.drop_rest();
                }
                compressed(request, answer.body(rows))
            }
        }
    };
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    answer
}

/// The answer with a compressed body, where the client takes that.
fn compressed(request: &HttpRequest, answer: HttpResponse) -> HttpResponse {
    let taken = request.get_header::<AcceptEncoding>();
    let offered = [Encoding::identity(), Encoding::gzip()];
    let chosen = taken.and_then(|taken| taken.negotiate(offered.iter()));
    if chosen != Some(Encoding::gzip()) {
        return answer;
    }
    answer
        .map_body(|head, body| Encoder::response(ContentEncoding::Gzip, head, body))
        .map_into_boxed_body()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_tag_is_known_by_weak_comparison() {
        let request = |known: &str| {
            TestRequest::get()
                .uri("/x")
                .insert_header((header::IF_NONE_MATCH, known))
                .to_http_request()
        };
        let tag = Tag::of_text(&request(""), "state");
        let strong = tag.to_string().replace("W/", "");
        for known in [tag.to_string(), strong, format!("\"a\", {tag}"), "*".to_owned()] {
            assert!(tag.is_known(&request(&known)), "{known}");
        }
        for unknown in ["", "\"a\"", "W/", "state"] {
            assert!(!tag.is_known(&request(unknown)), "{unknown}");
        }
        assert_ne!(tag, Tag::of_text(&request(""), "another state"));
    }
}
