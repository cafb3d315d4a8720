//! Errors as `application/problem+json`.
//!
//! Source: RFC 9457, "Problem Details for HTTP APIs".

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use ordershop_actors::shop::{CommandError, Invalid};
use ordershop_store::{EntryId, Topic};
use serde::Serialize;

use super::gateway::POSITION;
use crate::positions;

/// After how many seconds a client may try again what is unavailable now.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// What went wrong, and whether the command may have had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// 400: the request cannot be read.
    Malformed,
    /// 422: a field is missing or wrong, or refers to something that does not exist.
    Invalid,
    /// 404: there is no such entity, or no such path.
    NotFound,
    /// 405: the path does not take this method.
    MethodNotAllowed,
    /// 409: it conflicts with what is there.
    Conflict,
    /// 408: the request did not come whole in time.
    TooSlow,
    /// 422: its idempotency key came before, with another request.
    KeyReused,
    /// 413: it is larger than what is taken at once.
    TooLarge,
    /// 415: the content type is not JSON.
    UnsupportedMediaType,
    /// 503: it cannot be done now, and was not.
    Unavailable,
    /// 500: it may have been done, or not.
    OutcomeUnknown,
    /// 503: no answer came in time; it may have been done, or not.
    TimedOut,
}

impl Kind {
    const fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Invalid | Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unavailable | Self::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
            Self::OutcomeUnknown => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The problem's type: a URI reference that names the kind.
    const fn uri(self) -> &'static str {
        match self {
            Self::Malformed => "/problems/malformed",
            Self::Invalid => "/problems/invalid",
            Self::NotFound => "/problems/not-found",
            Self::MethodNotAllowed => "/problems/method-not-allowed",
            Self::Conflict => "/problems/conflict",
            Self::TooSlow => "/problems/too-slow",
            Self::KeyReused => "/problems/idempotency-key-reused",
            Self::TooLarge => "/problems/too-large",
            Self::UnsupportedMediaType => "/problems/unsupported-media-type",
            Self::Unavailable => "/problems/unavailable",
            Self::OutcomeUnknown | Self::TimedOut => "/problems/outcome-unknown",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Malformed => "the request cannot be read",
            Self::Invalid => "a field is missing or wrong",
            Self::NotFound => "there is no such thing",
            Self::MethodNotAllowed => "this path does not take this method",
            Self::Conflict => "it conflicts with what is there",
            Self::TooSlow => "the request did not come whole in time",
            Self::KeyReused => "its idempotency key belongs to another request",
            Self::TooLarge => "it is too large",
            Self::UnsupportedMediaType => "it must be JSON",
            Self::Unavailable => "it cannot be done now, and was not done",
            Self::OutcomeUnknown | Self::TimedOut => "it may have been done, or not",
        }
    }
}

/// An error answer.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    kind: Kind,
    detail: String,
    field: Option<String>,
    index: Option<usize>,
    /// How far a reader must have come to see all that was appended on the way to it.
    positions: Vec<(Topic, EntryId)>,
}

/// The members of the JSON object.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
}

impl Problem {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (field, index, positions) = (None, None, Vec::new());
        Self { kind, detail: detail.into(), field, index, positions }
    }

    /// The answer to whoever comes when the shop is about to stop.
    pub(super) fn closing() -> Self {
        Self::new(Kind::Unavailable, "the shop is closing")
    }

    pub(super) fn is_conflict(&self) -> bool {
        self.kind == Kind::Conflict
    }

    /// How far a reader must have come to see all that was appended on the way to it.
    pub(super) fn positions(&self) -> &[(Topic, EntryId)] {
        &self.positions
    }

    pub(super) fn invalid(Invalid { field, index, message }: Invalid) -> Self {
        let detail = match index {
            Some(index) => format!("element {index}: {field}: {message}"),
            None => format!("{field}: {message}"),
        };
        Self { field: Some(field), index, ..Self::new(Kind::Invalid, detail) }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let kind = match error {
            CommandError::Invalid(invalid) => return Self::invalid(invalid),
            CommandError::NotFound(_) => Kind::NotFound,
            CommandError::Conflict(_) => Kind::Conflict,
            CommandError::KeyReused(_) => Kind::KeyReused,
            CommandError::TooLarge(_) => Kind::TooLarge,
            CommandError::Unavailable(_) => Kind::Unavailable,
            CommandError::OutcomeUnknown(_) => Kind::OutcomeUnknown,
            CommandError::Behind { error, positions } => {
                return Self { positions, ..Self::from(*error) };
            }
        };
        Self::new(kind, error.to_string())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.kind.status();
        let mut answer = HttpResponse::build(status);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            answer.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
        }
        if !self.positions.is_empty() {
            answer.insert_header((POSITION, positions::to_text(&self.positions)));
        }
        let body = Body {
            r#type: self.kind.uri(),
            title: self.kind.title(),
            status: status.as_u16(),
            detail: &self.detail,
            field: self.field.as_deref(),
            index: self.index,
        };
        let body = serde_json::to_string(&body).expect("a struct of text and numbers");
        answer.content_type("application/problem+json").body(body)
    }
}
