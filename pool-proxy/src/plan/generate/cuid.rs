//! Identifiers that begin with a letter and are hard to collide.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rand::RngExt;

/// Digits of base 36.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// How many numbers a block of four digits has.
const BLOCK: u32 = 36_u32.pow(4);

/// The first version (<https://github.com/paralleldrive/cuid>): `c`, the time in milliseconds, a counter, what stands for
/// this process, and chance.
pub(super) fn one(millis: u64) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    static PROCESS: LazyLock<u32> = LazyLock::new(|| rand::rng().random_range(0..BLOCK));
    // It wraps together with the block.
    let count = COUNTER.fetch_add(1, Ordering::Relaxed) % BLOCK;
    let mut out = String::with_capacity(25);
    out.push('c');
    push(&mut out, millis, 8);
    push(&mut out, count.into(), 4);
    push(&mut out, (*PROCESS).into(), 4);
    for _ in 0..2 {
        push(&mut out, rand::rng().random_range(0..BLOCK).into(), 4);
    }
    out
}

/// The second (<https://github.com/paralleldrive/cuid2>): 24 characters, of which nothing can be told.
pub(super) fn two() -> String {
    let mut chance = rand::rng();
    let mut out = String::with_capacity(24);
    out.push(char::from(DIGITS[chance.random_range(10..36)]));
    out.extend((1..24).map(|_| char::from(DIGITS[chance.random_range(0..36)])));
    out
}

/// The last so many digits of a number.
fn push(out: &mut String, number: u64, digits: u32) {
    out.extend((0..digits).rev().map(|place| char::from(DIGITS[(number / 36_u64.pow(place) % 36) as usize])));
}
