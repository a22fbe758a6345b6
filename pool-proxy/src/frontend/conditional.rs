//! Which answers a client holds already (RFC 9110, 13.1.2).
//!
//! That section has 304 for GET and HEAD alone, since no other method was known then that only reads. Here an answer with a tag
//! is always that of a read: it came from the cache, or may be kept there.

use hyper::header::HeaderValue;

use super::heads::{Heads, Name};
use crate::cache::ETag;

static IF_NONE_MATCH: Name = Name::of("if-none-match");

/// What `If-None-Match` names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Whatever there is: `*`.
    any: bool,
    /// Those that may be ours, without marks and quotes.
    tags: Vec<[u8; ETag::LENGTH]>,
}

impl Known {
    /// Nothing where the header is absent, or is no list of tags.
    pub(super) fn from_headers(headers: Heads<'_>) -> Self {
        if !headers.has(&IF_NONE_MATCH) {
            return Self::default();
        }
        read(headers.get_all(&IF_NONE_MATCH).map(HeaderValue::as_bytes)).unwrap_or_default()
    }

    /// Whether the answer with this tag is among them. Whether a tag is weak makes no difference (8.8.3.2).
    pub(super) fn has(&self, etag: &ETag) -> bool {
        self.any || self.tags.iter().any(|tag| tag == etag.opaque())
    }
}

/// Byte by byte: a comma may also stand within a tag.
fn read<'h>(lists: impl Iterator<Item = &'h [u8]>) -> Option<Known> {
    let (mut known, mut count) = (Known::default(), 0_usize);
    for list in lists {
        let mut rest = list;
        loop {
            // Lists may have empty elements (5.6.1).
            while let [b' ' | b'\t' | b',', behind @ ..] = rest {
                rest = behind;
            }
            if rest.is_empty() {
                break;
            }
            count += 1;
            if let [b'*', behind @ ..] = rest {
                known.any = true;
                rest = behind;
            } else {
                let quoted = rest.strip_prefix(b"W/").unwrap_or(rest).strip_prefix(b"\"")?;
                let (opaque, behind) = quoted.split_at(quoted.iter().position(|byte| *byte == b'"')?);
                if !opaque.iter().all(|byte| matches!(byte, 0x21..=0x7e | 0x80..)) {
                    return None;
                }
                known.tags.extend(<[u8; ETag::LENGTH]>::try_from(opaque).ok());
                rest = behind.strip_prefix(b"\"")?;
            }
            if !matches!(rest.trim_ascii_start(), [] | [b',', ..]) {
                return None;
            }
        }
    }
    // `*` stands alone.
    (!known.any || count == 1).then_some(known)
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};
    use hyper::HeaderMap;
    use hyper::header::HeaderValue;

    use super::{ETag, Heads, IF_NONE_MATCH, Known, read};

    async fn has(lists: &[&[u8]]) -> bool {
        let mut headers = HeaderMap::new();
        for list in lists {
            headers.append(&*IF_NONE_MATCH, HeaderValue::from_bytes(list).unwrap());
        }
        Known::from_headers(Heads::of(&headers)).has(&ETag::of(b"").await)
    }

    #[tokio::test]
    async fn finds_a_tag_in_a_list() {
        for list in [
            &br#"W/"47DEQpj8HBSa-_TImW-5JA""#[..],
            br#""47DEQpj8HBSa-_TImW-5JA""#,
            br#"  "x" ,W/"47DEQpj8HBSa-_TImW-5JA""#,
            br#""", , "a,b",	"47DEQpj8HBSa-_TImW-5JA" ,"#,
            b"\"\xff\", \"47DEQpj8HBSa-_TImW-5JA\"",
            b"*",
            b" * ",
        ] {
            assert!(has(&[list]).await, "{}", String::from_utf8_lossy(list));
        }
        assert!(has(&[b"\"x\"", b"\"47DEQpj8HBSa-_TImW-5JA\""]).await);
    }

    #[tokio::test]
    async fn what_is_no_list_names_nothing() {
        for list in [
            &b""[..],
            b",",
            br#""x""#,
            br#""47DEQpj8HBSa-_TImW-5JAA""#,
            br"47DEQpj8HBSa-_TImW-5JA",
            br#"w/"47DEQpj8HBSa-_TImW-5JA""#,
            br#"W/ "47DEQpj8HBSa-_TImW-5JA""#,
            br#""47DEQpj8HBSa-_TImW-5JA" "x""#,
            br#""47DEQpj8HBSa-_TImW-5JA"x"#,
            br#""47DEQpj8HBSa-_TImW-5JA", "a b""#,
            br#""47DEQpj8HBSa-_TImW-5JA", x"#,
            br#"*, "47DEQpj8HBSa-_TImW-5JA""#,
            b"**",
            br#""*""#,
        ] {
            assert!(!has(&[list]).await, "{}", String::from_utf8_lossy(list));
        }
        assert!(!has(&[b"*", b"\"x\""]).await);
        assert!(!has(&[b"\"47DEQpj8HBSa-_TImW-5JA\"", b"\"x"]).await);
        assert!(!has(&[]).await);
    }

    /// As a list has it: nothing that ends a tag early.
    fn other(dice: &mut Dice) -> String {
        let opaque: String = dice.text(30).chars().filter(|c| *c > ' ' && !matches!(c, '"' | '\u{7f}')).collect();
        format!("{}\"{opaque}\"", dice.pick(&["", "W/"]))
    }

    #[tokio::test]
    async fn a_tag_is_found_in_any_list_that_has_it_and_in_no_other() {
        let ours = ETag::of(b"").await;
        let mut dice = Dice::new();
        for _ in 0..cases(5000) {
            let mut list: Vec<String> = (0..dice.below(5)).map(|_| other(&mut dice)).collect();
            let is_there = dice.once_in(2);
            if is_there {
                let tag = format!("\"{}\"", std::str::from_utf8(ours.opaque()).unwrap());
                list.insert(dice.below(list.len() + 1), tag);
            }
            let list = list.join(dice.pick(&[",", ", ", " ,\t", ",,"]));
            assert_eq!(has(&[list.as_bytes()]).await, is_there, "{list}");
        }
        for number in 0..cases(20_000) {
            let mut list = format!("{}, {}", other(&mut dice), other(&mut dice)).into_bytes();
            if number % 2 == 0 {
                list = dice.bytes(40);
            } else {
                dice.spoil(&mut list, &["\"", ",", "W/", "*", " ", "\t", "W/\"", "\u{80}"]);
            }
            // Whatever it is: read to its end, and ours is not in it.
            let known = read([&*list].into_iter()).unwrap_or_default();
            assert!(known.any || !known.has(&ours), "{}", String::from_utf8_lossy(&list));
        }
    }
}
