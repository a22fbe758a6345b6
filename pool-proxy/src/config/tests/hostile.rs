//! Files and variables that nobody meant.

use std::collections::BTreeMap;

use harness::{Dice, cases};

use super::{ENOUGH, Scratch};
use crate::config::sources::{DATABASE_URL, KNOWN};
use crate::config::{Config, Flags, Sources};

const EXAMPLE: &str = include_str!("../../../../deploy/pool-proxy.example.toml");

const PIECES: &[&str] = &[
    "[",
    "]",
    "[[keys]]",
    "[databases.x]",
    "=",
    "\"",
    "\n",
    "\"\"\"",
    "0",
    "-1",
    "1e400",
    "99999999999999999999",
    "true",
    "{",
    "}",
    ",",
    "#",
    "\"10s\"",
    "\"1GiB\"",
    "é",
    "\u{0}",
    "listen",
    "name",
    "sha256:",
    "postgres://u:other@h/d",
    ":0",
    "[::]:1",
];

/// Loads it; what is said about it if it is refused.
fn refused(file: Option<&str>, environment: BTreeMap<String, String>) -> Option<String> {
    let scratch = file.map(Scratch::new);
    // What a typing error makes of a URL may have the word where a host or a database is named.
    let is_usual = environment.get(DATABASE_URL).is_some_and(|url| url == ENOUGH[0].1);
    let sources = Sources { flags: Flags::default(), environment, file: scratch.as_ref().map(|file| file.0.clone()) };
    match Config::load(&sources) {
        Ok((config, effective)) => {
            let shown = format!("{config:?} {effective:?}");
            assert!(!is_usual || !shown.contains("geheim"), "a secret is shown: {shown}");
            None
        }
        Err(faults) => Some(faults.to_string()),
    }
}

fn enough() -> BTreeMap<String, String> {
    ENOUGH.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[test]
fn whatever_a_file_holds_is_taken_or_refused_with_what_is_wrong() {
    let mut dice = Dice::new();
    let mut taken = 0;
    for number in 0..cases(1000) {
        let mut text = EXAMPLE.replace("\n# ", "\n").into_bytes();
        match number % 4 {
            0 => text = dice.bytes(200),
            1 => text = dice.pieces(PIECES, 30).into_bytes(),
            2 => text = EXAMPLE.as_bytes().to_vec(),
            _ => {}
        }
        if number % 4 > 1 {
            dice.spoil(&mut text, PIECES);
        }
        match refused(Some(&String::from_utf8_lossy(&text)), enough()) {
            None => taken += 1,
            Some(said) => assert!(!said.is_empty()),
        }
    }
    assert!(taken > cases(1000) / 200, "{taken}");
}

#[test]
fn whatever_variables_hold_is_taken_or_refused_without_showing_it() {
    let mut dice = Dice::new();
    let mut taken = 0;
    for _ in 0..cases(5000) {
        let mut environment = enough();
        for _ in 0..=dice.below(3) {
            let (mut name, mut value) = (dice.pick(&KNOWN), dice.pieces(PIECES, 4));
            if dice.once_in(3) {
                let mut url = ENOUGH[0].1.as_bytes().to_vec();
                dice.spoil(&mut url, PIECES);
                value = String::from_utf8_lossy(&url).into_owned();
                // Under another name it is hidden as long as it looks like one, and is not asked for as a file.
                if !value.starts_with("postgres://") || ["CERT", "TLS"].iter().any(|file| name.contains(file)) {
                    name = DATABASE_URL;
                }
            }
            environment.insert(name.to_owned(), value);
        }
        match refused(None, environment) {
            None => taken += 1,
            Some(said) => assert!(!said.is_empty() && !said.contains("geheim"), "{said}"),
        }
    }
    assert!(taken > cases(5000) / 200, "{taken}");
}
