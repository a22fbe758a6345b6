//! Names, passwords and keys that nobody can guess and no two runs share.

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
