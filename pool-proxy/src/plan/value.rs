//! What a node of a plan comes to. Plans are written for JavaScript, so these are its values.

mod names;
mod text;

use std::collections::{HashMap, HashSet};

pub(super) use self::names::FEW;
pub use self::names::Names;
pub use self::text::Text;

/// A value.
#[derive(Clone, Default, PartialEq)]
pub enum Value {
    /// No value at all: of `unit`, of a name that is not bound.
    #[default]
    Undefined,
    /// SQL NULL, JSON null.
    Null,
    /// true or false.
    Bool(bool),
    /// A number that JavaScript has as one.
    Number(Number),
    /// Text: also what Postgres prints of int8, numeric, dates and whatever else JavaScript has no type for.
    Text(Text),
    /// Of a bytea, or of base64 in a plan.
    Bytes(Box<[u8]>),
    /// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
    Moment(i64),
    /// Several.
    List(Vec<Value>),
    /// A row, and what was linked to it.
    Record(Record),
    /// JSON as it stands: an object written out in a plan, what a data map or a raw query gives.
    Json(Box<str>),
}

/// A number. An integer keeps all its digits, where JavaScript would lose those past 2^53.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// An integer.
    Int(i64),
    /// Any other, NaN and infinities included.
    Float(f64),
}

impl Number {
    /// As JavaScript has it.
    #[allow(clippy::cast_precision_loss)]
    pub fn to_float(self) -> f64 {
        match self {
            Self::Int(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }

    /// Whether they are the same number, whatever they are kept as.
    #[allow(clippy::float_cmp)]
    pub fn equals(self, other: Self) -> bool {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => left == right,
            _ => self.to_float() == other.to_float(),
        }
    }
}

impl Value {
    /// What JavaScript's `typeof` says of it (<https://tc39.es/ecma262/#sec-typeof-operator>).
    pub fn type_of(&self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::Null | Self::Bytes(_) | Self::Moment(_) | Self::List(_) | Self::Record(_) | Self::Json(_) => "object",
        }
    }
}

/// Fields by name, in the order in which they came.
#[derive(Clone, PartialEq)]
pub struct Record {
    names: Names,
    values: Vec<Value>,
}

impl Record {
    /// Of names and as many values. Names are unique.
    pub fn new(names: Names, values: Vec<Value>) -> Self {
        debug_assert_eq!(names.len(), values.len());
        Self { names, values }
    }

    /// Of fields as an object has them: of equal names, the last value counts.
    pub fn from_pairs(mut names: Vec<Box<str>>, mut values: Vec<Value>) -> Self {
        let mut places: HashMap<Box<str>, usize> = HashMap::with_capacity(names.len());
        let mut kept = 0;
        for index in 0..names.len() {
            if let Some(place) = places.get(&names[index]) {
                values.swap(*place, index);
            } else {
                places.insert(names[index].clone(), kept);
                names.swap(kept, index);
                values.swap(kept, index);
                kept += 1;
            }
        }
        names.truncate(kept);
        values.truncate(kept);
        Self::new(names.into(), values)
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.index(name).and_then(|index| self.values.get(index))
    }

    /// The value of a field.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.index(name).and_then(|index| self.values.get_mut(index))
    }

    /// Where a field stands; the same in all records of these names.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.names.place(name)
    }

    /// The names, which records of one result share.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The values, in the order of the names.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value of a field, which is undefined from then on.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.get_mut(name).map(std::mem::take)
    }

    /// Adds the fields that it has not, undefined.
    pub fn widen<'n>(&mut self, names: impl Iterator<Item = &'n Box<str>>) {
        let mut seen = HashSet::new();
        let new: Vec<&Box<str>> = names.filter(|name| self.index(name).is_none() && seen.insert(*name)).collect();
        if !new.is_empty() {
            self.values.resize(self.values.len() + new.len(), Value::Undefined);
            self.names = self.names.iter().chain(new).cloned().collect();
        }
    }

    /// Sets a field. One that is new gets these names for all: they are the record's own with the new one behind them.
    pub fn set(&mut self, name: &str, value: Value, with_name: impl FnOnce(&Names) -> Names) {
        if let Some(place) = self.get_mut(name) {
            *place = value;
        } else {
            self.names = with_name(&self.names);
            self.values.push(value);
        }
    }
}

// Values are parameters and rows, so they are not to be shown.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Undefined => "undefined",
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "bytes",
            Self::Moment(_) => "a date",
            Self::List(_) => "a list",
            Self::Record(_) => "a record",
            Self::Json(_) => "json",
        })
    }
}
