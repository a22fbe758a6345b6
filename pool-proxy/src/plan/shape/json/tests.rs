use std::borrow::Cow;

use super::{checked, items, members};

#[test]
fn walks_arrays() {
    for (json, expected) in [
        ("[]", &[][..]),
        ("[ ]", &[]),
        ("[1]", &["1"]),
        ("[ 1 , null,\"a,]\\\"\" ,[2,[3]], {\"a\":[4]} ]", &["1", "null", "\"a,]\\\"\"", "[2,[3]]", "{\"a\":[4]}"]),
        ("[\"é\\\\\",\"\"]", &["\"é\\\\\"", "\"\""]),
    ] {
        assert_eq!(items(json).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn walks_objects() {
    for (json, expected) in [
        ("{}", &[][..]),
        ("{ \"a\" : 1 , \"b:{\":{\"c\":2}, \"d\":\"}\" }", &[("a", "1"), ("b:{", "{\"c\":2}"), ("d", "\"}\"")]),
    ] {
        let expected: Vec<_> = expected.iter().map(|(name, value)| (Cow::Borrowed(*name), *value)).collect();
        assert_eq!(members(json).collect::<Vec<_>>(), expected);
    }
}

/// What is not valid is not walked; if it were, that would end all the same.
#[test]
fn checks_json() {
    for json in ["", "x", "1 2", "[1", "{\"a\":1,}", "\"\n\"", "[1,2]]", "'a'", "\"\\x\""] {
        assert!(checked(json).is_none(), "{json}");
        assert!(items(json).count() < 10);
        assert!(members(json).count() < 10);
    }
    assert_eq!(checked(" [1] "), Some("[1]"));
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(checked(&deep), Some(&*deep));
    assert_eq!(items(&deep).count(), 1);
}
