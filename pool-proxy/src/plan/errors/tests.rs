use super::{of_database, of_statement, unreadable};
use crate::error::{DatabaseError, Failure};

fn error(code: &str, message: &str) -> DatabaseError {
    DatabaseError {
        severity: "ERROR".to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
        ..Default::default()
    }
}

fn owned(text: &str) -> String {
    text.to_owned()
}

/// What clients read, and the part of `meta` behind the original message.
#[track_caller]
fn check(error: &DatabaseError, code: &str, message: &str, cause: &str) {
    let found = of_database(error, false);
    assert_eq!((found.code, found.message.as_str()), (Some(code), message), "{}", error.code);
    assert_eq!(found.sqlstate.as_deref(), Some(error.code.as_str()));
    let (state, text) = (&error.code, serde_json::to_string(&error.message).unwrap());
    let expected = format!(
        r#"{{"driverAdapterError":{{"name":"DriverAdapterError","cause":{{"originalCode":"{state}","originalMessage":{text},{cause}"#
    );
    // A cause that goes on behind itself ends by itself.
    let expected = if cause.contains("}}") { expected } else { format!("{expected}}}}}}}") };
    assert_eq!(found.meta.as_deref(), Some(expected.as_str()), "{}", error.code);
    let raw = of_database(error, true);
    assert_eq!(raw.code, Some("P2010"));
    assert_eq!(raw.message, format!("Raw query failed. Code: `{state}`. Message: `{}`", error.message));
}

#[test]
fn values_that_do_not_fit() {
    check(
        &error("22001", "value too long for type character varying(3)"),
        "P2000",
        "The provided value for the column is too long for the column's type. Column: (not available)",
        r#""kind":"LengthMismatch""#,
    );
    check(
        &DatabaseError { column: Some(owned("c")), ..error("22001", "too long") },
        "P2000",
        "The provided value for the column is too long for the column's type. Column: c",
        r#""kind":"LengthMismatch","column":"c""#,
    );
    check(
        &error("22003", "numeric field overflow"),
        "P2020",
        "Value out of range for the type: numeric field overflow",
        r#""kind":"ValueOutOfRange","cause":"numeric field overflow""#,
    );
    check(
        &error("22P02", "invalid input syntax for type uuid: \"x\""),
        "P2007",
        "Invalid input value: invalid input syntax for type uuid: \"x\"",
        r#""kind":"InvalidInputValue","message":"invalid input syntax for type uuid: \"x\"""#,
    );
}

