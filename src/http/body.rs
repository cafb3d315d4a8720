//! Reads request bodies: JSON, bounded, with errors that name what is wrong.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpMessage, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use ordershop_actors::shop::Invalid;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;

use super::admission::{Admission, Taken};
use super::problem::{Kind, Problem};
use super::traffic::Traffic;

/// The largest body that is read, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;
/// How long a body may take to come.
const BODY_PATIENCE: Duration = Duration::from_secs(20);
/// How many elements a batch holds at most.
pub(super) const MAX_BATCH: usize = 10_000;

/// The body of a request; no Content-Type counts as JSON, any other than JSON is refused.
pub(super) async fn read(request: &HttpRequest, payload: web::Payload) -> Result<Bytes, Problem> {
    if let Some(content_type) = request.headers().get(header::CONTENT_TYPE) {
        let essence = content_type.to_str().unwrap_or_default();
        let essence = essence.split(';').next().unwrap_or_default().trim();
        let json = essence.eq_ignore_ascii_case("application/json")
            || essence.to_ascii_lowercase().ends_with("+json");
        if !json {
            return Err(Problem::new(
                Kind::UnsupportedMediaType,
                format!("the body is `{essence}`; send application/json, or no Content-Type"),
            ));
        }
    }
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES) {
        return Err(too_large());
    }
    let admission = request.app_data::<web::Data<Admission>>();
    let place = admission.map(|admission| admission.body(request));
    let traffic = request.app_data::<web::Data<Traffic>>();
    let closed = async {
        match traffic {
            Some(traffic) => traffic.until_closed().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        body = tokio::time::timeout(BODY_PATIENCE, gather(payload, place)) => {
            let (body, place) = body.map_err(|_| {
                let seconds = BODY_PATIENCE.as_secs();
                let detail = format!("the body did not come whole within {seconds} seconds");
                Problem::new(Kind::TooSlow, detail)
            })??;
            if let Some(place) = place {
                // It counts as long as its request does, for so long its parts are in use.
                request.extensions_mut().insert(place);
            }
            Ok(body)
        }
        // Nothing of it was begun, and its client may take for ever.
        () = closed => Err(Problem::closing()),
    }
}

/// The whole body, and the place that it takes among the bodies of all commands.
async fn gather(
    mut payload: web::Payload,
    mut place: Option<Taken>,
) -> Result<(Bytes, Option<Taken>), Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            Problem::new(Kind::Malformed, format!("the body did not come whole: {error}"))
        })?;
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(too_large());
        }
        if !place.as_mut().is_none_or(|place| place.grow(chunk.len())) {
            let detail = "the bodies under way are larger than what is taken at once";
            return Err(Problem::new(Kind::Unavailable, detail));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body.freeze(), place))
}

fn too_large() -> Problem {
    Problem::new(Kind::TooLarge, format!("the body has more than {MAX_BODY_BYTES} bytes"))
}

/// One object.
pub(super) fn one<D: DeserializeOwned>(body: &[u8]) -> Result<D, Problem> {
    parse::<Object<D>>(body).map(|object| object.0)
}

/// One object, or an array of them.
pub(super) fn one_or_many<D: DeserializeOwned>(body: &[u8]) -> Result<Vec<D>, Problem> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'[') {
        return Ok(vec![one(body)?]);
    }
    let many: Vec<Object<D>> = parse(body)?;
    if many.len() > MAX_BATCH {
        return Err(Problem::new(
            Kind::TooLarge,
            format!("the batch has {} elements, more than {MAX_BATCH}", many.len()),
        ));
    }
    Ok(many.into_iter().map(|object| object.0).collect())
}

/// A `D` that stands in the JSON as an object; serde would take an array for it, too.
struct Object<D>(D);

