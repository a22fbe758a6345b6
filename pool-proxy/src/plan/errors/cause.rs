//! The kinds of database errors, with what each says about itself.

use std::borrow::Cow;

use super::json::{self, Object};
use crate::error::DatabaseError;

/// Where a constraint was violated.
pub(super) enum Constraint<'e> {
    Index(&'e str),
    Fields(Vec<&'e str>),
}

/// What an error is about.
pub(super) enum Cause<'e> {
    LengthMismatch { column: Option<&'e str> },
    OutOfRange,
    InvalidInput,
    Unique { constraint: Option<Constraint<'e>>, table: Option<&'e str> },
    Null { constraint: Option<Constraint<'e>> },
    ForeignKey { constraint: Option<Constraint<'e>> },
    Restrict { constraint: Option<Constraint<'e>> },
    NoDatabase { database: Option<&'e str> },
    DatabaseExists { database: Option<&'e str> },
    AccessDenied { database: Option<&'e str> },
    LoginFailed { user: Option<&'e str> },
    WriteConflict,
    NoTable { table: Option<&'e str> },
    NoColumn { column: Option<Cow<'e, str>> },
    TooManyConnections,
    Closed,
    Other,
}

impl<'e> Cause<'e> {
    pub(super) fn of(error: &'e DatabaseError) -> Self {
        let message = error.message.as_str();
        // `database "x" does not exist`, `relation "x" does not exist`
        let second = || message.split(' ').nth(1).and_then(quoted);
        match error.code.as_str() {
            "22001" => Self::LengthMismatch { column: error.column.as_deref() },
            "22003" => Self::OutOfRange,
            "22P02" => Self::InvalidInput,
            "23505" => Self::Unique {
                constraint: error.constraint.as_deref().map(Constraint::Index).or_else(|| keys(error)),
                table: error.table.as_deref(),
            },
            "23502" => Self::Null { constraint: keys(error) },
            "23503" => Self::ForeignKey { constraint: referenced(error) },
            "23001" => Self::Restrict { constraint: referenced(error) },
            "3D000" => Self::NoDatabase { database: second() },
            "42P04" => Self::DatabaseExists { database: second() },
            "28000" => {
                let database = message.split(',').find(|part| part.starts_with(" database")).and_then(quoted);
                Self::AccessDenied { database }
            }
            "28P01" => Self::LoginFailed { user: message.rsplit(' ').next().and_then(quoted) },
            "40001" | "40P01" => Self::WriteConflict,
            "42P01" => Self::NoTable { table: second() },
            "42703" => {
                let column = message.strip_prefix("column ").and_then(|rest| rest.strip_suffix(" does not exist"));
                Self::NoColumn { column: column.map(unquoted) }
            }
            "53300" => Self::TooManyConnections,
            _ if error.is_shutdown() => Self::Closed,
            _ => Self::Other,
        }
    }

    /// The code and the message of an error in a statement of a plan.
    pub(super) fn words(&self, error: &DatabaseError) -> (&'static str, String) {
        let known = |name: Option<&str>| name.unwrap_or("(not available)").to_owned();
        match self {
            Self::LengthMismatch { column } => (
                "P2000",
                format!(
                    "The provided value for the column is too long for the column's type. Column: {}",
                    known(*column)
                ),
            ),
            Self::OutOfRange => ("P2020", format!("Value out of range for the type: {}", error.message)),
            Self::InvalidInput => ("P2007", format!("Invalid input value: {}", error.message)),
            Self::Unique { constraint, .. } => {
                ("P2002", format!("Unique constraint failed on the {}", place(constraint.as_ref())))
            }
            Self::Null { constraint } => {
                ("P2011", format!("Null constraint violation on the {}", place(constraint.as_ref())))
            }
            Self::ForeignKey { constraint } | Self::Restrict { constraint } => {
                ("P2003", format!("Foreign key constraint violated on the {}", place(constraint.as_ref())))
            }
            Self::NoDatabase { database } => {
                ("P1003", format!("Database `{}` does not exist on the database server", known(*database)))
            }
            Self::DatabaseExists { database } => {
                ("P1009", format!("Database `{}` already exists on the database server", known(*database)))
            }
            Self::AccessDenied { database } => {
                ("P1010", format!("User was denied access on the database `{}`", known(*database)))
            }
            Self::LoginFailed { user } => (
                "P1000",
                format!(
                    "Authentication failed against the database server, the provided database credentials for `{}` are not valid",
                    known(*user)
                ),
            ),
            Self::WriteConflict => (
                "P2034",
                "Transaction failed due to a write conflict or a deadlock. Please retry your transaction".to_owned(),
            ),
            Self::NoTable { table } => {
                ("P2021", format!("The table `{}` does not exist in the current database.", known(*table)))
            }
            Self::NoColumn { column } => {
                ("P2022", format!("The column `{}` does not exist in the current database.", known(column.as_deref())))
            }
            Self::TooManyConnections => ("P2037", format!("Too many database connections opened: {}", error.message)),
            Self::Closed => ("P1017", "Server has closed the connection.".to_owned()),
            Self::Other => ("P2039", format!("Database error. Code: `{}`. Message: `{}`", error.code, error.message)),
        }
    }

    /// Writes the kind and what it says about itself.
    pub(super) fn write(&self, error: &DatabaseError, out: &mut Object) {
        let kind = match self {
            Self::LengthMismatch { .. } => "LengthMismatch",
            Self::OutOfRange => "ValueOutOfRange",
            Self::InvalidInput => "InvalidInputValue",
            Self::Unique { .. } => "UniqueConstraintViolation",
            Self::Null { .. } => "NullConstraintViolation",
            Self::ForeignKey { .. } => "ForeignKeyConstraintViolation",
            Self::Restrict { .. } => "RestrictViolation",
            Self::NoDatabase { .. } => "DatabaseDoesNotExist",
            Self::DatabaseExists { .. } => "DatabaseAlreadyExists",
            Self::AccessDenied { .. } => "DatabaseAccessDenied",
            Self::LoginFailed { .. } => "AuthenticationFailed",
            Self::WriteConflict => "TransactionWriteConflict",
            Self::NoTable { .. } => "TableDoesNotExist",
            Self::NoColumn { .. } => "ColumnNotFound",
            Self::TooManyConnections => "TooManyConnections",
            Self::Closed => "ConnectionClosed",
            Self::Other => "postgres",
        };
        out.text("kind", kind);
        let mut some = |key, text: Option<&str>| {
            if let Some(text) = text {
                out.text(key, text);
            }
        };
        match self {
            Self::LengthMismatch { column } => some("column", *column),
            Self::OutOfRange | Self::TooManyConnections => some("cause", Some(&error.message)),
            Self::InvalidInput => some("message", Some(&error.message)),
            Self::Unique { constraint, table } => {
                if let Some(constraint) = constraint {
                    constraint.write(out);
                }
                if let Some(table) = table {
                    out.text("table", table);
                }
            }
            Self::Null { constraint } | Self::ForeignKey { constraint } | Self::Restrict { constraint } => {
                if let Some(constraint) = constraint {
                    constraint.write(out);
                }
            }
            Self::NoDatabase { database } | Self::DatabaseExists { database } | Self::AccessDenied { database } => {
                some("db", *database);
            }
            Self::LoginFailed { user } => some("user", *user),
            Self::WriteConflict | Self::Closed => {}
            Self::NoTable { table } => some("table", *table),
            Self::NoColumn { column } => some("column", column.as_deref()),
            Self::Other => {
                some("code", Some(&error.code));
                some("severity", Some(&error.severity));
                some("message", Some(&error.message));
                some("detail", error.detail.as_deref());
                some("column", error.column.as_deref());
                some("hint", error.hint.as_deref());
            }
        }
    }
}

impl Constraint<'_> {
    fn write(&self, out: &mut Object) {
        let mut constraint = Object::new();
        match self {
            Self::Index(name) => constraint.text("index", name),
            Self::Fields(fields) => constraint.json("fields", &json::list(fields)),
        }
        out.json("constraint", &constraint.finish());
    }
}

/// A constraint in a message.
fn place(constraint: Option<&Constraint<'_>>) -> String {
    match constraint {
        Some(Constraint::Index(name)) => format!("constraint: `{name}`"),
        Some(Constraint::Fields(fields)) => {
            let quoted: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
            format!("fields: ({})", quoted.join(", "))
        }
        None => "(not available)".to_owned(),
    }
}

/// The columns of `Key (a, b)=(1, 2) already exists.`
fn keys(error: &DatabaseError) -> Option<Constraint<'_>> {
    let (_, rest) = error.detail.as_deref()?.split_once("Key (")?;
    let (fields, _) = rest.split_once(')')?;
    Some(Constraint::Fields(fields.split(", ").collect()))
}

fn referenced(error: &DatabaseError) -> Option<Constraint<'_>> {
    let column = error.column.as_deref().map(|column| Constraint::Fields(vec![column]));
    column.or_else(|| error.constraint.as_deref().map(Constraint::Index))
}

/// What stands between the first two quotes.
fn quoted(text: &str) -> Option<&str> {
    text.split('"').nth(1)
}

/// A name as SQL writes it, without its quotes.
fn unquoted(name: &str) -> Cow<'_, str> {
    if !name.contains('"') {
        return Cow::Borrowed(name);
    }
    let mut plain = String::with_capacity(name.len());
    let mut rest = name.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '"' {
            plain.push(character);
        } else if rest.peek() == Some(&'"') {
            rest.next();
            plain.push('"');
        }
    }
    Cow::Owned(plain)
}
