//! Data maps: what a plan came to, as the JSON that clients make their records of.
//!
//! Relations come as JSON in text. It is read level by level and never becomes numbers, so that no digit is lost.

mod compact;
mod date;
mod describe;
mod field;
mod json;
mod leaf;
pub mod plain;

pub(super) use self::compact::write as write_compact;
use self::describe::Described;
use self::field::Column;
use self::leaf::Leaf;
use super::errors;
use super::number;
use super::structure::{Arity, Enums, Field, Object, Structure};
use super::value::{Names, Record, Value};
use crate::error::PlanError;
use crate::postgres::array::{self, Part};

/// Writes a value as the structure wants it.
///
/// # Errors
/// P2023 where the value is not what the structure says; P6009 once much more than the limit's bytes are written.
pub fn map(
    value: &Value,
    structure: &Structure,
    enums: &Enums,
    limit: u64,
    out: &mut Vec<u8>,
) -> Result<(), PlanError> {
    match structure {
        Structure::AffectedRows => match value {
            Value::Number(count) => {
                out.extend_from_slice(b"{\"count\":");
                number::write_json(out, *count);
                out.push(b'}');
                Ok(())
            }
            value => {
                let leaf = Leaf::of(value);
                Err(mismatch(format!(
                    "Expected an affected rows count, got: {} ({})",
                    leaf.type_of(),
                    Described(&leaf)
                )))
            }
        },
        Structure::Object(object) => Mapper { enums, limit, out }.value(value, object),
        Structure::Field(field) => {
            let column = Column { name: "<result>", index: None };
            field::write(&Leaf::of(value), &field.field_type.kind, column, enums, out)
        }
    }
}

/// P2023, as it is where a value is not what a structure says.
fn mismatch(message: String) -> PlanError {
    PlanError { code: Some("P2023"), message, meta: Some("{}".into()), sqlstate: None }
}

/// An answer is over the limit, which is in bytes.
pub(super) fn too_long(limit: u64) -> PlanError {
    errors::of_user("P6009", format!("The answer is over the limit of {limit} bytes"))
}

/// Writes what it comes across.
struct Mapper<'m> {
    enums: &'m Enums,
    /// How much may be written, in bytes: a map can ask for the same column thousands of times.
    limit: u64,
    out: &'m mut Vec<u8>,
}

/// Where a member of an object is found in a record.
enum Slot {
    At(usize),
    Nowhere,
    /// Its own members are in the same record.
    Same(Vec<Slot>),
}

/// Where an object's members are found in records of these names.
fn lay_out(object: &Object, names: &Names) -> Vec<Slot> {
    let mut slots = Vec::with_capacity(object.members.len());
    for (index, member) in object.members.iter().enumerate() {
        let name = match &member.structure {
            Structure::Object(nested) if nested.serialized_name.is_none() => {
                slots.push(Slot::Same(lay_out(nested, names)));
                continue;
            }
            structure => source(structure),
        };
        // Columns mostly come in the order of the members.
        let place = if names.get(index).is_some_and(|first| Some(&**first) == name) {
            Some(index)
        } else {
            name.and_then(|name| names.place(name))
        };
        slots.push(place.map_or(Slot::Nowhere, Slot::At));
    }
    slots
}

/// The column that a structure is made of.
fn source(structure: &Structure) -> Option<&str> {
    match structure {
        Structure::AffectedRows => None,
        Structure::Object(object) => object.serialized_name.as_deref(),
        Structure::Field(field) => Some(&field.db_name),
    }
}

