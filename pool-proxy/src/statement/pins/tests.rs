//! Trees in the form Postgres writes them, cut down to what a case is about.

use super::*;

const VAR: &str = "{VAR :varno 1 :varattno 1 :vartype 23 :varlevelsup 0}";
const PARAM: &str = "{PARAM :paramkind 0 :paramid 2 :paramtype 23}";
const FIVE: &str = "{CONST :consttype 23 :constbyval true :constvalue 4 [ 5 0 0 0 0 0 0 0 ]}";

fn query(quals: &str) -> String {
    format!(
        "(({{QUERY :commandType 1 :resultRelation 0 :rtable ({{RANGETBLENTRY :rtekind 0 :relid 100 :relkind r}}) \
         :jointree {{FROMEXPR :fromlist ({{RANGETBLREF :rtindex 1}}) :quals {quals}}} :targetList <>}}))"
    )
}

fn equal(operator: u32, left: &str, right: &str) -> String {
    format!("{{OPEXPR :opno {operator} :inputcollid 0 :args ({left} {right})}}")
}

fn pinned(quals: &str) -> Vec<Pin> {
    let mut found = pins(&query(quals));
    let mut places = found.remove(&100).unwrap();
    assert!(found.is_empty() && places.len() == 1);
    places.remove(0).pins
}

fn pin(values: &[Source]) -> Pin {
    Pin { column: 1, kind: PinKind::Integer, values: values.to_vec() }
}

#[test]
fn an_equality_pins_from_either_side() {
    assert_eq!(pinned(&equal(96, VAR, PARAM)), [pin(&[Source::Param(1)])]);
    assert_eq!(pinned(&equal(96, FIVE, VAR)), [pin(&[Source::Text("5".to_owned())])]);
    let widened = format!("{{FUNCEXPR :funcid 481 :args ({PARAM})}}");
    assert_eq!(pinned(&equal(410, VAR, &widened)), [pin(&[Source::Param(1)])]);
    let and = format!("{{BOOLEXPR :boolop and :args ({} {})}}", equal(96, VAR, PARAM), equal(97, VAR, FIVE));
    assert_eq!(pinned(&and), [pin(&[Source::Param(1)])]);
}

#[test]
fn a_list_pins_to_one_of_several() {
    let list = format!("{{ARRAYEXPR :array_typeid 1007 :elements ({PARAM} {FIVE}) :multidims false}}");
    let any = format!("{{SCALARARRAYOPEXPR :opno 96 :useOr true :inputcollid 0 :args ({VAR} {list})}}");
    assert_eq!(pinned(&any), [pin(&[Source::Param(1), Source::Text("5".to_owned())])]);
    assert_eq!(pinned(&any.replace("useOr true", "useOr false")), []);
}

#[test]
fn nothing_else_pins() {
    let or = format!("{{BOOLEXPR :boolop or :args ({} {})}}", equal(96, VAR, PARAM), equal(96, VAR, FIVE));
    let not = format!("{{BOOLEXPR :boolop not :args ({})}}", equal(96, VAR, PARAM));
    let outer = VAR.replace("varlevelsup 0", "varlevelsup 1");
    let sublink = PARAM.replace("paramkind 0", "paramkind 2");
    let texts = |collation: u32| {
        let text = PARAM.replace("paramtype 23", "paramtype 25");
        equal(98, VAR, &text).replace("inputcollid 0", &format!("inputcollid {collation}"))
    };
    for quals in [
        or,
        not,
        equal(97, VAR, PARAM),
        equal(96, VAR, VAR),
        equal(96, &outer, PARAM),
        equal(96, VAR, &sublink),
        equal(96, VAR, "{FUNCEXPR :funcid 999 :args ({PARAM})}"),
        texts(16_400),
        "<>".to_owned(),
    ] {
        assert_eq!(pinned(&quals), [], "{quals}");
    }
    assert_eq!(pinned(&texts(100)).len(), 1);
}

