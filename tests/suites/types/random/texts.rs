//! Random texts, the awkward ones above all.

use std::fmt::Write;

use harness::Dice;

use super::Generator;

pub(super) const KINDS: &[(&str, Generator)] = &[
    ("text", text),
    ("varchar", text),
    ("varchar(4)", text),
    ("bpchar", text),
    ("char(6)", text),
    ("name", text),
    ("refcursor", text),
    ("\"char\"", |dice| char::from(u8::try_from(dice.between(1, 126)).unwrap_or(b'x')).to_string()),
    ("bytea", bytea),
    ("json", |dice| json(dice, 4, true)),
    ("jsonb", |dice| json(dice, 4, false)),
    ("papers", |dice| json(dice, 2, false)),
    ("xml", xml),
    ("tsvector", tsvector),
    ("tsquery", tsquery),
    ("jsonpath", |dice| {
        let number = dice.below(1000);
        let path = dice.pick(&[
            "$.a[*]",
            "strict $.\"x y\"[NUMBER]",
            "$.* ? (@ > NUMBER || @ == \"ü\\\"\")",
            "$[NUMBER to last].size()",
        ]);
        path.replace("NUMBER", &number.to_string())
    }),
    ("mood", |dice| dice.pick(&["sad", "fine", "a \"quoted\" \\ one", "with, comma", ""]).to_owned()),
];

/// What is known to break quoting, encodings and lines.
const AWKWARD: &[&str] = &[
    "\"",
    "'",
    "\\",
    "\\\\",
    "\"\"",
    "''",
    ",",
    ";",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "=",
    ":",
    "$",
    "$$",
    "%",
    "&",
    "<",
    ">",
    "/*",
    "--",
    "\n",
    "\r",
    "\t",
    "\u{1}",
    "\u{8}",
    "\u{b}",
    "\u{c}",
    "\u{1b}",
    "\u{1f}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{ad}",
    "é",
    "e\u{301}",
    "ß",
    "İ",
    "Ω",
    "日本",
    "\u{200b}",
    "\u{200e}",
    "\u{202e}",
    "\u{2028}",
    "\u{2029}",
    "\u{feff}",
    "\u{fffd}",
    "\u{ffff}",
    "😀",
    "👩\u{200d}👧",
    "𝒳",
    "\u{10ffff}",
    "NULL",
    "null",
    " ",
    "  ",
    "\\n",
    "\\u0000",
    "\\x",
    "\\.",
    "a",
    "Z",
    "0",
];

pub(in crate::types) fn text(dice: &mut Dice) -> String {
    let longest = if dice.once_in(40) { 3000 } else { 12 };
    let mut text = String::new();
    for _ in 0..dice.below(longest) {
        if dice.once_in(3) {
            text.push_str(dice.pick(AWKWARD));
        } else {
            text.push(any_char(dice));
        }
    }
    text
}

/// Any character that Postgres takes: all but the zero.
fn any_char(dice: &mut Dice) -> char {
    let last = [0x7f, 0x7f, 0x7ff, 0xffff, 0x10_ffff][dice.below(5)];
    u32::try_from(dice.between(1, last)).ok().and_then(char::from_u32).unwrap_or('\u{d7ff}')
}

pub(super) fn word(dice: &mut Dice) -> String {
    (0..=dice.below(8)).map(|_| dice.pick(&["a", "b", "c", "é", "7", "x", "Y"])).collect()
}

fn bytea(dice: &mut Dice) -> String {
    let mut text = String::from("\\x");
    for _ in 0..dice.below(60) {
        let _ = write!(text, "{:02x}", dice.below(256));
    }
    text
}

/// A JSON string of any text; jsonb takes no `\u0000`.
fn json_string(dice: &mut Dice) -> String {
    let mut quoted = serde_json::to_string(&text(dice)).unwrap_or_default();
    if dice.once_in(6) {
        quoted.insert_str(1, dice.pick(&["\\u00fc", "\\ud83d\\ude00", "\\/", "\\b\\f", "\\u0001"]));
    }
    quoted
}

fn json(dice: &mut Dice, depth: usize, spaces: bool) -> String {
    let gap = if spaces { dice.pick(&["", "", " ", "\n", "\t ", "  "]) } else { "" };
    let inner = depth.saturating_sub(1);
    let value = match dice.below(if depth == 0 { 6 } else { 9 }) {
        0 => dice.pick(&["null", "true", "false"]).to_owned(),
        1 => dice.between(-1_000_000, 1_000_000).to_string(),
        2 => format!("{}.{}", dice.between(-99_999_999_999_999, 99_999_999_999_999), dice.below(100_000)),
        3 => format!("{}e{}", dice.between(-99, 99), dice.between(-30, 30)),
        4 | 5 => json_string(dice),
        6 => {
            let items: Vec<String> = (0..dice.below(4)).map(|_| json(dice, inner, spaces)).collect();
            format!("[{gap}{}{gap}]", items.join(&format!("{gap},{gap}")))
        }
        _ => {
            let mut member = || format!("{}{gap}:{gap}{}", json_string(dice), json(dice, inner, spaces));
            let members: Vec<String> = [(); 3].iter().map(|()| member()).collect();
            let count = dice.below(4);
            format!("{{{gap}{}{gap}}}", members[..count].join(&format!("{gap},")))
        }
    };
    format!("{gap}{value}{gap}")
}

fn xml(dice: &mut Dice) -> String {
    let allowed = |c: &char| !c.is_control() && !matches!(c, '<' | '>' | '&' | '"' | '\u{fffe}' | '\u{ffff}');
    let inner: String = text(dice).chars().filter(allowed).take(200).collect();
    let name = dice.pick(&["a", "b-c", "é", "x.y"]);
    dice.pick(&[
        &format!("<{name}>{inner}</{name}>"),
        &format!("<{name} q=\"{inner}\"/>"),
        &format!("x{inner}&lt;<{name}/>"),
        &format!("<{name}><![CDATA[<&]]></{name}><!-- c -->"),
    ])
    .to_owned()
}

/// A lexeme in quotes.
fn lexeme(dice: &mut Dice) -> String {
    let text: String = text(dice).chars().take(30).collect();
    format!("'x{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn tsvector(dice: &mut Dice) -> String {
    let mut lexemes = Vec::new();
    for _ in 0..dice.below(6) {
        let positions: Vec<String> = (0..dice.below(4))
            .map(|_| format!("{}{}", dice.between(1, 16_383), dice.pick(&["", "A", "B", "C", "D"])))
            .collect();
        let colon = if positions.is_empty() { "" } else { ":" };
        lexemes.push(format!("{}{colon}{}", lexeme(dice), positions.join(",")));
    }
    lexemes.join(" ")
}

fn tsquery(dice: &mut Dice) -> String {
    let mut query = lexeme(dice);
    for _ in 0..dice.below(5) {
        let operator = dice.pick(&["&", "|", "<->", "<7>", "& !", "| !!"]);
        let weight = dice.pick(&["", ":*", ":A", ":*BD"]);
        let next = lexeme(dice);
        query = if dice.once_in(3) {
            format!("({query}) {operator} {next}{weight}")
        } else {
            format!("{query} {operator} {next}{weight}")
        };
    }
    query
}