impl<'de, D: Deserialize<'de>> Deserialize<'de> for Object<D> {
    fn deserialize<R: Deserializer<'de>>(deserializer: R) -> Result<Self, R::Error> {
        struct Members<D>(PhantomData<D>);

        impl<'de, D: Deserialize<'de>> Visitor<'de> for Members<D> {
            type Value = D;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<D, A::Error> {
                D::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData)).map(Object)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(body).map_err(|error| {
        Problem::new(Kind::Malformed, format!("the body is not UTF-8: {error}"))
    })?;
    let mut json = serde_json::Deserializer::from_str(text);
    let malformed = |error: serde_json::Error| {
        Problem::new(Kind::Malformed, format!("the body is not JSON: {error}"))
    };
    match serde_path_to_error::deserialize(&mut json) {
        Ok(value) => json.end().map(|()| value).map_err(malformed),
        Err(error) => {
            let path = error.path().clone();
            let error = error.into_inner();
            // A wrong field may stand before what is no JSON at all.
            serde_json::from_str::<IgnoredAny>(text).map_err(malformed)?;
            match error.classify() {
                Category::Data => Err(Problem::invalid(locate(&path, &error.to_string()))),
                Category::Syntax | Category::Eof | Category::Io => Err(malformed(error)),
            }
        }
    }
}

/// Which field of which element it is about, and what is wrong with it.
fn locate(path: &serde_path_to_error::Path, message: &str) -> Invalid {
    use serde_path_to_error::Segment;

    let mut index = None;
    let mut field = String::new();
    for (depth, segment) in path.iter().enumerate() {
        match segment {
            Segment::Seq { index: element } if depth == 0 => index = Some(*element),
            Segment::Seq { index: element } => field = format!("{field}[{element}]"),
            Segment::Map { key } => field.push_str(key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    if field.is_empty() {
        // A missing field has no place; the message names it.
        let missing = message.strip_prefix("missing field `").and_then(|m| m.split('`').next());
        missing.unwrap_or("body").clone_into(&mut field);
    }
    Invalid { field, index, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;
    use ordershop_domain::{CustomerDraft, OrderDraft};

    use super::*;

    fn refused<T: std::fmt::Debug>(result: Result<T, Problem>) -> (u16, String) {
        let problem = result.unwrap_err();
        (problem.status_code().as_u16(), problem.to_string())
    }

    #[test]
    fn one_object_is_a_batch_of_one() {
        let one = br#" {"name": "Ann", "email": "ann@shop.example", "other": 1}"#;
        assert_eq!(one_or_many::<CustomerDraft>(one).unwrap().len(), 1);
        assert_eq!(one_or_many::<CustomerDraft>(b"[]").unwrap().len(), 0);
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for body in [&b""[..], b"{", b"nonsense", b"{} {}", b"[{\"name\": \"\xff\"}]"] {
            let (status, detail) = refused(one_or_many::<CustomerDraft>(body));
            assert_eq!(status, 400, "{detail}");
        }
        assert_eq!(refused(one::<CustomerDraft>(b"{\"name\"")).0, 400);
    }

    #[test]
    fn a_wrong_field_is_named_with_its_element() {
        let body =
            br#"[{"name": "Ann", "email": "a@b.example"}, {"name": 5, "email": "c@d.example"}]"#;
        let (status, detail) = refused(one_or_many::<CustomerDraft>(body));
        assert_eq!(status, 422);
        assert!(detail.starts_with("element 1: name: "), "{detail}");
    }

    #[test]
    fn a_missing_field_is_named() {
        let (status, detail) = refused(one::<CustomerDraft>(br#"{"name": "Ann"}"#));
        assert_eq!(status, 422);
        assert!(detail.starts_with("email: "), "{detail}");
    }

    #[test]
    fn a_wrong_id_within_a_list_is_named_with_its_place() {
        let body = br#"{"product_ids": ["x"], "customer_id": "y"}"#;
        let (status, detail) = refused(one::<OrderDraft>(body));
        assert_eq!(status, 422);
        assert!(detail.starts_with("product_ids"), "{detail}");
    }

    #[test]
    fn arrays_are_not_taken_for_objects() {
        let body = br#"[["Ann", "ann@shop.example"]]"#;
        assert_eq!(refused(one_or_many::<CustomerDraft>(body)).0, 422);
        assert_eq!(refused(one::<CustomerDraft>(br#"["Ann", "ann@shop.example"]"#)).0, 422);
    }
}
