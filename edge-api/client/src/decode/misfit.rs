//! A row or a value that does not fit the type asked for. Never says the value.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use super::types;

/// What does not fit, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    column: Option<(String, u32)>,
    problem: String,
}

impl Misfit {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self { column: None, problem: problem.into() }
    }

    pub(super) fn expected(what: &str) -> Self {
        Self::new(format!("expected {what}"))
    }

    /// The same misfit, of the column named.
    pub(super) fn in_column(mut self, name: &str, oid: u32) -> Self {
        self.column.get_or_insert_with(|| (name.to_owned(), oid));
        self
    }
}

impl Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some((name, oid)) => write!(f, "column \"{name}\" ({}): {}", types::name(*oid), self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl std::error::Error for Misfit {}

/// What types say of values through serde. Their own words may quote the value, so they are left out.
impl de::Error for Misfit {
    fn custom<T: Display>(_: T) -> Self {
        Self::new("the value is none of the type asked for")
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}"))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("{length} values where {expected} was expected"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("expected one of {}", expected.join(", ")))
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::new(format!("there is no field for the column \"{field}\""))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("there is no column for the field \"{field}\""))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("two columns are for the field \"{field}\""))
    }
}

/// What does not fit in a JSON document. `serde_json`'s own words may quote it; the place does not.
impl From<serde_json::Error> for Misfit {
    fn from(error: serde_json::Error) -> Self {
        Self::new(format!(
            "the JSON does not fit the type asked for, at its line {}, column {}",
            error.line(),
            error.column()
        ))
    }
}
