//! Pages of lists: the parameters `limit`, `after` and those of look-ups, and the link to the next.
//!
//! Source: RFC 8288, "Web Linking".

use std::fmt::Write;

use actix_web::web::Query;
use ordershop_actors::read_model::{LOOKUPS, Listing, Lookup, Place, View};
use ordershop_actors::shop::Invalid;
use ordershop_store::Topic;
use uuid::Uuid;

use super::past;
use super::problem::Problem;
use crate::ops::moment::Moment;

/// How many entities a page holds at most.
pub(super) const MAX_PAGE: usize = 10_000;

/// What the query string of a list asks for; what nobody knows in it is ignored.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// The entities are those that name this one.
    pub(super) lookup: Option<(Lookup, Uuid)>,
    /// The list is as it was then.
    pub(super) at: Option<Moment>,
    after: Option<After>,
    limit: Option<usize>,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// Behind a place, as a link names it.
    Place(Place),
    /// Behind a living entity.
    Entity(Uuid),
}

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// It begins behind this place.
    pub(super) after: Option<Place>,
    /// How many entities it holds at most.
    pub(super) limit: Option<usize>,
    /// Where the next page begins, where there is one.
    pub(super) next: Option<Place>,
}

impl Parameters {
    /// Reads a query string; `topic` is the topic whose look-ups may stand in it.
    pub(super) fn read(query: &str, topic: Option<Topic>) -> Result<Self, Problem> {
        let mut parameters = Self::default();
        if query.is_empty() {
            return Ok(parameters);
        }
        let pairs = Query::<Vec<(String, String)>>::from_query(query)
            .map_err(|error| wrong("query", error.to_string()))?;
        for (name, value) in pairs.into_inner() {
            let lookup = LOOKUPS.into_iter().find(|lookup| lookup.field == name);
            let again = match (name.as_str(), lookup) {
                ("limit", _) => parameters.limit.replace(limit(&value)?).is_some(),
                ("at", _) => parameters.at.replace(past::moment(&value)?).is_some(),
                ("after", _) => parameters.after.replace(after(&value)?).is_some(),
                (_, Some(lookup)) if Some(lookup.topic) == topic => {
                    let id = value.parse().map_err(|_| wrong(&name, "it is no UUID"))?;
                    parameters.lookup.replace((lookup, id)).is_some()
                }
                _ => false,
            };
            if again {
                return Err(wrong(&name, "it is given more than once"));
            }
        }
        Ok(parameters)
    }

    /// The page of a list that this asks for.
    pub(super) fn page(&self, view: &View, listing: Listing) -> Result<Page, Problem> {
        let after = match self.after {
            None => None,
            Some(After::Place(place)) => Some(place),
            Some(After::Entity(id)) => {
                let topic = listing.topic();
                let place = view.table(topic).place(id).ok_or_else(|| {
                    wrong("after", format!("there is no {topic} {id}; a link goes on all the same"))
                })?;
                Some(place)
            }
        };
        let next = self.limit.and_then(|limit| {
            let mut rows = view.rows(listing, after);
            let (last, _) = rows.nth(limit - 1)?;
            rows.next().map(|_| last)
        });
        Ok(Page { after, limit: self.limit, next })
    }

    /// The header `Link` to the page behind that place.
    pub(super) fn link(&self, path: &str, next: Place) -> String {
        let mut link = format!("<{path}?");
        if let Some((Lookup { field, .. }, id)) = self.lookup {
            write!(link, "{field}={id}&").expect("a String takes everything");
        }
        if let Some(at) = self.at {
            write!(link, "at={at}&").expect("a String takes everything");
        }
        if let Some(limit) = self.limit {
            write!(link, "limit={limit}&").expect("a String takes everything");
        }
        link + &format!("after={next}>; rel=\"next\"")
    }
}

fn limit(text: &str) -> Result<usize, Problem> {
    let limit = text.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
    limit.ok_or_else(|| wrong("limit", format!("it is no whole number from 1 to {MAX_PAGE}")))
}

fn after(text: &str) -> Result<After, Problem> {
    let place = text.parse().map(After::Place);
    let after = place.or_else(|_| text.parse().map(After::Entity));
    after.map_err(|_| wrong("after", "it is no id, nor what a link to the next page holds"))
}

/// A parameter with a value that it does not take.
fn wrong(parameter: &str, message: impl Into<String>) -> Problem {
    Problem::invalid(Invalid { field: parameter.into(), index: None, message: message.into() })
}

#[cfg(test)]
mod tests {
    use ordershop_actors::shop::topics;

    use super::*;

    #[test]
    fn parameters_are_read_and_what_nobody_knows_is_ignored() {
        let id = Uuid::from_u128(7);
        let query = format!("limit=10&customer_id={id}&colour=red&after={id}&%ff=%fe");
        let parameters = Parameters::read(&query, Some(topics::ORDER)).unwrap();
        assert_eq!(parameters.limit, Some(10));
        assert_eq!(parameters.after, Some(After::Entity(id)));
        assert_eq!(parameters.lookup.map(|(_, found)| found), Some(id));
        assert_eq!(Parameters::read("customer_id=x", Some(topics::BILLING)).unwrap().lookup, None);
        assert_eq!(Parameters::read("", None).unwrap(), Parameters::default());
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        for (query, culprit) in [
            ("limit=0", "limit"),
            ("limit=-1", "limit"),
            ("limit=1.5", "limit"),
            ("limit=10001", "limit"),
            ("limit=99999999999999999999999", "limit"),
            ("limit=", "limit"),
            ("limit=1&limit=1", "limit"),
            ("after=", "after"),
            ("after=x", "after"),
            ("customer_id=5", "customer_id"),
            ("customer_id=%ff", "customer_id"),
        ] {
            let problem = Parameters::read(query, Some(topics::ORDER)).unwrap_err().to_string();
            assert!(problem.starts_with(culprit), "{query}: {problem}");
        }
    }
}
