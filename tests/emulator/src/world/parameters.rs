//! Parses the parameters of a call into the request type of its action, and rejects unknown parameters.
//!
//! Parameters arrive as a tree. In the query protocol of EC2 and STS, every leaf is text and a list is a node with
//! the keys `1`, `2`, ... (STS inserts a `member`). In JSON, leaves have types. Source: EC2 API Reference, "Query
//! requests".

use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
    value::StringDeserializer,
};
use serde_json::Value;

use super::error::AwsError;

/// The parameter format of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// The query protocol.
    Form,
    /// XML; every leaf is text here too.
    Xml,
    /// JSON 1.1.
    Json,
}

/// Parses a request.
pub(super) fn read<T: DeserializeOwned>(parameters: &Value, style: Style) -> Result<T, AwsError> {
    T::deserialize(Node { value: parameters, style }).map_err(|problem| problem.into_aws_error(style))
}

/// The error in the parameters, and its location.
#[derive(Debug)]
struct Problem {
    path: Vec<String>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Unknown,
    Missing,
    Invalid(String),
}

impl Problem {
    fn at(mut self, key: &str) -> Self {
        self.path.insert(0, key.to_owned());
        self
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self { path: Vec::new(), kind: Kind::Invalid(message.into()) }
    }

    /// Source of the EC2 codes: EC2 API Reference, "Error codes". Those of JSON are ASSUMED (`ASSUMPTIONS.md`, "Wire").
    fn into_aws_error(self, style: Style) -> AwsError {
        let path = self.path.join(".");
        match (self.kind, style) {
            (Kind::Unknown, Style::Form) => {
                AwsError::new("UnknownParameter", format!("The parameter {path} is not recognized"))
            }
            (Kind::Missing, Style::Form) => AwsError::missing(&path),
            (Kind::Invalid(message), Style::Form) => {
                AwsError::value(format!("Value for parameter {path} is invalid. {message}"))
            }
            // Source: Route 53 API Reference, `InvalidInput`: "The input is not valid."
            (Kind::Unknown, Style::Xml) => AwsError::new("InvalidInput", format!("Unknown parameter {path}")),
            (Kind::Missing, Style::Xml) => AwsError::new("InvalidInput", format!("Missing parameter {path}")),
            (Kind::Invalid(message), Style::Xml) => AwsError::new("InvalidInput", format!("Invalid {path}: {message}")),
            (Kind::Unknown, Style::Json) => {
                AwsError::new("SerializationException", format!("The member {path} is not recognized"))
            }
            (Kind::Missing, Style::Json) => AwsError::new(
                "ValidationException",
                format!(
                    "1 validation error detected: Value null at '{path}' failed to satisfy constraint: Member must not be null"
                ),
            ),
            (Kind::Invalid(message), Style::Json) => AwsError::new(
                "ValidationException",
                format!("1 validation error detected: Value at '{path}' failed to satisfy constraint: {message}"),
            ),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.kind, self.path.join("."))
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::invalid(message.to_string())
    }

    fn unknown_field(field: &str, _expected: &'static [&'static str]) -> Self {
        Self { path: vec![field.to_owned()], kind: Kind::Unknown }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { path: vec![field.to_owned()], kind: Kind::Missing }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::invalid(format!("'{variant}' must be one of: {}", expected.join(", ")))
    }
}

#[derive(Clone, Copy)]
struct Node<'a> {
    value: &'a Value,
    style: Style,
}

impl<'a> Node<'a> {
    fn child(self, value: &'a Value) -> Self {
        Self { value, style: self.style }
    }

    /// Returns the items of a list in order.
    fn items(self) -> Result<Vec<(String, Node<'a>)>, Problem> {
        match self.value {
            Value::Array(items) => {
                Ok(items.iter().enumerate().map(|(n, item)| ((n + 1).to_string(), self.child(item))).collect())
            }
            Value::Object(fields) if self.style == Style::Form => {
                if let (1, Some(members)) = (fields.len(), fields.get("member")) {
                    return self.child(members).items();
                }
                let mut numbered = Vec::new();
                for (key, item) in fields {
                    let Ok(number) = key.parse::<u32>() else {
                        return Err(Problem { path: vec![key.clone()], kind: Kind::Unknown });
                    };
                    numbered.push((number, key.clone(), self.child(item)));
                }
                numbered.sort_by_key(|(number, _, _)| *number);
                Ok(numbered.into_iter().map(|(_, key, item)| (key, item)).collect())
            }
            _ => Err(Problem::invalid("A list is expected")),
        }
    }

    fn text(self) -> Result<&'a str, Problem> {
        self.value.as_str().ok_or_else(|| Problem::invalid("A string is expected"))
    }
}

/// Parses integers: text in the query protocol, numbers in JSON.
macro_rules! integers {
    ($($method:ident => $visit:ident as $type:ty),* $(,)?) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            let number = match (self.style, self.value) {
                (_, Value::Number(number)) => number.to_string(),
                (Style::Form | Style::Xml, Value::String(text)) => text.clone(),
                _ => return Err(Problem::invalid("An integer is expected")),
            };
            match number.parse::<$type>() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(Problem::invalid(format!("'{number}' must be an integer"))),
            }
        }
    )* };
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Problem;

    integers! {
        deserialize_i8 => visit_i8 as i8,
        deserialize_i16 => visit_i16 as i16,
        deserialize_i32 => visit_i32 as i32,
        deserialize_i64 => visit_i64 as i64,
        deserialize_u8 => visit_u8 as u8,
        deserialize_u16 => visit_u16 as u16,
        deserialize_u32 => visit_u32 as u32,
        deserialize_u64 => visit_u64 as u64,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            Value::Object(_) => self.deserialize_map(visitor),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(_) => self.deserialize_i64(visitor),
            Value::Null => visitor.visit_unit(),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match (self.style, self.value) {
            (_, Value::Bool(flag)) => visitor.visit_bool(*flag),
            (Style::Form | Style::Xml, Value::String(text)) => match text.as_str() {
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                other => Err(Problem::invalid(format!("'{other}' must be true or false"))),
            },
            _ => Err(Problem::invalid("A boolean is expected")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_seq(Items { items: self.items()?.into_iter() })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let Value::Object(fields) = self.value else { return Err(Problem::invalid("A structure is expected")) };
        visitor.visit_map(Fields { rest: fields.iter(), style: self.style, value: None })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_enum(self.text()?.to_owned().into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

struct Items<'a> {
    items: std::vec::IntoIter<(String, Node<'a>)>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        let Some((key, node)) = self.items.next() else { return Ok(None) };
        seed.deserialize(node).map(Some).map_err(|problem| problem.at(&key))
    }
}

struct Fields<'a> {
    rest: serde_json::map::Iter<'a>,
    style: Style,
    value: Option<(&'a String, &'a Value)>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        self.value = self.rest.next();
        let Some((key, _)) = self.value else { return Ok(None) };
        let key: StringDeserializer<Problem> = key.clone().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let Some((key, value)) = self.value else { return Err(Problem::invalid("A value is expected")) };
        seed.deserialize(Node { value, style: self.style }).map_err(|problem| problem.at(key))
    }
}