impl Mapper<'_> {
    /// An object, or a list of them.
    fn value(&mut self, value: &Value, object: &Object) -> Result<(), PlanError> {
        match value {
            Value::Null => self.out.extend_from_slice(b"null"),
            Value::List(items) => return self.list(items, object),
            Value::Record(record) => return self.record(record, object, &lay_out(object, record.names())),
            Value::Text(text) => return self.text(text, object),
            Value::Json(json) => return self.json(json, object),
            Value::Bytes(_) | Value::Moment(_) => return self.without_fields(value, object),
            value => {
                let type_of = Leaf::of(value).type_of();
                return Err(mismatch(format!("Expected an array or an object, got: {type_of}")));
            }
        }
        Ok(())
    }

    fn list(&mut self, items: &[Value], object: &Object) -> Result<(), PlanError> {
        let mut known: Option<(&Names, Vec<Slot>)> = None;
        let mut members = json::Members::default();
        let mut separator = b'[';
        for item in items {
            if object.skip_nulls && matches!(item, Value::Null) {
                continue;
            }
            self.out.push(std::mem::replace(&mut separator, b','));
            match item {
                Value::Record(record) => {
                    let names = record.names();
                    let slots = match &mut known {
                        Some((known, slots)) if known.are(names) => slots,
                        known => &mut known.insert((names, lay_out(object, names))).1,
                    };
                    self.record(record, object, slots)?;
                }
                Value::Json(json) => self.json_item(json, object, &mut members)?,
                Value::Null => return Err(no_object("null")),
                Value::List(_) | Value::Bytes(_) | Value::Moment(_) => self.without_fields(item, object)?,
                item => return Err(no_object(Leaf::of(item).type_of())),
            }
        }
        if separator == b'[' {
            self.out.push(b'[');
        }
        self.out.push(b']');
        Ok(())
    }

    fn record(&mut self, record: &Record, object: &Object, slots: &[Slot]) -> Result<(), PlanError> {
        let values = record.values();
        let mut separator = b'{';
        for (member, slot) in object.members.iter().zip(slots) {
            self.within_limit()?;
            self.out.push(std::mem::replace(&mut separator, b','));
            self.out.extend_from_slice(member.key.as_bytes());
            let value = match slot {
                Slot::At(index) => values.get(*index),
                _ => None,
            };
            match (&member.structure, slot, value) {
                (Structure::Field(field), _, Some(value)) => self.field(value, field)?,
                (Structure::Object(nested), _, Some(value)) => self.value(value, nested)?,
                (Structure::Object(nested), Slot::Same(slots), _) => self.record(record, nested, slots)?,
                (structure, _, _) => {
                    let data = || written(|out| plain::write(out, &Value::Record(record.clone())));
                    return Err(missing(structure, &member.name, data));
                }
            }
        }
        if separator == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Looked at before each member, so that there is no more than one beyond it.
    fn within_limit(&self) -> Result<(), PlanError> {
        if self.out.len() as u64 > self.limit { Err(too_long(self.limit)) } else { Ok(()) }
    }

    /// An object that has none of the fields it is to have.
    fn without_fields(&mut self, value: &Value, object: &Object) -> Result<(), PlanError> {
        let record = Record::new(Names::from([]), Vec::new());
        self.record(&record, object, &lay_out(object, record.names())).map_err(|error| {
            // The error is to show what there is instead.
            let data = written(|out| plain::write(out, value));
            let message = error.message.strip_suffix("{}").map(|message| format!("{message}{data}"));
            PlanError { message: message.unwrap_or_default(), ..error }
        })
    }

    fn field(&mut self, value: &Value, field: &Field) -> Result<(), PlanError> {
        let is_list = field.field_type.arity == Arity::List;
        match value {
            Value::Null => self.out.extend_from_slice(if is_list { b"[]" } else { b"null" }),
            Value::List(items) if is_list => {
                self.out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    self.item(&Leaf::of(item), field, index)?;
                }
                self.out.push(b']');
            }
            value => return self.leaf(&Leaf::of(value), field),
        }
        Ok(())
    }

    /// An element of a list, with what goes before it.
    fn item(&mut self, leaf: &Leaf<'_>, field: &Field, index: usize) -> Result<(), PlanError> {
        if index > 0 {
            self.out.push(b',');
        }
        let column = Column { name: &field.db_name, index: Some(index) };
        field::write(leaf, &field.field_type.kind, column, self.enums, self.out)
    }

    /// A value that is not null, and whose list is not one of values.
    fn leaf(&mut self, leaf: &Leaf<'_>, field: &Field) -> Result<(), PlanError> {
        let column = Column { name: &field.db_name, index: None };
        if field.field_type.arity != Arity::List {
            return field::write(leaf, &field.field_type.kind, column, self.enums, self.out);
        }
        match leaf {
            Leaf::Json(json) if json.starts_with('[') => {
                self.out.push(b'[');
                for (index, item) in json::items(json).enumerate() {
                    self.item(&Leaf::of_json(item), field, index)?;
                }
                self.out.push(b']');
                Ok(())
            }
            // Where the statement made text of it, since JSON would have lost digits.
            Leaf::Text(text) if text.starts_with(['{', '[']) => self.literal(text, field),
            leaf => Err(mismatch(format!("Expected a list in column '{column}', got {}", leaf.what()))),
        }
    }

    /// The elements of an array literal.
    fn literal(&mut self, text: &str, field: &Field) -> Result<(), PlanError> {
        let mut outcome = Ok(());
        let mut count = 0;
        self.out.push(b'[');
        array::read(text, |part| {
            let leaf = match part {
                Part::Item("t") if field.is_boolean() => Leaf::Bool(true),
                Part::Item("f") if field.is_boolean() => Leaf::Bool(false),
                Part::Item(item) => Leaf::Text(item.into()),
                Part::Null => Leaf::Null,
                Part::Open | Part::Close => return,
            };
            if outcome.is_ok() {
                outcome = self.item(&leaf, field, count);
                count += 1;
            }
        });
        self.out.push(b']');
        outcome
    }
}

/// What is no object where a list has to have one.
fn no_object(type_of: &str) -> PlanError {
    mismatch(format!("Expected an object, but got '{type_of}'"))
}

/// What a record has to have and has not.
fn missing(structure: &Structure, name: &str, data: impl FnOnce() -> String) -> PlanError {
    let (what, name) = match structure {
        Structure::AffectedRows => {
            return mismatch(format!("Unexpected 'AffectedRows' node in data mapping for field '{name}'"));
        }
        Structure::Object(_) => ("Object", name),
        Structure::Field(field) => ("Value", &*field.db_name),
    };
    let node = written(|out| structure.describe(out));
    mismatch(format!("Missing data field ({what}): '{name}'; node: {node}; data: {}", data()))
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests;
