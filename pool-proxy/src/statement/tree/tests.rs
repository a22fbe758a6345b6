//! Trees in the form Postgres writes them, cut down to what a case is about.

use super::super::labels;
use super::{Facts, INSERT, SELECT, Unreadable};

fn read(tree: &str) -> Result<Facts, Unreadable> {
    let mut facts = Facts::default();
    facts.add(tree)?;
    Ok(facts)
}

fn check(tree: &str, expected: &Facts) {
    assert_eq!(read(tree).as_ref(), Ok(expected), "{tree}");
}

fn query(fields: &str) -> String {
    format!("(({{QUERY :commandType 1 :querySource 0 {fields} :stmt_location 0}}))")
}

fn select() -> Facts {
    Facts { commands: vec![SELECT], ..Facts::default() }
}

#[test]
fn finds_what_is_called_and_read() {
    let functions = [2077, 1299].into();
    check(
        &query(
            ":rtable <> :targetList ({TARGETENTRY :expr {FUNCEXPR :funcid 2077 :args ({FUNCEXPR :funcid 1299 :args <>})}})",
        ),
        // Whose name is in no constant.
        &Facts { functions, settings: [None].into(), ..select() },
    );
    check(
        &query(
            ":q {OPEXPR :opno 96 :opfuncid 65} :s ({SORTGROUPCLAUSE :eqop 97 :sortop 0 :nulls_first false}) :r {ROWCOMPARE :opnos (o 98 99)}",
        ),
        &Facts { functions: [65].into(), operators: [96, 97, 98, 99].into(), ..select() },
    );
    check(
        &query(
            ":rtable ({RTE :alias <> :rtekind 0 :relid 77 :relkind r} {RANGETBLENTRY :rtekind 2} {RTE :rtekind 0 :relid 78})",
        ),
        &Facts { reads: [77, 78].into(), ..select() },
    );
    check(&query(":rowMarks ({ROWMARKCLAUSE :rti 1})"), &Facts { locks: true, ..select() });
    check(&query(":x {TABLESAMPLECLAUSE :tsmhandler 3313}"), &Facts { samples: [3313].into(), ..select() });
    check(
        &query(":x {COERCEVIAIO :resulttype 20000} :y {SUBSCRIPTINGREF :refcontainertype 20001} :z {VAR :vartype 23}"),
        &Facts { types: [20000, 20001].into(), subscripted: [20001].into(), cast_by_text: [20000].into(), ..select() },
    );
}

#[test]
fn tells_the_target_from_what_is_read() {
    let expected =
        Facts { commands: vec![INSERT], modifies: true, reads: [6].into(), writes: [5].into(), ..Facts::default() };
    check("({QUERY :commandType 3 :resultRelation 2 :rtable ({RTE :relid 6} {RTE :relid 5})})", &expected);
    let inner = "{QUERY :commandType 4 :resultRelation 1 :rtable ({RTE :relid 5})}";
    check(
        &query(&format!(":cteList ({{COMMONTABLEEXPR :ctequery {inner}}}) :rtable ({{RTE :relid 6}})")),
        &Facts { modifies: true, cascades: true, reads: [6].into(), writes: [5].into(), ..select() },
    );
}

#[test]
fn a_value_is_never_a_label() {
    for alias in
        [":funcid", ":relid", ":rtekind", "\\{QUERY", "\\}", "a\\ :funcid\\ 9", "\\<>", "\\\"x", "o", "\\\\", "ä\\ ö"]
    {
        check(&query(&format!(":alias {{ALIAS :aliasname {alias} :colnames (\":funcid\" \"9\" \"\\)\")}}")), &select());
    }
    check(&query(":c {CONST :consttype 25 :constvalue 8 [ 58 102 -117 0 ]}"), &select());
    check(&query(":c {CONST :consttype 25 :constisnull true :constvalue <>}"), &select());
}

#[test]
fn counts_queries_and_bare_expressions() {
    assert_eq!(read("(({QUERY :commandType 1} {QUERY :commandType 2}))").map(|facts| facts.commands), Ok(vec![1, 2]));
    assert_eq!(read("(<>)").map(|facts| facts.commands), Ok(vec![]));
    assert_eq!(read("{FUNCEXPR :funcid 9}").map(|facts| facts.bare), Ok(true));
    assert_eq!(read("({QUERY :commandType 1} {VAR :varno 1})").map(|facts| facts.bare), Ok(true));
    assert_eq!(read("<>"), Ok(Facts::default()));
}

#[test]
fn refuses_what_it_does_not_know() {
    for (tree, expected) in [
        (query(":x {WONDER :y 1}"), Unreadable::Node("WONDER".into())),
        (query(":x {VAR :newfuncid 1}"), Unreadable::Field("newfuncid".into())),
        (query(":x {FUNCEXPR :funcid nine}"), Unreadable::Number("funcid".into())),
        (query(":x {FUNCEXPR :funcid -9}"), Unreadable::Number("funcid".into())),
        (query(":x {VAR :y 1} }"), Unreadable::Shape),
        (query(":x {VAR y 1}"), Unreadable::Shape),
        (query(":x {VAR :y )}"), Unreadable::Shape),
        (query(":c {CONST :constvalue 8 }"), Unreadable::Shape),
        ("({QUERY :commandType 1}".into(), Unreadable::Shape),
        ("({QUERY :commandType".into(), Unreadable::Shape),
        ("{".into(), Unreadable::Shape),
        (")".into(), Unreadable::Shape),
    ] {
        assert_eq!(read(&tree), Err(expected), "{tree}");
    }
}

#[test]
fn nesting_costs_no_stack() {
    let depth = 200_000;
    let tree = format!("{}{}", "{OPEXPR :args (".repeat(depth), ")}".repeat(depth));
    assert!(read(&tree).is_ok());
}

#[test]
fn the_list_of_labels_is_in_order() {
    assert!(labels::PLAIN.is_sorted_by(|a, b| a < b));
}
