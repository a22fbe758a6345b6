use harness::{Dice, cases};

use super::*;

/// Columns: whether part of the key.
fn relation(oid: u32, identity: u8, columns: &[bool]) -> Vec<u8> {
    let mut message = vec![b'R'];
    message.extend(oid.to_be_bytes());
    message.extend(b"public\0t\0");
    message.push(identity);
    message.extend(u16::try_from(columns.len()).unwrap().to_be_bytes());
    for key in columns {
        message.push(u8::from(*key));
        message.extend(b"c\0");
        message.extend(25_u32.to_be_bytes());
        message.extend(u32::MAX.to_be_bytes());
    }
    message
}

/// `None` for NULL, "u" for a value that was not sent.
fn tuple(kind: u8, values: &[Option<&str>]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        match value {
            None => bytes.push(b'n'),
            Some("u") => bytes.push(b'u'),
            Some(text) => {
                bytes.push(b't');
                bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
                bytes.extend(text.as_bytes());
            }
        }
    }
    bytes
}

fn change(kind: u8, oid: u32, tuples: &[Vec<u8>]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend(oid.to_be_bytes());
    for tuple in tuples {
        message.extend(tuple);
    }
    message
}

fn decoder() -> Decoder {
    let mut decoder = Decoder::default();
    assert_eq!(decoder.decode(&relation(7, b'd', &[true, false, true])), Ok(None));
    assert_eq!(decoder.decode(&relation(8, b'f', &[true, true])), Ok(None));
    decoder
}

fn known(values: &[&str]) -> Row {
    Row::Known(values.iter().map(|value| (*value).to_owned()).collect())
}

fn rows(rows: Vec<Row>) -> Change {
    Change::Rows { relation: 7, rows }
}

#[test]
fn rows_are_known_by_their_identity() {
    let mut decoder = decoder();
    let new = tuple(b'N', &[Some("1"), None, Some("b")]);
    assert_eq!(decoder.decode(&change(b'I', 7, std::slice::from_ref(&new))), Ok(Some(rows(vec![known(&["1", "b"])]))));
    assert_eq!(decoder.decode(&change(b'U', 7, std::slice::from_ref(&new))), Ok(Some(rows(vec![known(&["1", "b"])]))));
    let old = tuple(b'K', &[Some("2"), None, Some("b")]);
    let both = vec![known(&["2", "b"]), known(&["1", "b"])];
    assert_eq!(decoder.decode(&change(b'U', 7, &[old.clone(), new])), Ok(Some(rows(both))));
    assert_eq!(decoder.decode(&change(b'D', 7, &[old])), Ok(Some(rows(vec![known(&["2", "b"])]))));
}

#[test]
fn what_is_not_sent_is_not_known() {
    let mut decoder = decoder();
    for values in [[Some("u"), None, Some("b")], [None, None, Some("b")]] {
        assert_eq!(decoder.decode(&change(b'I', 7, &[tuple(b'N', &values)])), Ok(Some(rows(vec![Row::Unknown]))));
    }
    let whole = tuple(b'O', &[Some("1"), Some("2")]);
    assert_eq!(
        decoder.decode(&change(b'D', 8, &[whole])),
        Ok(Some(Change::Rows { relation: 8, rows: vec![Row::Unknown] }))
    );
}

#[test]
fn relations_may_change() {
    let mut decoder = decoder();
    decoder.decode(&relation(7, b'd', &[false, true])).unwrap();
    let new = tuple(b'N', &[Some("1"), Some("2")]);
    assert_eq!(decoder.decode(&change(b'I', 7, &[new])), Ok(Some(rows(vec![known(&["2"])]))));
}

#[test]
fn truncates_name_all_relations() {
    let mut message = vec![b'T', 0, 0, 0, 2, 1];
    message.extend(7_u32.to_be_bytes());
    message.extend(8_u32.to_be_bytes());
    assert_eq!(decoder().decode(&message), Ok(Some(Change::Truncate(vec![7, 8]))));
}

#[test]
fn what_is_cut_short_is_told() {
    let new =
        change(b'U', 7, &[tuple(b'K', &[Some("2"), None, Some("b")]), tuple(b'N', &[Some("1"), None, Some("b")])]);
    for length in 0..new.len() {
        assert_eq!(decoder().decode(&new[..length]), Err(Malformed), "{length}");
    }
    let described = relation(7, b'd', &[true]);
    for length in 0..described.len() {
        assert_eq!(decoder().decode(&described[..length]), Err(Malformed), "{length}");
    }
    assert_eq!(decoder().decode(&change(b'I', 9, &[tuple(b'N', &[])])), Err(Malformed), "a relation nobody told of");
    assert_eq!(decoder().decode(b"?"), Err(Malformed));
    assert_eq!(decoder().decode(b"Yanything"), Ok(None));
}

#[test]
fn whatever_comes_is_a_change_or_none() {
    const PIECES: &[&str] =
        &["R", "I", "U", "D", "T", "N", "K", "O", "\0", "\0\0\0\u{7}", "t", "u", "n", "\u{7f}\u{7f}\u{7f}\u{7f}"];
    let new = tuple(b'N', &[Some("1"), None, Some("b")]);
    let valid = [
        relation(7, b'd', &[true, false, true]),
        change(b'I', 7, std::slice::from_ref(&new)),
        change(b'U', 7, &[tuple(b'K', &[Some("2"), None, Some("b")]), new.clone()]),
        change(b'D', 7, &[tuple(b'O', &[Some("1"), Some("u"), None])]),
        vec![b'T', 0, 0, 0, 2, 1, 0, 0, 0, 7, 0, 0, 0, 8],
    ];
    let mut dice = Dice::new();
    let (mut decoder, mut read) = (decoder(), 0);
    for number in 0..cases(50_000) {
        let mut message = valid[dice.below(valid.len())].clone();
        if number % 8 == 0 {
            message = dice.bytes(60);
        } else {
            dice.spoil(&mut message, PIECES);
        }
        read += usize::from(decoder.decode(&message).is_ok());
        if number % 100 == 0 {
            decoder = self::decoder();
        }
    }
    assert!((cases(50_000) / 50..cases(50_000)).contains(&read), "{read}");
}

#[test]
fn what_is_told_is_what_is_read() {
    let mut dice = Dice::new();
    for _ in 0..cases(5000) {
        let keys: Vec<bool> = (0..=dice.below(6)).map(|_| dice.once_in(2)).collect();
        let texts: Vec<String> = keys.iter().map(|_| format!("{}.", dice.text(9))).collect();
        let mut decoder = Decoder::default();
        assert_eq!(decoder.decode(&relation(7, b'd', &keys)), Ok(None));
        let values: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
        let row = decoder.decode(&change(b'I', 7, &[tuple(b'N', &values)]));
        let kept: Vec<&str> = texts.iter().zip(&keys).filter(|(_, key)| **key).map(|(text, _)| text.as_str()).collect();
        let expected = if kept.is_empty() { Row::Unknown } else { known(&kept) };
        assert_eq!(row, Ok(Some(rows(vec![expected]))), "{texts:?}");
    }
}
