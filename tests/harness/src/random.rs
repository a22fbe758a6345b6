//! Names, passwords and keys that nobody can guess and no two runs share; and test data that a seed brings back.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;

/// `bytes` random bytes as lower-case hex, from the operating system.
pub fn random_hex(bytes: usize) -> String {
    let mut raw = vec![0; bytes];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut raw))
        .expect("/dev/urandom can be read on every system this runs on");
    raw.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A generator of test data (`SplitMix64`, <https://prng.di.unimi.it/splitmix64.c>): the same seed gives the same data.
#[derive(Clone, Debug)]
pub struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    /// With the seed in `POOL_PROXY_TEST_SEED`, else one of its own; it is printed, for whoever has to see a failure again.
    pub fn new() -> Self {
        let given = std::env::var("POOL_PROXY_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from_str_radix(&random_hex(7), 16).unwrap_or_default());
        eprintln!("POOL_PROXY_TEST_SEED={seed} gives the same values again");
        Self { seed, state: seed }
    }

    /// What these dice began with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Any 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.bits() % (end.max(1) as u64)).unwrap_or_default()
    }

    /// From `first` to `last`, both included.
    pub fn between(&mut self, first: i64, last: i64) -> i64 {
        let span = last.abs_diff(first).saturating_add(1);
        first.wrapping_add_unsigned(self.bits() % span)
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of several.
    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// Any bytes, fewer than `end`.
    pub fn bytes(&mut self, end: usize) -> Vec<u8> {
        (0..self.below(end)).map(|_| self.bits().to_be_bytes()[0]).collect()
    }

    /// Any of these pieces, one behind the other, fewer than `end`.
    pub fn pieces(&mut self, of: &[&str], end: usize) -> String {
        (0..self.below(end)).map(|_| self.pick(of)).collect()
    }

    /// Fewer than `end` characters: of one byte and of several, escaped ones and controls.
    pub fn text(&mut self, end: usize) -> String {
        const PLAIN: &[u8] = b"abcXYZ019-_.~ ,;:=/?@%&+*#'\"\\(){}[]<>$!|^`";
        let character = |dice: &mut Self| match dice.below(8) {
            0 => char::from_u32(u32::try_from(dice.below(0x20)).unwrap_or_default()).unwrap_or(' '),
            1 => char::from_u32(u32::try_from(dice.below(0x11_0000)).unwrap_or_default()).unwrap_or('\u{fffd}'),
            _ => char::from(PLAIN[dice.below(PLAIN.len())]),
        };
        (0..self.below(end)).map(|_| character(self)).collect()
    }

    /// Changes what was right in one to four places: something is cut off, turned over, doubled, left out, or one of these
    /// pieces put in.
    pub fn spoil(&mut self, bytes: &mut Vec<u8>, pieces: &[&str]) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len().max(1));
            let end = (at + self.below(bytes.len().saturating_sub(at) + 1)).min(bytes.len());
            match self.below(8) {
                0 => bytes.truncate(at),
                1 | 2 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                3 if at < bytes.len() => bytes[at] = self.bits().to_be_bytes()[0],
                4 if at < bytes.len() => drop(bytes.remove(at)),
                5 if at <= bytes.len() => drop(bytes.splice(at..at, self.pick(pieces).bytes())),
                6 if at <= end => {
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
                _ if at <= end => drop(bytes.drain(at..end)),
                _ => {}
            }
        }
    }
}

/// How many cases a test makes up: so many, or as many as `POOL_PROXY_TEST_FUZZ` says, for a longer hunt.
pub fn cases(usual: usize) -> usize {
    std::env::var("POOL_PROXY_TEST_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

impl Default for Dice {
    fn default() -> Self {
        Self::new()
    }
}