#[test]
fn each_place_is_told() {
    let tree = query(&equal(96, VAR, PARAM)).replace(
        ":targetList <>",
        ":targetList ({TARGETENTRY :expr {SUBLINK :subselect {QUERY :commandType 1 :resultRelation 0 :rtable \
         ({RTE :rtekind 0 :relid 100} {RTE :rtekind 0 :relid 200}) :jointree {FROMEXPR :quals <>}}} :resno 1})",
    );
    let found = pins(&tree);
    assert_eq!(found[&100].iter().map(|place| place.pins.len()).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(found[&200], [Place::default()]);
}

#[test]
fn writes_say_what_they_change() {
    let target = |expr: &str, number: u32| format!("{{TARGETENTRY :expr {expr} :resno {number} :resname x}}");
    let update = query(&equal(96, VAR, PARAM))
        .replace("commandType 1 :resultRelation 0", "commandType 2 :resultRelation 1")
        .replace(":targetList <>", &format!(":targetList ({})", target(FIVE, 3)));
    let found = pins(&update);
    assert_eq!(found[&100][0].changes, [3]);
    assert_eq!(found[&100][0].pins.len(), 1);
    let insert = query("<>")
        .replace("commandType 1 :resultRelation 0", "commandType 3 :resultRelation 1 :onConflict <>")
        .replace(
            ":targetList <>",
            &format!(":targetList ({} {})", target(PARAM, 1), target("{FUNCEXPR :funcid 1 :args <>}", 2)),
        );
    assert_eq!(pins(&insert)[&100][0].pins, [pin(&[Source::Param(1)])]);
    let conflict = insert.replace(":onConflict <>", ":onConflict {ONCONFLICTEXPR :action 2}");
    assert_eq!(pins(&conflict)[&100][0].pins, []);
}

#[test]
fn texts_are_made_one() {
    for (text, expected) in [("7", "7"), (" +7 ", "7"), ("-0", "0"), ("007", "7"), ("-12", "-12")] {
        assert_eq!(PinKind::Integer.canonical(text).as_deref(), Some(expected));
    }
    for text in ["", "7.0", "1e2", "0x7", "seven", "99999999999999999999"] {
        assert_eq!(PinKind::Integer.canonical(text), None, "{text}");
    }
    let uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    for text in [uuid, "A0EEBC999C0B4EF8BB6D6BB9BD380A11", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"] {
        assert_eq!(PinKind::Uuid.canonical(text).as_deref(), Some(uuid));
    }
    // One that Postgres takes all the same names no row for certain.
    for text in ["a0eebc99", "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11"] {
        assert_eq!(PinKind::Uuid.canonical(text), None);
    }
    assert_eq!(PinKind::Text.canonical(" A ").as_deref(), Some(" A "));
}

#[test]
fn constants_are_read() {
    let constant = |tree: &str| constant(node::read(tree)?.as_node()?);
    let uuid = "{CONST :consttype 2950 :constvalue 16 [ -96 -18 -68 -103 -100 11 78 -8 -69 109 107 -71 -67 56 10 17 ]}";
    assert_eq!(constant(uuid).as_deref(), Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"));
    assert_eq!(constant("{CONST :consttype 25 :constvalue 6 [ 24 0 0 0 97 98 ]}").as_deref(), Some("ab"));
    // One letter in UTF-8, two in LATIN1.
    assert_eq!(constant("{CONST :consttype 25 :constvalue 6 [ 24 0 0 0 -61 -87 ]}"), None);
    assert_eq!(constant("{CONST :consttype 20 :constvalue 8 [ -1 -1 -1 -1 -1 -1 -1 -1 ]}").as_deref(), Some("-1"));
    assert_eq!(constant("{CONST :consttype 23 :constisnull true :constvalue <>}"), None);
    assert_eq!(constant("{CONST :consttype 1700 :constvalue 4 [ 1 0 0 0 ]}"), None);
}
