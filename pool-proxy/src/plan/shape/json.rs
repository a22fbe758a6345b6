//! JSON walked through level by level, without making anything of it.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use super::leaf::{Leaf, unquoted};
use super::{Mapper, mismatch, missing, no_object, source, write_compact, written};
use crate::error::PlanError;
use crate::plan::structure::{Arity, Field, Object, Structure};
use crate::plan::value::FEW;

/// What is written of JSON is cut out of it, so it has to be valid first.
pub(super) fn checked(text: &str) -> Option<&str> {
    serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get)
}

/// The text of a value at the beginning, without blanks before it, and what comes after it. A string, an array and an
/// object end where they are closed, and anything else with what separates values.
pub(super) fn first(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_ascii_start();
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => at = end_of_string(bytes, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
                continue;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            _ if depth > 0 => at += 1,
            _ => {
                let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b':') || byte.is_ascii_whitespace();
                at = bytes.iter().position(is_end).unwrap_or(bytes.len());
                if at == 0 {
                    return None;
                }
            }
        }
        if depth == 0 {
            return text.split_at_checked(at);
        }
    }
}

/// Where the string that begins here ends.
fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// What comes after a separator and the blanks before it.
fn after(text: &str, separators: [char; 2]) -> &str {
    let text = text.trim_ascii_start();
    text.strip_prefix(separators).unwrap_or(text)
}

/// The elements of an array.
pub(super) fn items(array: &str) -> impl Iterator<Item = &str> {
    let mut rest = after(array, ['[', '[']);
    std::iter::from_fn(move || {
        let (item, tail) = first(rest)?;
        rest = after(tail, [',', ',']);
        Some(item)
    })
}

/// The members of an object, by name.
fn members(object: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    let mut rest = after(object, ['{', '{']);
    std::iter::from_fn(move || {
        let (name, tail) = first(rest)?;
        let (value, tail) = first(after(tail, [':', ':']))?;
        rest = after(tail, [',', ',']);
        Some((unquoted(name), value))
    })
}

/// What an object has, to be found by name: of equal names, the last value counts.
#[derive(Default)]
pub(super) struct Members<'j> {
    few: Vec<(Cow<'j, str>, &'j str)>,
    many: HashMap<Cow<'j, str>, &'j str>,
}

impl<'j> Members<'j> {
    /// Takes those of an object instead; what is none has none.
    fn read(&mut self, json: &'j str) {
        self.few.clear();
        self.many.clear();
        if json.starts_with('{') {
            self.few.extend(members(json));
        }
        if self.few.len() > FEW {
            self.many.extend(self.few.drain(..));
        }
    }

    fn get(&self, name: &str) -> Option<&'j str> {
        if self.many.is_empty() {
            return self.few.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| *value);
        }
        self.many.get(name).copied()
    }
}

impl Mapper<'_> {
    /// An object or a list of them, in a text that is to be JSON.
    pub(super) fn text(&mut self, text: &str, object: &Object) -> Result<(), PlanError> {
        let Some(json) = checked(text) else {
            let message = "Expected an array or object, got a string that is not valid JSON".to_owned();
            return Err(PlanError { meta: Some(r#"{"cause":{}}"#.into()), ..mismatch(message) });
        };
        self.json(json, object)
    }

    /// An object or a list of them.
    pub(super) fn json(&mut self, json: &str, object: &Object) -> Result<(), PlanError> {
        let mut members = Members::default();
        match json.as_bytes().first() {
            Some(b'n') => {
                self.out.extend_from_slice(b"null");
                Ok(())
            }
            Some(b'[') => {
                let mut separator = b'[';
                for item in items(json).filter(|item| !object.skip_nulls || *item != "null") {
                    self.out.push(std::mem::replace(&mut separator, b','));
                    self.json_item(item, object, &mut members)?;
                }
                if separator == b'[' {
                    self.out.push(b'[');
                }
                self.out.push(b']');
                Ok(())
            }
            Some(b'{') => self.json_record(json, object, &mut members),
            // JSON in a JSON string. Each is shorter than the one it comes in.
            Some(b'"') => match Leaf::of_json(json) {
                Leaf::Text(text) => self.text(&text, object),
                _ => Ok(()),
            },
            _ => {
                let type_of = Leaf::of_json(json).type_of();
                Err(mismatch(format!("Expected an array or an object, got: {type_of}")))
            }
        }
    }

    /// An object in a list.
    pub(super) fn json_item<'j>(
        &mut self,
        json: &'j str,
        object: &Object,
        members: &mut Members<'j>,
    ) -> Result<(), PlanError> {
        match json.as_bytes().first() {
            Some(b'{' | b'[') => self.json_record(json, object, members),
            Some(b'n') => Err(no_object("null")),
            _ => Err(no_object(Leaf::of_json(json).type_of())),
        }
    }

    /// An object. `members` is a place for what it has, which objects of one list share.
    fn json_record<'j>(&mut self, json: &'j str, object: &Object, members: &mut Members<'j>) -> Result<(), PlanError> {
        members.read(json);
        self.json_members(json, object, members)
    }

    fn json_members(&mut self, json: &str, object: &Object, members: &Members<'_>) -> Result<(), PlanError> {
        let mut separator = b'{';
        for member in &object.members {
            self.within_limit()?;
            self.out.push(std::mem::replace(&mut separator, b','));
            self.out.extend_from_slice(member.key.as_bytes());
            match (&member.structure, source(&member.structure).and_then(|name| members.get(name))) {
                (Structure::Field(field), Some(value)) => self.json_field(value, field)?,
                (Structure::Object(nested), Some(value)) => self.json(value, nested)?,
                (Structure::Object(nested), None) if nested.serialized_name.is_none() => {
                    self.json_members(json, nested, members)?;
                }
                (structure, _) => {
                    return Err(missing(structure, &member.name, || written(|out| write_compact(out, json, false))));
                }
            }
        }
        if separator == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
        Ok(())
    }

    fn json_field(&mut self, json: &str, field: &Field) -> Result<(), PlanError> {
        if json == "null" {
            let is_list = field.field_type.arity == Arity::List;
            self.out.extend_from_slice(if is_list { b"[]" } else { b"null" });
            return Ok(());
        }
        self.leaf(&Leaf::of_json(json), field)
    }
}

#[cfg(test)]
mod tests;
