//! Random values of all types, the same ones for a seed (`POOL_PROXY_TEST_SEED`).

mod numbers;
mod scalars;
mod structures;
mod texts;
mod times;

use harness::Dice;

use super::compare::{Pair, Value, seeded};
pub(super) use texts::text;

/// Writes a text that a type's input takes.
pub(super) type Generator = fn(&mut Dice) -> String;

/// How many values are compared at least.
const VALUES: usize = 20_000;

/// Every type, then an array of each.
fn kinds() -> Vec<(&'static str, Generator)> {
    let tables = [numbers::KINDS, texts::KINDS, times::KINDS, scalars::KINDS, structures::KINDS];
    tables.iter().flat_map(|table| table.iter().copied()).collect()
}

/// One value of each kind, and an array of values of it.
fn row(dice: &mut Dice, kinds: &[(&str, Generator)]) -> Vec<Value> {
    let mut values = Vec::new();
    for (kind, generator) in kinds {
        let text = (!dice.once_in(20)).then(|| generator(dice));
        values.push(Value { kind: (*kind).to_owned(), text });
        let text = (!dice.once_in(20)).then(|| structures::array(dice, kind, *generator));
        values.push(Value { kind: format!("{kind}[]"), text });
    }
    values
}

/// Compares values of these kinds until there were so many.
pub(super) async fn check(pair: &Pair, kinds: &[(&str, Generator)], wanted: usize) {
    let mut dice = Dice::new();
    let why = seeded(&dice);
    let mut known = Vec::new();
    for kind in kinds {
        // Such as xml, which a Postgres may be built without.
        match pair.directly(&[], &format!("SELECT '{}'::{}", (kind.1)(&mut dice).replace('\'', "''"), kind.0)).await {
            Err(code) if code == "0A000" => eprintln!("NOT TESTED: this Postgres cannot read {}", kind.0),
            _ => known.push(*kind),
        }
    }
    assert!(known.len() + 1 >= kinds.len(), "this Postgres lacks more than one type");
    let (mut accepted, mut made) = (0, 0);
    while accepted < wanted {
        let values = row(&mut dice, &known);
        made += values.len();
        accepted += pair.check(&[], &values, &why).await;
        // What Postgres refuses is compared, too, but costs time.
        assert!(made < 1000 || accepted * 100 > made * 98, "only {accepted} of {made} are values; {why}");
    }
}

#[tokio::test]
async fn twenty_thousand_random_values_are_what_postgres_prints() {
    check(&Pair::start().await, &kinds(), VALUES).await;
}

#[tokio::test]
async fn random_values_follow_the_settings_of_their_batch() {
    let pair = Pair::start().await;
    let mut dice = Dice::new();
    let why = seeded(&dice);
    let zones = ["Asia/Kolkata", "America/Caracas", "UTC", "-12", "Australia/Lord_Howe", "Africa/Monrovia"];
    let dates = ["ISO, MDY", "ISO, YMD", "SQL, MDY", "SQL, DMY", "German", "Postgres, MDY", "Postgres, DMY"];
    let intervals = ["postgres", "postgres_verbose", "sql_standard", "iso_8601"];
    for _ in 0..12 {
        let settings = [
            format!("SET LOCAL TimeZone = '{}'", dice.pick(&zones)),
            format!("SET LOCAL DateStyle = '{}'", dice.pick(&dates)),
            format!("SET LOCAL IntervalStyle = '{}'", dice.pick(&intervals)),
            format!("SET LOCAL bytea_output = '{}'", dice.pick(&["hex", "escape"])),
            format!("SET LOCAL extra_float_digits = {}", dice.between(-15, 3)),
        ];
        let before: Vec<&str> = settings.iter().map(String::as_str).collect();
        let values = row(&mut dice, &kinds());
        let accepted = pair.check(&before, &values, &why).await;
        assert!(accepted * 10 > values.len() * 9, "{accepted} of {}; {why}", values.len());
    }
}
