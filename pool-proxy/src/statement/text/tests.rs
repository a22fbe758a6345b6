//! Keywords and literals, as texts come.

use super::{has_frozen_literal, is_shaped_by_session, may_define, refused_keyword};

#[test]
fn refuses_what_ends_a_transaction() {
    for (text, expected) in [
        ("BEGIN", Some("BEGIN")),
        ("  \t\r\n\x0c begin; ", Some("BEGIN")),
        ("-- a\n-- b\nStArT transaction", Some("START")),
        ("-- a\rCOMMIT", Some("COMMIT")),
        ("/* a /* b */ c */COMMIT/**/AND CHAIN", Some("COMMIT")),
        ("/**//**/;;/**/ end", Some("END")),
        ("END;", Some("END")),
        ("ABORT WORK", Some("ABORT")),
        ("rollback", Some("ROLLBACK")),
        ("ROLLBACK WORK", Some("ROLLBACK")),
        ("ROLLBACK TRANSACTION AND NO CHAIN", Some("ROLLBACK")),
        ("ROLLBACK;TO", Some("ROLLBACK")),
        ("ROLLBACK/**/PREPARED 'x'", Some("ROLLBACK PREPARED")),
        ("COMMIT PREPARED 'x'", Some("COMMIT PREPARED")),
        ("PREPARE -- x\n TRANSACTION 'x'", Some("PREPARE TRANSACTION")),
        ("COPY t FROM STDIN", Some("COPY")),
        ("copy(select 1) to stdout", Some("COPY")),
        ("ROLLBACK TO a", None),
        ("ROLLBACK /* */ WORK -- \n TO SAVEPOINT a", None),
        ("ROLLBACK TRANSACTION TO a", None),
        ("PREPARE a AS SELECT 1", None),
        ("PREPARE transactions AS SELECT 1", None),
        ("SAVEPOINT a", None),
        ("RELEASE a", None),
        ("SELECT 1 /* COMMIT */", None),
        ("beginning", None),
        ("begin_", None),
        ("endé", None),
        ("\"BEGIN\"", None),
        ("WITH a AS (SELECT 1) SELECT", None),
        ("", None),
        ("-- COMMIT", None),
        ("/* COMMIT", None),
        ("/* /* */ COMMIT", None),
        ("- COMMIT", None),
        ("é", None),
    ] {
        assert_eq!(refused_keyword(text), expected, "{text}");
    }
}

#[test]
fn lets_off_only_what_defines_nothing() {
    for text in ["SET LOCAL a.b = '1'", " /* CREATE */ ;; show x", "ROLLBACK TO s", "insert into t values (1)"] {
        assert!(!may_define(text, false), "{text}");
    }
    for text in
        ["CREATE TEMP TABLE t ()", "SELECT 1 INTO t", "(SELECT 1)", "WITH a AS (SELECT 1) SELECT 1 INTO t", "DO ''", ""]
    {
        assert!(may_define(text, false), "{text}");
    }
}

#[test]
fn what_gives_rows_defines_nothing() {
    assert!(!may_define("SELECT 1", true) && !may_define("(WITH a AS (SELECT 1) SELECT 1)", true));
    assert!(may_define("explain ANALYZE CREATE TABLE t AS SELECT 1", true) && may_define("CALL p()", true));
}

#[test]
fn knows_what_the_session_shapes() {
    assert!(is_shaped_by_session("FETCH ALL FROM c") && is_shaped_by_session("/* a */ execute p(1)"));
    assert!(!is_shaped_by_session("SELECT 'FETCH'") && !is_shaped_by_session("MOVE 1 FROM c"));
}

#[test]
fn sees_frozen_literals() {
    for text in [
        "SELECT 'now'::timestamptz",
        "SELECT timestamp ' NOW '",
        "SELECT date 'today', 1",
        "SELECT 'Tomorrow'::date",
        "SELECT 'yesterday 10:00'::timestamp",
        "SELECT 'today10:00'::timestamp",
        "SELECT 'now()'::timestamptz",
        "SELECT ' now ()'::timestamptz",
        "SELECT $$now$$::timestamptz",
        "SELECT $a$now()$a$::timestamptz",
        "SELECT '{now}'::timestamptz[]",
        r"SELECT '{n\ow}'::timestamptz[]",
        r#"SELECT '[n"o"w,)'::tstzrange"#,
        r#"SELECT '{"(n\\ow,1)"}'::moments[]"#,
        "SELECT 'infinity' < 'today'::date",
        "SELECT E'\\x6eow'::timestamptz",
        "SELECT U&'n\\006fw'::timestamptz",
        "SELECT 'no'\n'w'::timestamptz",
        "SELECT 'no' -- x\n 'w'::timestamptz",
        "-- don't\nSELECT 'now'::date",
    ] {
        assert!(has_frozen_literal(text), "{text}");
    }
}

#[test]
fn lets_calls_and_other_words_pass() {
    for text in [
        "SELECT now()",
        "SELECT NOW ( ), 'x'",
        "SELECT 'a', now() - interval '1 day' FROM t WHERE a = 'b'",
        "SELECT known, nowhere, 'knowledge', 'snow', 'yesterdays' FROM todays",
        "SELECT E'a' FROM t WHERE b = 'c' AND d = ''",
        r#"SELECT "s"."known" FROM "s" WHERE a LIKE '\_%' AND b = '{"no","w"}'"#,
        "SELECT 1",
    ] {
        assert!(!has_frozen_literal(text), "{text}");
    }
}
