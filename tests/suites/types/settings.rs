//! Values under settings that the same request has changed.

use super::cases::LITERALS;
use super::compare::{Pair, Value};

/// Statements that come first in the batch.
const SETTINGS: &[&[&str]] = &[
    &["SET LOCAL TimeZone = 'Asia/Kathmandu'"],
    &["SET LOCAL TimeZone = 'America/St_Johns'", "SET LOCAL DateStyle = 'SQL, DMY'"],
    &["SET LOCAL DateStyle = 'German'"],
    &["SET LOCAL DateStyle = 'Postgres, YMD'", "SET LOCAL TimeZone = '-03:30'"],
    &["SELECT set_config('DateStyle', 'ISO, MDY', true), set_config('TimeZone', 'Europe/Berlin', true)"],
    &["SET LOCAL IntervalStyle = 'iso_8601'"],
    &["SET LOCAL IntervalStyle = 'sql_standard'"],
    &["SET LOCAL IntervalStyle = 'postgres_verbose'"],
    &["SET LOCAL bytea_output = 'escape'"],
    &["SET LOCAL extra_float_digits = 0"],
    &["SET LOCAL extra_float_digits = -15", "SET LOCAL xmloption = 'document'"],
    &["SET LOCAL extra_float_digits = 3", "SET LOCAL quote_all_identifiers = on", "SET LOCAL search_path = ''"],
    &["SET LOCAL array_nulls = off", "SET LOCAL xmlbinary = 'hex'"],
];

/// Locales that write money in another way, of which a machine may have some.
const LOCALES: &[&str] = &["de_DE.utf8", "en_US.utf8", "en_GB.utf8", "ja_JP.utf8", "fr_FR.utf8", "C.utf8", "C"];

/// All cases that a Postgres accepts in the session's own settings.
fn values() -> Vec<Value> {
    let texts = LITERALS.iter().flat_map(|(kind, texts)| texts.iter().map(|text| Value::new(kind, text)));
    // Another search path does not know the tests' own.
    let own = ["mood", "pair", "nest", "small", "papers", "several", "nick", "float"];
    texts.filter(|value| !own.iter().any(|own| value.kind.starts_with(own))).collect()
}

#[tokio::test]
async fn a_batch_prints_in_the_settings_it_has_made() {
    let pair = Pair::start().await;
    let mut accepted = Vec::new();
    for value in values() {
        let select = format!("SELECT $x${}$x$::{}", value.text.as_deref().unwrap_or_default(), value.kind);
        if pair.directly(&[], &select).await.is_ok() {
            accepted.push(value);
        }
    }
    for settings in SETTINGS {
        for _ in 0..2 {
            let count = pair.check(settings, &accepted, "settings").await;
            assert!(count > accepted.len() / 2, "{settings:?}: {count} of {}", accepted.len());
        }
    }
    // And nothing of it stays.
    assert_eq!(pair.check(&[], &accepted, "after all settings").await, accepted.len());
}

#[tokio::test]
async fn money_follows_the_locale_of_the_batch() {
    let pair = Pair::start().await;
    let values: Vec<Value> = ["1234567.89", "-0.05", "0"].iter().map(|text| Value::new("money", text)).collect();
    let mut known = 0;
    for locale in LOCALES {
        let setting = format!("SET LOCAL lc_monetary = '{locale}'");
        if pair.directly(&[&setting], "SELECT 1").await.is_ok() {
            known += pair.check(&[&setting], &values, locale).await;
        }
    }
    assert!(known > 0, "no locale is known");
}
