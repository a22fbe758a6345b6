use std::sync::Arc;
use std::time::{Duration, SystemTime};

use harness::{Dice, cases};

use super::{ApiKey, Auth, KeyEntry, KeyHash, Principal};
use crate::drain::Drain;
use crate::error::Failure;

fn entry(name: &str, secret: &str, expires: Option<SystemTime>) -> KeyEntry {
    let principal = Principal { name: name.into(), ..Principal::default() };
    KeyEntry { hash: KeyHash::of(secret), principal: Arc::new(principal), expires }
}

#[tokio::test]
async fn knows_its_keys() {
    let past = SystemTime::now() - Duration::from_secs(1);
    let auth = Auth::new(
        vec![entry("one", "first secret", None), entry("two", "second secret", None)],
        vec![],
        Drain::default(),
    );
    assert_eq!(&*auth.authenticate(Some("first secret")).await.unwrap().name, "one");
    assert_eq!(&*auth.authenticate(Some("second secret")).await.unwrap().name, "two");
    for wrong in [None, Some(""), Some("first secret "), Some("First secret")] {
        assert!(matches!(auth.authenticate(wrong).await, Err(Failure::Unauthorized { .. })), "{wrong:?}");
    }
    auth.replace(vec![entry("two", "second secret", Some(past))], vec![]);
    assert!(auth.authenticate(Some("first secret")).await.is_err());
    assert!(auth.authenticate(Some("second secret")).await.is_err());
}

#[tokio::test]
async fn an_empty_list_lets_nobody_in() {
    assert!(Auth::new(vec![], vec![], Drain::default()).authenticate(Some("")).await.is_err());
}

#[test]
fn hashes_read_as_written() {
    let key = ApiKey::generate();
    let hash = KeyHash::of(key.secret());
    assert_eq!(hash.to_string().parse::<KeyHash>(), Ok(hash));
    assert!(!format!("{key:?}").contains(key.secret()));
    assert_ne!(ApiKey::generate().secret(), key.secret());
    for wrong in ["", "sha256:", "sha256:zz", "md5:00", &"sha256:é".repeat(16)] {
        assert!(wrong.parse::<KeyHash>().is_err(), "{wrong}");
    }
}

#[test]
fn only_a_hash_is_read_as_one() {
    let mut dice = Dice::new();
    for number in 0..cases(5000) {
        let hash = KeyHash::of(&dice.text(20));
        let mut text = hash.to_string().into_bytes();
        match number % 3 {
            0 => text = dice.bytes(80),
            _ => dice.spoil(&mut text, &["sha256:", "0", "g", "+", "é", " "]),
        }
        let text = String::from_utf8_lossy(&text);
        if let Ok(read) = text.parse::<KeyHash>() {
            assert_eq!(read.to_string(), text.to_lowercase(), "{text}");
        }
    }
}

/// For threats.md: what a wrong key takes, by how much of it is right. No assertion could hold on every machine.
#[tokio::test]
#[ignore = "a measurement: cargo test --release -p pool-proxy --lib -- --ignored --nocapture wrong_key"]
async fn how_long_a_wrong_key_takes() {
    const ROUNDS: usize = 2001;
    const CALLS: u32 = 200;
    let right = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let mut keys: Vec<KeyEntry> = (0..99).map(|n| entry("other", &format!("another secret {n}"), None)).collect();
    keys.insert(50, entry("one", right, None));
    let auth = Auth::new(keys, vec![], Drain::default());
    let wrong: Vec<(usize, String)> = [0, 1, 16, 32, 63]
        .into_iter()
        .map(|same| (same, format!("{}{}", &right[..same], "x".repeat(64 - same))))
        .collect();
    let mut times = vec![vec![]; wrong.len()];
    for _ in 0..ROUNDS {
        for ((_, secret), times) in wrong.iter().zip(&mut times) {
            let begun = std::time::Instant::now();
            for _ in 0..CALLS {
                assert!(auth.authenticate(Some(secret)).await.is_err());
            }
            times.push(begun.elapsed() / CALLS);
        }
    }
    for ((same, _), times) in wrong.iter().zip(&mut times) {
        times.sort_unstable();
        println!(
            "{same} of 64 characters right: median {:?}, a tenth under {:?}",
            times[ROUNDS / 2],
            times[ROUNDS / 10]
        );
    }
}