#[test]
fn constraints() {
    let unique = DatabaseError {
        constraint: Some(owned("User_email_key")),
        table: Some(owned("User")),
        detail: Some(owned("Key (email)=(a@x.io) already exists.")),
        ..error("23505", "duplicate key")
    };
    check(
        &unique,
        "P2002",
        "Unique constraint failed on the constraint: `User_email_key`",
        r#""kind":"UniqueConstraintViolation","constraint":{"index":"User_email_key"},"table":"User"}},"table":"User"}"#,
    );
    check(
        &DatabaseError { detail: Some(owned("Key (a, b)=(1, 2) already exists.")), ..error("23505", "duplicate key") },
        "P2002",
        "Unique constraint failed on the fields: (`a`, `b`)",
        r#""kind":"UniqueConstraintViolation","constraint":{"fields":["a","b"]}"#,
    );
    check(
        &error("23505", "duplicate key"),
        "P2002",
        "Unique constraint failed on the (not available)",
        r#""kind":"UniqueConstraintViolation""#,
    );
    check(
        &DatabaseError {
            column: Some(owned("name")),
            detail: Some(owned("Failing row contains (1, null).")),
            ..error("23502", "null")
        },
        "P2011",
        "Null constraint violation on the (not available)",
        r#""kind":"NullConstraintViolation""#,
    );
    for (code, kind) in [("23503", "ForeignKeyConstraintViolation"), ("23001", "RestrictViolation")] {
        check(
            &DatabaseError { constraint: Some(owned("Post_authorId_fkey")), ..error(code, "violates") },
            "P2003",
            "Foreign key constraint violated on the constraint: `Post_authorId_fkey`",
            &format!(r#""kind":"{kind}","constraint":{{"index":"Post_authorId_fkey"}}"#),
        );
        check(
            &DatabaseError { constraint: Some(owned("fk")), column: Some(owned("c")), ..error(code, "violates") },
            "P2003",
            "Foreign key constraint violated on the fields: (`c`)",
            &format!(r#""kind":"{kind}","constraint":{{"fields":["c"]}}"#),
        );
    }
}

#[test]
fn a_unique_constraint_names_its_table_twice_but_not_for_raw_queries() {
    let unique =
        DatabaseError { constraint: Some(owned("k")), table: Some(owned("T")), ..error("23505", "duplicate key") };
    let cause = r#"{"driverAdapterError":{"name":"DriverAdapterError","cause":{"originalCode":"23505","originalMessage":"duplicate key","kind":"UniqueConstraintViolation","constraint":{"index":"k"},"table":"T"}}"#;
    assert_eq!(of_database(&unique, false).meta.unwrap().as_ref(), format!(r#"{cause},"table":"T"}}"#));
    assert_eq!(of_database(&unique, true).meta.unwrap().as_ref(), format!("{cause}}}"));
}

#[test]
fn things_that_are_not_there() {
    for (code, message, expected, text, cause) in [
        (
            "42P01",
            "relation \"public.Team\" does not exist",
            "P2021",
            "The table `public.Team` does not exist in the current database.",
            r#""kind":"TableDoesNotExist","table":"public.Team""#,
        ),
        (
            "42P01",
            "missing FROM-clause entry for table \"t\"",
            "P2021",
            "The table `(not available)` does not exist in the current database.",
            r#""kind":"TableDoesNotExist""#,
        ),
        (
            "42703",
            "column t0.title does not exist",
            "P2022",
            "The column `t0.title` does not exist in the current database.",
            r#""kind":"ColumnNotFound","column":"t0.title""#,
        ),
        (
            "42703",
            "column \"no\"\"pe\" does not exist",
            "P2022",
            "The column `no\"pe` does not exist in the current database.",
            r#""kind":"ColumnNotFound","column":"no\"pe""#,
        ),
        (
            "42703",
            "column \"x\" of relation \"T\" does not exist",
            "P2022",
            "The column `x of relation T` does not exist in the current database.",
            r#""kind":"ColumnNotFound","column":"x of relation T""#,
        ),
        (
            "42703",
            "record \"new\" has no field \"x\"",
            "P2022",
            "The column `(not available)` does not exist in the current database.",
            r#""kind":"ColumnNotFound""#,
        ),
        (
            "3D000",
            "database \"x\" does not exist",
            "P1003",
            "Database `x` does not exist on the database server",
            r#""kind":"DatabaseDoesNotExist","db":"x""#,
        ),
        (
            "42P04",
            "database \"x\" already exists",
            "P1009",
            "Database `x` already exists on the database server",
            r#""kind":"DatabaseAlreadyExists","db":"x""#,
        ),
        (
            "28000",
            "no pg_hba.conf entry for host \"1.2.3.4\", user \"u\", database \"d\", no encryption",
            "P1010",
            "User was denied access on the database `d`",
            r#""kind":"DatabaseAccessDenied","db":"d""#,
        ),
        (
            "28P01",
            "password authentication failed for user \"u\"",
            "P1000",
            "Authentication failed against the database server, the provided database credentials for `u` are not valid",
            r#""kind":"AuthenticationFailed","user":"u""#,
        ),
    ] {
        check(&error(code, message), expected, text, cause);
    }
}

#[test]
fn the_rest() {
    for code in ["40001", "40P01"] {
        check(
            &error(code, "deadlock detected"),
            "P2034",
            "Transaction failed due to a write conflict or a deadlock. Please retry your transaction",
            r#""kind":"TransactionWriteConflict""#,
        );
    }
    check(
        &error("53300", "sorry, too many clients already"),
        "P2037",
        "Too many database connections opened: sorry, too many clients already",
        r#""kind":"TooManyConnections","cause":"sorry, too many clients already""#,
    );
    check(
        &error("57P01", "terminating connection due to administrator command"),
        "P1017",
        "Server has closed the connection.",
        r#""kind":"ConnectionClosed""#,
    );
    check(
        &DatabaseError {
            detail: Some(owned("because")),
            column: Some(owned("need")),
            hint: Some(owned("try \"harder\"")),
            constraint: Some(owned("not said")),
            ..error("23514", "no way")
        },
        "P2039",
        "Database error. Code: `23514`. Message: `no way`",
        r#""kind":"postgres","code":"23514","severity":"ERROR","message":"no way","detail":"because","column":"need","hint":"try \"harder\"""#,
    );
    check(
        &error("22012", "division by zero"),
        "P2039",
        "Database error. Code: `22012`. Message: `division by zero`",
        r#""kind":"postgres","code":"22012","severity":"ERROR","message":"division by zero""#,
    );
}

#[test]
fn only_what_postgres_says_is_put_into_other_words() {
    let said = of_statement(Failure::Database { error: Box::new(error("22012", "x")), query: Some(1) }, false);
    assert!(matches!(said, Failure::Plan(error) if error.code == Some("P2039")));
    for failure in [Failure::unavailable("down"), Failure::OutcomeUnknown, Failure::Internal] {
        let same = failure.to_string();
        assert_eq!(of_statement(failure, true).to_string(), same);
    }
}

#[test]
fn words_about_unknown_nodes_are_those_of_the_reference() {
    let read = |text: &str| unreadable(&<serde_json::Error as serde::de::Error>::custom(text));
    assert_eq!(read("Unexpected node type: x").message, "Unexpected node type: x");
    assert_eq!(read("Unexpected node type: x at line 1 column 5").message, "Unexpected node type: x");
    assert_eq!(read("else").message, "The query plan cannot be read: else");
}
