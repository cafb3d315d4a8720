//! Asks the running shop over HTTP.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use serde::Deserialize;

use crate::exit::Exit;

/// How long an answer may take beyond what was asked to be waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer that is taken, in bytes; the shop's pages are far smaller.
const MAX_ANSWER_BYTES: u64 = 256 * 1024 * 1024;
/// The header that says from where a list goes on.
pub const NEXT: &str = "ordershop-next";

/// A client of one shop.
pub struct Client {
    agent: ureq::Agent,
    url: String,
}

/// What the shop answered.
pub struct Answer {
    /// From where the list goes on.
    pub next: Option<String>,
    /// The text.
    pub body: String,
}

/// The part of an RFC 9457 problem that people are told.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Client {
    /// A client of the shop at that address.
    pub fn new(url: &str) -> Result<Self, Exit> {
        if !url.starts_with("http://") {
            let what = format!("`{url}` is no address of a shop");
            return Err(Exit::unusable(what, "expected one as `http://127.0.0.1:5000`"));
        }
        let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
        Ok(Self { agent: config.into(), url: url.trim_end_matches('/').to_owned() })
    }

    /// `GET` of a path; what is not there is [`Exit::Missing`].
    pub fn get(&self, path: &str, query: &[(&str, &str)], wait: Duration) -> Result<Answer, Exit> {
        let url = &self.url;
        let mut request = self.agent.get(format!("{url}{path}"));
        for (name, value) in query {
            request = request.query(*name, *value);
        }
        let request = request.config().timeout_global(Some(wait + PATIENCE)).build();
        self.answer(request.call())
    }

    /// `GET` of a path whose answer comes line by line, as long as it takes; each line may take a while.
    pub fn lines(&self, path: &str) -> Result<impl Iterator<Item = Result<String, Exit>>, Exit> {
        let url = &self.url;
        let request = self.agent.get(format!("{url}{path}")).config();
        let request =
            request.timeout_recv_response(Some(PATIENCE)).timeout_per_read(Some(PATIENCE));
        let answer = request.build().call().map_err(|error| self.no_answer(&error))?;
        if answer.status().as_u16() != 200 {
            return Err(self
                .answer(Ok(answer))
                .err()
                .unwrap_or_else(|| self.cut_off("it was empty")));
        }
        let lines = BufReader::new(answer.into_body().into_reader()).lines();
        Ok(lines.map(|line| line.map_err(|error| self.cut_off(error))))
    }

    fn no_answer(&self, error: &ureq::Error) -> Exit {
        let what = format!("no shop answers at {}: {error}", self.url);
        Exit::unusable(what, "start it, or name its address with --url")
    }

    /// An answer did not come to its end.
    pub fn cut_off(&self, error: impl std::fmt::Display) -> Exit {
        let what = format!("the answer of {} did not come whole: {error}", self.url);
        Exit::unusable(what, "try again")
    }

    /// The shop's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `POST` to a path, without a body; what is not there is [`Exit::Missing`], and so is what the
    /// shop refuses because of what is there.
    pub fn post(&self, path: &str, query: &[(&str, &str)], wait: Duration) -> Result<Answer, Exit> {
        let url = &self.url;
        let mut request = self.agent.post(format!("{url}{path}"));
        for (name, value) in query {
            request = request.query(*name, *value);
        }
        let request = request.config().timeout_global(Some(wait + PATIENCE)).build();
        self.answer(request.send_empty())
    }

    /// `POST` of JSON to a path; what is not there is [`Exit::Missing`], as for [`Client::post`].
    pub fn post_json(&self, path: &str, body: &str, wait: Duration) -> Result<Answer, Exit> {
        let url = &self.url;
        let request = self.agent.post(format!("{url}{path}"));
        let request = request.header("content-type", "application/json");
        let request = request.config().timeout_global(Some(wait + PATIENCE)).build();
        self.answer(request.send(body))
    }

    fn answer(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, Exit> {
        let url = &self.url;
        let mut answer = answer.map_err(|error| self.no_answer(&error))?;
        let next = answer.headers().get(NEXT).and_then(|next| next.to_str().ok());
        let next = next.map(ToOwned::to_owned);
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
        let body = body.map_err(|error| self.cut_off(error))?;
        if status == 200 {
            return Ok(Answer { next, body });
        }
        match (status, serde_json::from_str::<Problem>(&body)) {
            (404 | 409, Ok(problem)) => Err(Exit::Missing(problem.detail)),
            (_, Ok(problem)) => {
                Err(Exit::unusable(format!("the shop says: {}", problem.detail), "see --help"))
            }
            (status, Err(_)) => Err(Exit::unusable(
                format!("what answers at {url} with {status} is no shop"),
                "name the shop's address with --url",
            )),
        }
    }
}
