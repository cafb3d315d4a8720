//! A document field by field, as text: what a hash of its fields would hold.

use std::fmt;
use std::ops::Range;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::row::LIST_FIELD;

/// A document's fields in the order in which they stand in it.
///
/// A string's value is its text; anything else is the JSON that stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    text: Box<str>,
    fields: Box<[(Span, Value)]>,
}

/// A part of the text.
type Span = Range<u32>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(Span),
    List(Box<[Span]>),
}

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    /// Text.
    Text(&'a str),
    /// The elements of the list, which stands elsewhere.
    List(Elements<'a>),
}

/// The elements of a list of texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elements<'a> {
    text: &'a str,
    spans: &'a [Span],
}

impl<'a> Elements<'a> {
    /// How many there are.
    pub fn len(self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.spans.is_empty()
    }

    /// The element at that index.
    pub fn get(self, index: usize) -> Option<&'a str> {
        Some(part(self.text, self.spans.get(index)?))
    }
}

impl Fields {
    /// The fields of a document; none where it is no JSON object.
    pub(super) fn of(document: &str) -> Self {
        let mut reader = serde_json::Deserializer::from_str(document);
        let Builder { text, fields } = reader.deserialize_map(FieldsOf).unwrap_or_default();
        Self { text: text.into(), fields: fields.into() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Each name with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Field<'_>)> + '_ {
        self.fields.iter().map(|(name, value)| (part(&self.text, name), self.field(value)))
    }

    /// The value of the field of that name.
    pub fn get(&self, name: &[u8]) -> Option<Field<'_>> {
        let mut fields = self.fields.iter();
        let (_, value) = fields.find(|(field, _)| part(&self.text, field).as_bytes() == name)?;
        Some(self.field(value))
    }

    /// The elements of the list, where the document has one.
    pub fn list(&self) -> Option<Elements<'_>> {
        match self.get(LIST_FIELD.as_bytes())? {
            Field::List(elements) => Some(elements),
            Field::Text(_) => None,
        }
    }

    fn field<'a>(&'a self, value: &'a Value) -> Field<'a> {
        match value {
            Value::Text(span) => Field::Text(part(&self.text, span)),
            Value::List(spans) => Field::List(Elements { text: &self.text, spans }),
        }
    }
}

fn part<'a>(text: &'a str, span: &Span) -> &'a str {
    &text[span.start as usize..span.end as usize]
}

#[derive(Default)]
struct Builder {
    text: String,
    fields: Vec<(Span, Value)>,
}

impl Builder {
    fn push(&mut self, part: &str) -> Option<Span> {
        let start = u32::try_from(self.text.len()).ok()?;
        let end = u32::try_from(self.text.len() + part.len()).ok()?;
        self.text.push_str(part);
        Some(start..end)
    }

    /// Takes in a field; `None` where a document is too long to be told in 32 bits.
    fn field(&mut self, name: &str, value: &RawValue) -> Option<()> {
        let json = value.get();
        let name_span = self.push(name)?;
        let value = match json.as_bytes().first() {
            Some(b'"') => {
                let text: std::borrow::Cow<'_, str> = serde_json::from_str(json).ok()?;
                Value::Text(self.push(&text)?)
            }
            Some(b'[') if name == LIST_FIELD => match serde_json::from_str::<Vec<String>>(json) {
                Ok(elements) => {
                    let spans = elements.iter().map(|element| self.push(element));
                    Value::List(spans.collect::<Option<_>>()?)
                }
                Err(_) => Value::Text(self.push(json)?),
            },
            _ => Value::Text(self.push(json)?),
        };
        // The last of two fields of the same name counts, as everywhere in JSON.
        let same = |(known, _): &(Span, Value)| part(&self.text, known) == name;
        match self.fields.iter().position(same) {
            Some(index) => self.fields[index].1 = value,
            None => self.fields.push((name_span, value)),
        }
        Some(())
    }
}

struct FieldsOf;

impl<'de> Visitor<'de> for FieldsOf {
    type Value = Builder;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Builder, A::Error> {
        let mut builder = Builder::default();
        while let Some(name) = members.next_key::<Name<'de>>()? {
            let value: &RawValue = members.next_value()?;
            if builder.field(&name.0, value).is_none() {
                return Ok(Builder::default());
            }
        }
        Ok(builder)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(document: &str) -> Vec<(String, String)> {
        let fields = Fields::of(document);
        let shown = |(name, value): (&str, Field<'_>)| match value {
            Field::Text(text) => (name.to_owned(), text.to_owned()),
            Field::List(list) => {
                let elements: Vec<_> = (0..list.len()).filter_map(|i| list.get(i)).collect();
                (name.to_owned(), format!("<{}>", elements.join(" ")))
            }
        };
        fields.iter().map(shown).collect()
    }

    #[test]
    fn fields_are_text_in_the_document_s_order() {
        let document = r#"{"name":"Z\u00fcrich \"x\"","price":30,"done":1.50,"product_ids":["b","a"],"x":[1]}"#;
        let expected = [
            ("name", "Zürich \"x\""),
            ("price", "30"),
            ("done", "1.50"),
            ("product_ids", "<b a>"),
            ("x", "[1]"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(shown(document), expected);
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        for document in ["", "[]", "5", "{", r#"{"a":}"#] {
            assert_eq!(shown(document), [], "{document}");
        }
    }

    #[test]
    fn of_two_fields_of_one_name_the_last_counts() {
        let expected = [("a".to_owned(), "2".to_owned()), ("b".to_owned(), "3".to_owned())];
        assert_eq!(shown(r#"{"a":1,"b":3,"a":2}"#), expected);
        assert_eq!(Fields::of(r#"{"a":"x"}"#).get(b"a"), Some(Field::Text("x")));
        assert_eq!(Fields::of(r#"{"a":"x"}"#).get(b"b"), None);
    }
}
