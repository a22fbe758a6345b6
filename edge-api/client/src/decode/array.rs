//! Array literals (<https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>).

use std::borrow::Cow;

/// An element of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item<'t> {
    Null,
    Text(Cow<'t, str>),
    List(Vec<Item<'t>>),
}

impl Item<'_> {
    pub(super) fn into_owned<'t>(self) -> Item<'t> {
        match self {
            Self::Null => Item::Null,
            Self::Text(text) => Item::Text(Cow::Owned(text.into_owned())),
            Self::List(items) => Item::List(items.into_iter().map(Item::into_owned).collect()),
        }
    }
}

/// Postgres's arrays have at most six dimensions; so much deeper is none of its own.
const DEEPEST: usize = 16;

/// Reads `{1,NULL,"a b",{...}}`, with or without bounds such as `[0:2]=` before it; nothing if it is no array.
pub(super) fn parse(text: &str, delimiter: char) -> Option<Vec<Item<'_>>> {
    let body = match text.split_once('=') {
        Some((bounds, body)) if bounds.starts_with('[') => body,
        _ => text,
    };
    let mut reader = Reader { rest: body, delimiter };
    let items = reader.list(DEEPEST)?;
    reader.rest.is_empty().then_some(items)
}

/// Reads `1 2 3`.
pub(super) fn parse_vector(text: &str) -> Vec<Item<'_>> {
    text.split_ascii_whitespace().map(|word| Item::Text(Cow::Borrowed(word))).collect()
}

struct Reader<'t> {
    rest: &'t str,
    delimiter: char,
}

impl<'t> Reader<'t> {
    fn take(&mut self, expected: char) -> bool {
        let behind = self.rest.strip_prefix(expected);
        self.rest = behind.unwrap_or(self.rest);
        behind.is_some()
    }

    fn list(&mut self, depth: usize) -> Option<Vec<Item<'t>>> {
        let inner = depth.checked_sub(1)?;
        let mut items = Vec::new();
        if !self.take('{') {
            return None;
        }
        if self.take('}') {
            return Some(items);
        }
        loop {
            items.push(self.item(inner)?);
            if self.take('}') {
                return Some(items);
            }
            if !self.take(self.delimiter) {
                return None;
            }
        }
    }

    fn item(&mut self, depth: usize) -> Option<Item<'t>> {
        if self.rest.starts_with('{') {
            return self.list(depth).map(Item::List);
        }
        if self.take('"') {
            return self.quoted().map(Item::Text);
        }
        let end = self.rest.find(['{', '}', '"', '\\', self.delimiter])?;
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "" => None,
            "NULL" => Some(Item::Null),
            word => Some(Item::Text(Cow::Borrowed(word))),
        }
    }

    /// What stands before the closing quote; a backslash stands before what it makes ordinary.
    fn quoted(&mut self) -> Option<Cow<'t, str>> {
        let end = self.rest.find(['"', '\\'])?;
        let (plain, rest) = self.rest.split_at(end);
        self.rest = rest;
        if self.take('"') {
            return Some(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        let mut characters = self.rest.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => text.push(characters.next()?),
                other => text.push(other),
            }
        }
        self.rest = characters.as_str();
        Some(Cow::Owned(text))
    }
}

#[cfg(test)]
mod tests {
    use super::{Item, parse};

    /// In a form without quotes' rules: NULL as `-`, texts in slashes.
    fn show(items: &[Item<'_>]) -> String {
        let shown = items.iter().map(|item| match item {
            Item::Null => "-".to_owned(),
            Item::Text(text) => format!("/{text}/"),
            Item::List(items) => show(items),
        });
        format!("[{}]", shown.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn reads_what_postgres_prints() {
        for (text, expected) in [
            ("{}", "[]"),
            ("{1}", "[/1/]"),
            ("{1,NULL,3}", "[/1/ - /3/]"),
            (r#"{"NULL",null,"",a b}"#, "[/NULL/ /null/ // /a b/]"),
            (r#"{"a,b","c\"d","e\\f","{g}"}"#, r#"[/a,b/ /c"d/ /e\f/ /{g}/]"#),
            (r#"{"\"","\\"}"#, r#"[/"/ /\/]"#),
            ("{{1,2},{3,4}}", "[[/1/ /2/] [/3/ /4/]]"),
            ("{{{1}},{{NULL}}}", "[[[/1/]] [[-]]]"),
            ("[0:2]={1,2,3}", "[/1/ /2/ /3/]"),
            ("[1:1][-2:-1]={{1,2}}", "[[/1/ /2/]]"),
            (r#"{"a=b","[c]=d"}"#, "[/a=b/ /[c]=d/]"),
            ("{ä,🦀}", "[/ä/ /🦀/]"),
        ] {
            let read = parse(text, ',').map(|items| show(&items));
            assert_eq!(read.as_deref(), Some(expected), "{text}");
        }
        let boxes = parse("{(2,2),(1,1);(4,4),(3,3)}", ';').map(|items| show(&items));
        assert_eq!(boxes.as_deref(), Some("[/(2,2),(1,1)/ /(4,4),(3,3)/]"));
    }

    #[test]
    fn refuses_what_is_none() {
        let deep = format!("{}{}", "{".repeat(1000), "}".repeat(1000));
        for text in [
            "", "1", "{", "}", "{1", "{1,}", "{,1}", "{,}", "{1}2", "{1}}", "{\"a}", "{\"a\\", "{a\"b\"}", "[0:1]",
            &deep,
        ] {
            assert_eq!(parse(text, ','), None, "{text}");
        }
    }
}
