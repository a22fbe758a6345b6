use serde_json::json;

use super::Error;
use crate::scripted::{Scripted, answer, refusal, refused, result, step};
use crate::transport::{Response, TransportError};

async fn error(response: Response) -> Error {
    let script = Scripted::new([step(Ok(response))]);
    script.client().with_retries(0).query("INSERT INTO t VALUES ($1)").bind("value").execute().await.unwrap_err()
}

#[tokio::test]
async fn sqlstates_answer_questions() {
    type Question = fn(&Error) -> bool;
    let questions: [(&str, Question); 6] = [
        ("23505", Error::is_unique_violation),
        ("23503", Error::is_foreign_key_violation),
        ("23514", Error::is_check_violation),
        ("23502", Error::is_not_null_violation),
        ("40001", Error::is_serialization_failure),
        ("57014", Error::is_timeout),
    ];
    for (code, _) in questions {
        let error = error(refused(code)).await;
        assert_eq!(error.sqlstate(), Some(code));
        for (asked, question) in questions {
            assert_eq!(question(&error), asked == code, "{asked} of {code}");
        }
        assert!(!error.is_not_found() && !error.outcome_unknown());
    }
}

#[tokio::test]
async fn all_that_postgres_said_is_there() {
    let said = json!({
        "message": "duplicate key", "code": "23505", "severity": "ERROR", "detail": "Key (a)=(x) already exists.",
        "hint": "h", "position": "7", "where": "w", "schema": "public", "table": "t", "column": "a", "dataType": "text",
        "constraint": "t_a_key", "file": "nbtinsert.c", "line": "1", "routine": "r", "queryIndex": 2,
    });
    let error = error(refusal(400, &said)).await;
    assert_eq!(error.constraint(), Some("t_a_key"));
    assert_eq!(error.query_index(), Some(2));
    assert_eq!(error.status(), Some(400));
    assert_eq!(error.message(), "duplicate key");
    let database = error.database().unwrap();
    assert_eq!((&*database.severity, database.position), ("ERROR", Some(7)));
    for (field, expected) in [
        (&database.detail, "Key (a)=(x) already exists."),
        (&database.hint, "h"),
        (&database.context, "w"),
        (&database.schema, "public"),
        (&database.table, "t"),
        (&database.column, "a"),
        (&database.data_type, "text"),
    ] {
        assert_eq!(field.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn statuses_answer_questions() {
    // Status, more of the body; then: unavailable, timeout, outcome unknown.
    for (status, more, expected) in [
        (400, json!({}), [false, false, false]),
        (401, json!({}), [false, false, false]),
        (413, json!({}), [false, false, false]),
        (429, json!({}), [true, false, false]),
        (500, json!({}), [false, false, true]),
        (502, json!({ "outcome": "unknown" }), [true, false, true]),
        (503, json!({}), [true, false, false]),
        (504, json!({}), [true, true, false]),
        (507, json!({ "committed": true }), [false, false, false]),
    ] {
        let error = error(refusal(status, &more)).await;
        assert_eq!([error.is_unavailable(), error.is_timeout(), error.outcome_unknown()], expected, "{status}");
        assert_eq!(error.status(), Some(status));
        assert_eq!(error.message(), "no");
        assert_eq!(error.committed(), more["committed"].as_bool());
    }
}

#[tokio::test]
async fn answers_of_others_are_told_apart() {
    let late = [504, 522, 524];
    let down = [500, 501, 502, 503, 504, 505, 511, 520, 521, 522, 523, 524, 525, 526, 527, 530, 599];
    for status in [301, 302, 307, 308, 400, 401, 403, 404, 407, 421].into_iter().chain(down) {
        let page = Response { status, headers: vec![], body: b"<html>secret</html>".to_vec() };
        let error = error(page).await;
        assert_eq!((error.status(), error.is_foreign()), (Some(status), true));
        // A gateway may have passed it on, whatever the status says.
        assert_eq!(error.outcome_unknown(), down.contains(&status), "{status}");
        assert_eq!(error.is_unavailable(), down.contains(&status), "{status}");
        assert_eq!(error.is_timeout(), late.contains(&status), "{status}");
        assert_eq!(error.to_string().contains("redirect"), status < 400, "{error}");
        assert!(!error.to_string().contains("secret"));
    }
    for body in ["", "{", "[]", "{\"rows\":1}"] {
        let page = Response { status: 200, headers: vec![], body: body.as_bytes().to_vec() };
        let error = error(page).await;
        assert!(error.outcome_unknown() && error.is_foreign() && !error.is_unavailable(), "{body}");
    }
    assert!(error(answer(429, &json!({}))).await.is_unavailable());
    assert!(!error(refusal(500, &json!({}))).await.is_foreign());
}

#[tokio::test]
async fn the_request_id_is_the_proxys_or_our_own() {
    let own = |outcome: Result<Response, TransportError>| async move {
        let script = Scripted::new([step(outcome)]);
        let client = script.client().with_retries(0).with_request_id("own");
        client.query("SELECT 1").execute().await.unwrap_err().request_id().map(str::to_owned)
    };
    let mut told = refused("42601");
    told.headers.push(("X-Request-Id".to_owned(), "theirs".to_owned()));
    assert_eq!(own(Ok(told)).await.as_deref(), Some("theirs"));
    assert_eq!(own(Err(TransportError::Unknown(String::new()))).await.as_deref(), Some("own"));
    assert_eq!(own(Ok(answer(502, &json!({})))).await.as_deref(), Some("own"));
    assert_eq!(error(answer(502, &json!({}))).await.request_id(), None);
}

#[tokio::test]
async fn words_for_logs_are_of_names_and_codes() {
    let said = json!({
        "message": "duplicate key", "code": "23505", "severity": "ERROR", "detail": "(a)=(hunter2)", "schema": "app",
        "table": "users", "column": "email", "constraint": "one_email", "routine": "_bt_check_unique", "position": "7",
    });
    let error = error(refusal(400, &said)).await;
    let words = "Postgres refused the statement with SQLSTATE 23505 (integrity constraint violation): \
        constraint \"one_email\", table \"app\".\"users\", column \"email\", at character 7, in _bt_check_unique";
    assert_eq!(error.to_string(), words);
    assert_eq!(error.database().map(ToString::to_string).as_deref(), Some(words));
    assert_eq!(error.database().and_then(|error| error.routine.as_deref()), Some("_bt_check_unique"));
    for (code, words) in [
        ("42P01", "SQLSTATE 42P01 (syntax error or access rule violation)"),
        ("40001", "SQLSTATE 40001 (transaction rollback)"),
        ("57014", "SQLSTATE 57014 (operator intervention)"),
        // A class of somebody's own.
        ("ZZ001", "SQLSTATE ZZ001"),
    ] {
        let error = self::error(refused(code)).await.to_string();
        assert_eq!(error, format!("Postgres refused the statement with {words}"));
    }
}

#[tokio::test]
async fn words_for_logs_hold_no_values() {
    // Whatever its class, a message may quote a value: of a regclass that is none, of a function that raises it.
    for (code, routine) in [
        ("22P02", "pg_strtoint32_safe"),
        ("P0001", "exec_stmt_raise"),
        ("23505", "exec_stmt_raise"),
        ("40001", "exec_stmt_raise"),
        ("42P01", "RangeVarGetRelidExtended"),
        ("42704", "parseTypeString"),
        ("42883", "regprocedurein"),
        ("XX000", "elog"),
    ] {
        let mut said = json!({
            "message": "about hunter2", "code": code, "severity": "ERROR", "detail": "(hunter2)", "hint": "hunter2?",
            "where": "hunter2", "routine": routine,
        });
        if routine == "exec_stmt_raise" {
            // RAISE ... USING names these as well.
            for name in ["schema", "table", "column", "constraint"] {
                said[name] = json!("hunter2");
            }
        }
        let error = error(refusal(400, &said)).await;
        let database = error.database().unwrap();
        for words in [format!("{error} {error:?}"), format!("{database} {database:?}")] {
            assert!(!words.contains("hunter2"), "{words}");
            assert!(words.contains(code) && words.contains(routine), "{words}");
        }
        assert_eq!((error.message(), &*database.message), ("about hunter2".to_owned(), "about hunter2"));
    }
    let script = Scripted::new([step(Ok(result(&[("pin", 25)], &json!([["hunter2"]]))))]);
    let misfit = script.client().query_scalar::<i32>("SELECT pin").one().await.unwrap_err();
    assert!(misfit.to_string().contains("\"pin\"") && !misfit.to_string().contains("hunter2"), "{misfit}");
    let debug = format!("{:?}", script.client().query("SELECT $1").bind("hunter2").bind(vec!["hunter2"]));
    assert!(!debug.contains("hunter2") && !debug.contains("secret-key"), "{debug}");
    let request = script.record(|record| format!("{:?}", record.requests[0].0));
    assert!(request.contains("authorization") && !request.contains("secret-key"), "{request}");
}

#[test]
fn an_error_is_small_and_may_travel() {
    fn travels<T: Send + Sync + 'static>() {}
    travels::<Error>();
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}
