use super::{SHOWN, normalize};

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(normalize(text).text.as_deref(), Some(expected), "{text}");
}

#[test]
fn constants_become_parameters_behind_those_there_are() {
    for (text, expected) in [
        ("select 1", "select $1"),
        (
            "SELECT a FROM t WHERE b = 'x' AND c = $2 AND d = 1.5e-3",
            "SELECT a FROM t WHERE b = $3 AND c = $2 AND d = $4",
        ),
        ("select .5, 1., 0x1F, 1_000, 1e5", "select $1, $2, $3, $4, $5"),
        ("select 12secret", "select $1"),
        ("select 1e-5-x", "select $1-x"),
        ("select t1.a2 from t1", "select t1.a2 from t1"),
        ("select x'1f', B'01', n'a', E'it\\'s', U&'\\0061', u&\"na'me\"", "select $1, $2, $3, $4, $5, u&\"na'me\""),
        ("select 'it''s', 'a\\\\'", "select $1, $2"),
        ("select 'one'\n  'two'", "select $1"),
        ("select $$it's$$, $body$ $$ $other$ $body$, a$b", "select $1, $2, a$b"),
        ("select date '2024-01-01'", "select date $1"),
        ("select -5, a-5", "select -$1, a-$2"),
        ("select \"it's \"\" 5\" from t", "select \"it's \"\" 5\" from t"),
        ("select a[1], b::varchar(20) limit 10", "select a[$1], b::varchar($2) limit $3"),
        ("insert into t values (null, true, default, -1)", "insert into t values ($1, $2, default, -$3)"),
        (
            "update t set a = null, b = FALSE where c is not null and d is true",
            "update t set a = $1, b = $2 where c is not null and d is true",
        ),
        (
            "alter table t alter a drop not null, add constraint x check (a > 5)",
            "alter table t alter a drop not null, add constraint x check (a > $1)",
        ),
        ("do $x$ begin perform 'secret'; end $x$", "do $1"),
    ] {
        check(text, expected);
    }
}

#[test]
fn comments_and_blanks_go() {
    for text in [
        "select a, b from t where c = 5",
        "/* by alice */ select a,b   from\n\tt -- 'secret\n where c = 5 /* a /* nested */ 'comment */",
        "select a, b from t where c = 5;",
        "SELECT a, b FROM t WHERE c = 'x'  ;  ",
        "select a,b from t where c=7",
    ] {
        let (one, other) = (normalize("select a, b from t where c = 1"), normalize(text));
        assert_eq!(one.fingerprint, other.fingerprint, "{text}");
        let shown = other.text.unwrap();
        assert!(!shown.contains("secret") && !shown.contains("alice") && !shown.contains("comment"), "{shown}");
    }
    assert_ne!(normalize("select a").fingerprint, normalize("select b").fingerprint);
    assert_ne!(normalize("select \"a\"").fingerprint, normalize("select \"A\"").fingerprint);
    check("select \"a\nb\u{1b}\"", "select \"a b \"");
}

#[test]
fn lists_of_any_length_are_one_statement() {
    check(
        "select * from t where a in (1, $7, 'x') and b = any(array[1,2])",
        "select * from t where a in ($8, ...) and b = any(array[$9, ...])",
    );
    check(
        "insert into t (a, b) values ($1, $2), ($3, $4), (5, default) returning a",
        "insert into t (a, b) values ($1, $2), ... returning a",
    );
    check("insert into t values (now(), 1), (f(2), 3)", "insert into t values (now(), $1), (f($2), $3)");
    check("select * from t where a in (1)", "select * from t where a in ($1)");
    check("select 1, 2, 3", "select $1, $2, $3");
    let list = |count: usize| format!("select * from t where a in ({})", vec!["1"; count].join(", "));
    assert_eq!(normalize(&list(2)).fingerprint, normalize(&list(20)).fingerprint);
}

#[test]
fn settings_show_no_value() {
    for (text, expected) in [
        ("set app.user = alice", "set app.user = $1"),
        ("SET SESSION app.user TO alice, bob", "SET SESSION app.user TO $1"),
        ("set app.user=alice", "set app.user=$1"),
        ("alter role web set app.secret to swordfish", "alter role web set app.secret to $1"),
        ("set transaction isolation level serializable", "set transaction isolation level serializable"),
        ("update t set a = b", "update t set a = b"),
    ] {
        check(text, expected);
    }
}

#[test]
fn what_has_no_certain_end_is_not_shown() {
    for text in [
        "select 'swordfish",
        "select \"swordfish",
        "select $$swordfish",
        "select $a$swordfish$b$",
        "select 1 /* swordfish",
        "/* swordfish",
        "select E'swordfish\\'",
        // By the session's settings the literal ends here, or goes on.
        "select 'a\\', swordfish, 'b'",
        // And here by how it began.
        "select E'a'\n'b\\'swordfish'",
    ] {
        assert_eq!(normalize(text).text, None, "{text}");
        assert_eq!(normalize(text).fingerprint, normalize(text).fingerprint);
    }
    check("select 1 -- swordfish", "select $1");
    check("", "");
}

#[test]
fn a_long_one_is_cut() {
    let columns = |count: usize| (0..count).map(|index| format!("column_{index}")).collect::<Vec<_>>().join(", ");
    let shown = normalize(&format!("select {}", columns(2000))).text.unwrap();
    assert!(shown.len() < SHOWN + 100 && shown.ends_with(" ..."), "{}", shown.len());
    assert_ne!(
        normalize(&format!("select {}", columns(500))).fingerprint,
        normalize(&format!("select {}", columns(600))).fingerprint
    );
    let flood = format!("select '{}' as a", "x".repeat(10 << 20));
    assert_eq!(normalize(&flood).text.as_deref(), Some("select $1 as a"));
    // What is read of one is bounded, and so is what that takes.
    let list = format!("select f({}) as last", vec!["1"; 100_000].join(", "));
    assert!(!normalize(&list).text.unwrap().contains("last"));
}

#[test]
fn whatever_comes_is_taken() {
    const PIECES: [&str; 26] = [
        "'", "\"", "$$", "$a$", "$1", "--", "/*", "*/", "\n", "E'", "u&'", "\\", "é", "1e-", "0x", ".", "(", ")", "[",
        ",", " in ", " values ", " array", " set ", "=", "to ",
    ];
    for _ in 0..20_000 {
        let length = rand::random_range(0..12);
        let text: String = (0..length).map(|_| PIECES[rand::random_range(0..PIECES.len())]).collect();
        let normal = normalize(&text);
        // A literal that is taken out is no part of what is shown.
        let hidden = normalize(&format!("select 'swordfish', $x$swordfish$x$ {text}"));
        let shown = hidden.text.unwrap_or_default();
        assert!(!shown.contains("swordfish"), "{text}: {shown}");
        assert_eq!(normalize(&text).text, normal.text);
    }
    // Brackets and words without end take no longer than others.
    for text in
        [")".repeat(1 << 20), "values(".repeat(1 << 18), "in(1,".repeat(1 << 18), "alter role set =".repeat(1 << 16)]
    {
        normalize(&text);
    }
}
