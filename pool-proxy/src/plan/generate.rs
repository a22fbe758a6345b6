//! Values that a plan has made: the time, identifiers, pairs.

mod cuid;

use rand::{Rng, RngExt};

use super::moment;
use super::value::{Number, Value};
use crate::error::PlanError;

/// The value of a call of that name. `now` is the request's time, in milliseconds since 1970-01-01T00:00:00Z: a plan has
/// one time, however long it runs.
///
/// # Errors
/// For a name or an argument that is not known, as a fault of the plan.
pub fn call(name: &str, args: &[Value], now: i64) -> Result<Value, PlanError> {
    let text = match name {
        "now" => {
            let mut out = Vec::new();
            moment::write(&mut out, now);
            String::from_utf8(out).unwrap_or_default()
        }
        "uuid" => match integer(args) {
            Some(4) => uuid::Uuid::new_v4().to_string(),
            Some(7) => uuid::Uuid::now_v7().to_string(),
            _ => return Err(fault("Invalid UUID generator arguments".to_owned())),
        },
        "cuid" => match integer(args) {
            Some(1) => cuid::one(now_millis()),
            Some(2) => cuid::two(),
            _ => return Err(fault("Invalid CUID generator arguments".to_owned())),
        },
        "ulid" => ulid(now_millis()),
        "nanoid" if args.is_empty() => nanoid(21),
        "nanoid" => match integer(args).map(usize::try_from) {
            Some(Ok(length @ 0..=MOST_CHARACTERS)) => nanoid(length),
            Some(_) => return Err(fault("Wrong ID size".to_owned())),
            None => return Err(fault("Invalid Nanoid generator arguments".to_owned())),
        },
        "product" => match args {
            [left, right] => return Ok(product(left, right)),
            _ => return Err(fault("Invalid Product generator arguments".to_owned())),
        },
        _ => return Err(fault(format!("Encountered an unknown generator '{name}'"))),
    };
    Ok(Value::Text(text.into()))
}

/// The longest identifier that is made.
const MOST_CHARACTERS: usize = 65_536;

/// The clock, in milliseconds since 1970-01-01T00:00:00Z.
fn now_millis() -> u64 {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

fn fault(message: String) -> PlanError {
    PlanError { code: None, message, meta: None, sqlstate: None }
}

/// The first argument, if it is an integer.
fn integer(args: &[Value]) -> Option<i64> {
    match args.first() {
        Some(Value::Number(Number::Int(integer))) => Some(*integer),
        _ => None,
    }
}

/// <https://github.com/ulid/spec>: 48 bits of time and 80 of chance, in Crockford's base 32.
fn ulid(millis: u64) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let chance: u128 = rand::rng().random();
    let whole = u128::from(millis) << 80 | chance >> 48;
    (0..26).rev().map(|place| char::from(DIGITS[(whole >> (5 * place) & 31) as usize])).collect()
}

/// <https://github.com/ai/nanoid>: characters that a URL takes as they are, by chance.
fn nanoid(length: usize) -> String {
    const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz-";
    let mut chance = vec![0; length];
    rand::rng().fill_bytes(&mut chance);
    chance.into_iter().map(|byte| char::from(DIGITS[usize::from(byte & 63)])).collect()
}

/// The elements of a list; what is no list is the only one of its own.
fn items(value: &Value) -> &[Value] {
    match value {
        Value::List(items) => items,
        value => std::slice::from_ref(value),
    }
}

/// Each of the one with each of the other.
fn product(left: &Value, right: &Value) -> Value {
    let pairs = items(left)
        .iter()
        .flat_map(|left| items(right).iter().map(move |right| Value::List(vec![left.clone(), right.clone()])));
    Value::List(pairs.collect())
}

#[cfg(test)]
mod tests;
