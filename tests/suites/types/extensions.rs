//! Types of extensions, from those that come with Postgres's own sources.

use harness::Dice;

use super::cases::Case;
use super::compare::{Pair, Value};
use super::random::{self, Generator};

/// An extension, and the cases of its types.
const CASES: &[(&str, &[Case])] = &[
    (
        "hstore",
        &[
            ("hstore", &["", "a=>1", "\"a b\"=>\"x\\\"y\", \"\"=>NULL", "ü=>\"😀\\\\\"", "a=>1, a=>2", "x"]),
            ("hstore[]", &["{\"a=>1\",NULL,\"\\\"q\\\"=>\\\"\\\\\\\\\\\"\"}"]),
        ],
    ),
    ("citext", &[("citext", &["", "MiXeD ÄÖ", "a\"b\\c\n"]), ("citext[]", &["{A,\"b,C\",NULL}"])]),
    (
        "ltree",
        &[
            ("ltree", &["", "Top.Science.Astronomy", "a_b.c1", "a..b"]),
            ("lquery", &["Top.*.Ast@|b%.!c{1,}", "*{2,5}"]),
            ("ltxtquery", &["Europe & Russia*@ & !Transportation"]),
            ("ltree[]", &["{a.b,c}"]),
        ],
    ),
    ("cube", &[("cube", &["1", "(1,2.5),(3,4)", "(0.1)", "(1e300,-0)", "()", "(1,2"]), ("cube[]", &["{\"(1, 2)\"}"])]),
];

fn generators() -> Vec<(&'static str, Generator)> {
    vec![
        ("hstore", |dice| {
            let pairs: Vec<String> =
                (0..dice.below(5)).map(|_| format!("{}=>{}", quoted(dice), quoted(dice))).collect();
            pairs.join(", ")
        }),
        ("citext", random::text),
        ("ltree", |dice| {
            let labels: Vec<String> = (0..=dice.below(5)).map(|_| format!("a{}_B", dice.below(1000))).collect();
            labels.join(".")
        }),
        ("cube", |dice| {
            let numbers: Vec<String> =
                (0..=dice.below(5)).map(|_| format!("{}e{}", dice.between(-999, 999), dice.between(-9, 9))).collect();
            let (here, there) = (numbers.join(","), numbers.iter().rev().cloned().collect::<Vec<_>>().join(","));
            format!("({here}),({there})")
        }),
    ]
}

fn quoted(dice: &mut Dice) -> String {
    format!("\"{}\"", random::text(dice).replace('\\', "\\\\").replace('"', "\\\""))
}

#[tokio::test]
async fn types_of_extensions_are_what_postgres_prints() {
    let pair = Pair::start().await;
    let mut known: Vec<(&str, Generator)> = Vec::new();
    for (extension, kinds) in CASES {
        let create = format!("CREATE EXTENSION {extension}");
        let answer = pair.served.ask(&create).await;
        if answer.status != 200 {
            assert_eq!(answer.body["code"], "0A000", "{}", answer.text);
            eprintln!("NOT TESTED: this Postgres has no {extension} (its package of extensions is called contrib)");
            continue;
        }
        known.extend(generators().into_iter().filter(|(kind, _)| kind == extension));
        for (kind, texts) in *kinds {
            let values: Vec<Value> = texts.iter().map(|text| Value::new(kind, text)).collect();
            for _ in 0..2 {
                assert!(pair.check(&[], &values, kind).await > 0, "{kind}");
            }
        }
    }
    if !known.is_empty() {
        random::check(&pair, &known, 2000).await;
    }
}
