//! Array literals, read and written (<https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>).

/// What an array literal is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// A list begins.
    Open,
    /// It ends.
    Close,
    /// An element that is NULL.
    Null,
    /// The text of any other.
    Item(&'a str),
}

/// Tells the parts of a literal, in order, without the commas. Lower bounds other than 1 are left away.
pub fn read(text: &str, mut each: impl FnMut(Part<'_>)) {
    let mut rest = match text.split_once('=') {
        Some((bounds, body)) if bounds.starts_with('[') => body,
        _ => text,
    };
    let mut unescaped = String::new();
    while let Some(first) = rest.bytes().next() {
        let after = rest.get(1..);
        match first {
            b'{' => each(Part::Open),
            b'}' => each(Part::Close),
            b',' => {}
            b'"' => {
                rest = quoted(after.unwrap_or_default(), &mut unescaped, &mut each);
                continue;
            }
            _ => {
                let end = rest.find([',', '}']).unwrap_or(rest.len());
                let (item, tail) = rest.split_at(end);
                each(if item == "NULL" { Part::Null } else { Part::Item(item) });
                rest = tail;
                continue;
            }
        }
        rest = after.unwrap_or_default();
    }
}

/// Tells an item whose opening quote has been read; what comes after its closing one is left.
fn quoted<'a>(text: &'a str, unescaped: &mut String, each: &mut impl FnMut(Part<'_>)) -> &'a str {
    unescaped.clear();
    let mut rest = text;
    loop {
        let end = rest.find(['"', '\\']).unwrap_or(rest.len());
        let (plain, tail) = rest.split_at(end);
        let mut tail = tail.chars();
        match tail.next() {
            Some('\\') => {
                unescaped.push_str(plain);
                unescaped.extend(tail.next());
                rest = tail.as_str();
            }
            _ if unescaped.is_empty() => {
                each(Part::Item(plain));
                return tail.as_str();
            }
            _ => {
                unescaped.push_str(plain);
                each(Part::Item(unescaped));
                return tail.as_str();
            }
        }
    }
}

/// Writes a literal as JSON arrays in each other, with whatever is written of its elements.
pub fn write_json(out: &mut Vec<u8>, text: &str, write_item: impl Fn(&mut Vec<u8>, &str)) {
    let mut is_first = true;
    read(text, |part| {
        if part != Part::Close && !std::mem::replace(&mut is_first, part == Part::Open) {
            out.push(b',');
        }
        match part {
            Part::Open => out.push(b'['),
            Part::Close => {
                out.push(b']');
                is_first = false;
            }
            Part::Null => out.extend_from_slice(b"null"),
            Part::Item(item) => write_item(out, item),
        }
    });
}

/// Writes an element in quotes.
pub fn write_quoted(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(place) = rest.find(['"', '\\']) {
        let (plain, tail) = rest.split_at(place);
        out.push_str(plain);
        out.push('\\');
        let mut tail = tail.chars();
        out.extend(tail.next());
        rest = tail.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests;
