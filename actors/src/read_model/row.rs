//! One entity as the queries show it: its document, and what is read from it when first asked for.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use ordershop_store::EntryId;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Fields;

/// The field of a document that holds a list of other entities' ids.
pub const LIST_FIELD: &str = "product_ids";

/// One entity's public state.
#[derive(Debug)]
pub struct Row {
    document: Arc<str>,
    /// The entity's last entry; an earlier one that comes later changes nothing.
    last: EntryId,
    fields: OnceLock<Fields>,
}

impl Row {
    /// The row of that public state, JSON text.
    pub fn new(document: Arc<str>) -> Self {
        Self::at(document, EntryId::ZERO)
    }

    /// The row of that public state, of an entity whose last entry that is.
    pub(super) fn at(document: Arc<str>, last: EntryId) -> Self {
        Self { document, last, fields: OnceLock::new() }
    }

    /// The entity's last entry.
    pub(super) fn last(&self) -> EntryId {
        self.last
    }

    /// The public state, as JSON text.
    pub fn document(&self) -> &Arc<str> {
        &self.document
    }

    /// The public state, field by field; it is read once, and then kept.
    pub fn fields(&self) -> &Fields {
        self.fields.get_or_init(|| Fields::of(&self.document))
    }

    /// Whether it has any field; told without reading them all into memory.
    pub fn has_fields(&self) -> bool {
        match self.fields.get() {
            Some(fields) => !fields.is_empty(),
            None => self.look().has_fields,
        }
    }

    /// Whether its [`LIST_FIELD`] has any element; told without reading them all into memory.
    pub fn has_list(&self) -> bool {
        match self.fields.get() {
            Some(fields) => fields.list().is_some_and(|list| !list.is_empty()),
            None => self.may_name_list() && self.look().has_list,
        }
    }

    /// False where the document surely has no [`LIST_FIELD`]; it takes a fraction of the time of a
    /// look. A name can be written with escapes.
    fn may_name_list(&self) -> bool {
        self.document.contains(LIST_FIELD) || self.document.contains('\\')
    }

    fn look(&self) -> Looked {
        let mut reader = serde_json::Deserializer::from_str(&self.document);
        reader.deserialize_map(Look).unwrap_or_default()
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        (&self.document, self.last) == (&other.document, other.last)
    }
}

/// What is seen at a glance.
#[derive(Default)]
struct Looked {
    has_fields: bool,
    has_list: bool,
}

struct Look;

impl<'de> Visitor<'de> for Look {
    type Value = Looked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Looked, A::Error> {
        let mut looked = Looked::default();
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            looked.has_fields = true;
            if name == LIST_FIELD {
                looked.has_list = matches!(members.next_value()?, Texts(1..));
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(looked)
    }
}

/// How many elements a list of texts has; none, where it is something else.
struct Texts(usize);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str::<Vec<Text>>(json.get()).map_or(0, |texts| texts.len())))
    }
}

/// A text, whatever it is.
struct Text;

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Self)
    }
}

impl Visitor<'_> for Text {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glance_tells_what_reading_tells() {
        for (document, has_fields, has_list) in [
            (r#"{"id":"x","product_ids":["a","\u00fc"]}"#, true, true),
            (r#"{"product_ids":[]}"#, true, false),
            (r#"{"product_ids":[1]}"#, true, false),
            (r#"{"product_ids":"a"}"#, true, false),
            (r#"{"product\u005fids":["a"]}"#, true, true),
            (r#"{"name":"product_ids"}"#, true, false),
            ("{}", false, false),
            ("[]", false, false),
            ("", false, false),
        ] {
            let row = Row::new(document.into());
            assert_eq!((row.has_fields(), row.has_list()), (has_fields, has_list), "{document}");
            row.fields();
            assert_eq!((row.has_fields(), row.has_list()), (has_fields, has_list), "{document}");
        }
    }
}
