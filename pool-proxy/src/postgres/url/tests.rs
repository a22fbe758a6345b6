use harness::{Dice, cases};

use super::{ConnectionUrl, UrlError};

fn parse(text: &str) -> ConnectionUrl {
    text.parse().unwrap()
}

#[test]
fn takes_every_part() {
    let url = parse("postgresql://al%20ice:p%40ss:w@db.example:6543,[::1]/app%2Fone?sslmode=require&x=1&x=2");
    assert_eq!(url.user.as_deref(), Some("al ice"));
    assert_eq!(url.password.as_deref(), Some("p@ss:w"));
    assert_eq!(url.hosts, [("db.example".to_owned(), Some(6543)), ("::1".to_owned(), None)]);
    assert_eq!(url.database.as_deref(), Some("app/one"));
    assert_eq!(url.option("sslmode"), Some("require"));
    assert_eq!(url.option("x"), Some("2"));
}

#[test]
fn takes_what_people_write() {
    assert_eq!(parse("postgres://u:a@b@h/d").password.as_deref(), Some("a@b"));
    assert_eq!(parse("postgres://h/d").hosts, [("h".to_owned(), None)]);
    assert_eq!(parse("postgres:///d?host=/run/pg").option("host"), Some("/run/pg"));
    assert_eq!(parse("postgres://u@h").database, None);
}

#[test]
fn names_the_fault_and_not_the_secret() {
    assert_eq!("mysql://u:secret@h/d".parse::<ConnectionUrl>(), Err(UrlError::Scheme));
    assert_eq!("postgres://u:secret@h:99999/d".parse::<ConnectionUrl>(), Err(UrlError::Port));
    assert_eq!("postgres://u:%ff@h/d".parse::<ConnectionUrl>(), Err(UrlError::Encoding("password")));
    assert!(!format!("{:?}", parse("postgres://u:secret@h/d")).contains("secret"));
}

#[test]
fn whatever_comes_is_read_or_named_without_the_secret() {
    const PIECES: &[&str] =
        &["postgres://", ":", "@", "/", "?", "&", "=", "%", "%ff", "%2F", "[", "]", ",", "::1", "0", "65536", "é", "#"];
    let mut dice = Dice::new();
    let mut read = 0;
    for number in 0..cases(20_000) {
        let mut text = b"postgres://user:geheim@[::1]:5432,db/app?sslmode=require&x=%20".to_vec();
        match number % 3 {
            0 => text = dice.pieces(PIECES, 14).into_bytes(),
            _ => dice.spoil(&mut text, PIECES),
        }
        match String::from_utf8_lossy(&text).parse::<ConnectionUrl>() {
            Ok(_) => read += 1,
            Err(error) => assert!(!error.to_string().contains("geheim"), "{error}"),
        }
    }
    assert!(read > cases(20_000) / 10, "{read}");
}
