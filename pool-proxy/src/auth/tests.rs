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
