//! How long a history is to be, and what is drawn in it.

use harness::random_hex;

/// How long a history is, and how it gets there.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) reads: u64,
    pub(super) readers: usize,
    /// The longest time between two accidents, in milliseconds.
    pub(super) quiet: usize,
    /// The only accident there is, by its number; else there are all.
    pub(super) accident: Option<usize>,
}

impl Size {
    pub(super) fn short(reads: u64) -> Self {
        Self { reads, readers: 12, quiet: 3000, accident: None }
    }

    /// With answers that come late all the time, behind the changes that they have not seen.
    pub(super) fn late(reads: u64) -> Self {
        Self { quiet: 50, accident: Some(LATE), ..Self::short(reads) }
    }

    /// As many reads as the environment says, else as many as these. In one that is to be long most of the time would go by
    /// in accidents, while readers wait: it has more readers, and more time between two accidents.
    pub(super) fn wanted(reads: u64) -> Self {
        let wanted = std::env::var("POOL_PROXY_TEST_READS").ok().and_then(|reads| reads.parse().ok());
        match wanted.unwrap_or(reads) {
            long @ LONG.. => Self { reads: long, readers: 48, quiet: 10_000, accident: None },
            short => Self::short(short),
        }
    }
}

/// The accident that delays answers, and not the stream.
pub(super) const LATE: usize = 7;

/// So many reads are a long history.
const LONG: u64 = 250_000;

/// Numbers that follow from a seed, so that a history can be made again as far as chance allows.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        // xorshift64*: <https://www.jstatsoft.org/article/view/v008i14>
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(drawn).unwrap() % limit
    }
}

pub(super) fn seed() -> u64 {
    let given = std::env::var("POOL_PROXY_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| u64::from_str_radix(&random_hex(7), 16).unwrap());
    println!("POOL_PROXY_TEST_SEED={seed}");
    seed | 1
}
