//! The request header `Idempotency-Key`.
//!
//! Source: draft-ietf-httpapi-idempotency-key-header. The draft's form is a quoted string, as in
//! `"8e03978e"`; clients that send the bare text mean the same key.

use actix_web::HttpRequest;
use ordershop_actors::shop::keys::KeyedRequest;
use uuid::Uuid;

use super::problem::{Kind, Problem};

/// The header's name.
const HEADER: &str = "idempotency-key";
/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// The key with which a request came, and what tells the request from others; `None` where it came
/// without one.
pub(super) fn of(request: &HttpRequest, body: &[u8]) -> Result<Option<KeyedRequest>, Problem> {
    let mut values = request.headers().get_all(HEADER);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let refused = |what: String| Err(Problem::new(Kind::Malformed, what));
    if values.next().is_some() {
        return refused("it has more than one Idempotency-Key".to_owned());
    }
    let Ok(text) = value.to_str() else {
        return refused("its Idempotency-Key is not ASCII".to_owned());
    };
    let text = text.trim();
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    if bare.is_empty() {
        return refused("its Idempotency-Key is empty".to_owned());
    }
    if bare.len() > MAX_KEY_BYTES {
        return refused(format!("its Idempotency-Key has more than {MAX_KEY_BYTES} bytes"));
    }
    let body = Uuid::new_v5(&Uuid::NAMESPACE_URL, body);
    let line = format!("{} {}", request.method(), request.uri());
    let fingerprint = Uuid::new_v5(&body, line.as_bytes());
    Ok(Some(KeyedRequest { key: bare.to_owned(), fingerprint }))
}
