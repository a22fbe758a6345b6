//! The headers of a request, of which most that are looked for are not there.

use std::mem;
use std::ops::Deref;

use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Request};

/// A name that is looked for.
#[derive(Debug)]
pub struct Name {
    name: HeaderName,
    mark: u64,
}

impl Name {
    /// The name, in lower case.
    pub const fn of(name: &'static str) -> Self {
        Self { name: HeaderName::from_static(name), mark: mark(name) }
    }
}

impl Deref for Name {
    type Target = HeaderName;

    fn deref(&self) -> &HeaderName {
        &self.name
    }
}

/// The marks of the names that a request has. It is looked for some twenty and has eight: that one is not there, these tell in a
/// tenth of the time of a look-up.
#[derive(Debug, Clone, Copy)]
pub struct Marks(u64);

impl Marks {
    /// Of the names of these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        Self(headers.keys().fold(0, |marks, name| marks | mark(name.as_str())))
    }

    /// The headers they are of.
    pub fn over(self, map: &HeaderMap) -> Heads<'_> {
        Heads { map, marks: self }
    }
}

/// One bit of 64. Names share bits: the factors are such that those looked for share few with those that are often there.
const fn mark(name: &str) -> u64 {
    let name = name.as_bytes();
    let (first, last) = match name {
        [first, .., last] => (*first as usize, *last as usize),
        [only] => (*only as usize, *only as usize),
        [] => (0, 0),
    };
    1 << ((name.len() + 24 * first + 30 * last) % 64)
}

/// The headers of a request.
#[derive(Clone, Copy)]
pub struct Heads<'h> {
    map: &'h HeaderMap,
    marks: Marks,
}

impl<'h> Heads<'h> {
    /// Of these headers.
    pub fn of(map: &'h HeaderMap) -> Self {
        Marks::of(map).over(map)
    }

    /// Their marks, for whoever has the headers by other means later.
    pub fn marks(self) -> Marks {
        self.marks
    }

    /// The first value of a name.
    #[inline]
    pub fn get(self, name: &Name) -> Option<&'h HeaderValue> {
        if self.may_have(name) { self.map.get(&name.name) } else { None }
    }

    /// All values of a name.
    #[inline]
    pub fn get_all(self, name: &Name) -> impl Iterator<Item = &'h HeaderValue> + use<'h> {
        let values = self.may_have(name).then(|| self.map.get_all(&name.name));
        values.into_iter().flatten()
    }

    /// Whether a name is there.
    #[inline]
    pub fn has(self, name: &Name) -> bool {
        self.may_have(name) && self.map.contains_key(&name.name)
    }

    /// All names.
    pub fn names(self) -> impl Iterator<Item = &'h HeaderName> + use<'h> {
        self.map.keys()
    }

    fn may_have(self, name: &Name) -> bool {
        self.marks.0 & name.mark != 0
    }
}

/// Room for the headers of most requests and answers.
pub const HEADERS: usize = 12;

/// A map that is larger than this is not worth its memory, which a request holds while it waits, and then its connection.
const MANY_HEADERS: usize = 2 * HEADERS;

/// Frees a head that was read: a request that waits holds no more than it needs. The map of its headers, empty, is left for those of the
/// answer, if it is of usual size: hyper reads the next request's into that, so that a connection in use needs no other.
pub fn free(head: &mut Parts) -> HeaderMap {
    let mut headers = mem::replace(head, Request::new(()).into_parts().0).headers;
    // Its length counts what its capacity does not: further values of a name.
    if headers.capacity() > MANY_HEADERS || headers.len() > MANY_HEADERS {
        return HeaderMap::new();
    }
    headers.clear();
    headers
}

/// A text's parts before and behind the first such byte. For values of headers, which are short: a search that is made for long
/// texts costs more to begin than all of this.
pub fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|byte| byte == at)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};
    use hyper::header::{HeaderName, HeaderValue};
    use hyper::{HeaderMap, Request};

    use super::{HEADERS, Heads, MANY_HEADERS, Name, free};

    #[test]
    fn a_map_of_usual_size_is_left_empty_and_any_other_is_freed() {
        // So many of one name, or of each its own.
        for (count, repeated, is_left) in
            [(HEADERS, false, true), (HEADERS, true, true), (3 * HEADERS, false, false), (3 * HEADERS, true, false)]
        {
            let mut head = Request::new(()).into_parts().0;
            head.headers.reserve(if repeated { HEADERS } else { count });
            for number in 0..count {
                let name = format!("x-{}", if repeated { 0 } else { number });
                head.headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_static("secret"));
            }
            let left = free(&mut head);
            assert!(left.is_empty() && head.headers.is_empty());
            assert_eq!(left.capacity() >= HEADERS, is_left, "{count}, {repeated}");
            assert!(left.capacity() <= MANY_HEADERS);
        }
    }

    #[test]
    fn whatever_is_there_is_found_as_in_the_map_itself() {
        static NAMES: [Name; 10] = [
            Name::of("a"),
            Name::of("b"),
            Name::of("ab"),
            Name::of("x-a"),
            Name::of("host"),
            Name::of("accept"),
            Name::of("accept-encoding"),
            Name::of("authorization"),
            Name::of("pool-database"),
            Name::of("pool-bookmark"),
        ];
        let mut dice = Dice::new();
        for _ in 0..cases(5000) {
            let map: HeaderMap = (0..dice.below(9)).fold(HeaderMap::new(), |mut map, number| {
                map.append(&*NAMES[dice.below(NAMES.len())], HeaderValue::from(number));
                map
            });
            let heads = Heads::of(&map);
            for name in &NAMES {
                assert_eq!(heads.get(name), map.get(&**name), "{name:?} of {map:?}");
                assert_eq!(heads.has(name), map.contains_key(&**name), "{name:?} of {map:?}");
                assert!(heads.get_all(name).eq(map.get_all(&**name)), "{name:?} of {map:?}");
            }
            assert!(heads.names().eq(map.keys()));
        }
    }
}
