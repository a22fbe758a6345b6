//! The sample data of `cargo xtask dev`.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier};

use super::{migrated, value};

const SAMPLE: &str = include_str!("../../../deploy/xtask/sample.sql");
const PASSWORD: &str = "correct horse battery staple";

#[tokio::test]
async fn the_sample_fits_the_tables_and_its_password_is_the_one_it_tells() {
    let database = migrated().await;
    database.batch(SAMPLE).await;
    let counts = "SELECT concat_ws(' ', (SELECT count(*) FROM users), count(*), count(*) FILTER (WHERE published)) \
        FROM posts";
    assert_eq!(value(&database, counts).await, "6 14 13");
    let first = "SELECT title FROM posts WHERE id = '00000000-0000-4000-9000-000000000001'";
    assert_eq!(value(&database, first).await, "What a connection costs");

    assert!(SAMPLE.contains(&format!("`{PASSWORD}`")));
    let rows = database.client().await.query("SELECT password_hash FROM users", &[]).await.unwrap();
    let mut hashes: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for hash in &hashes {
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let hash = PasswordHash::new(hash).unwrap();
        Argon2::default().verify_password(PASSWORD.as_bytes(), &hash).unwrap();
    }
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 6, "salts repeat");
}
