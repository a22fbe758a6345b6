//! Whether a statement may be run once for each part of a list, so that no row is found twice and none for want of another part.

use super::super::tree::Fragment;

/// What stands between a pair of parentheses, or outside of all.
#[derive(Default)]
struct Level {
    /// A word that makes it matter what else is in the list: of two parts, a row may be found by both, or by the absence of one.
    is_mixed: bool,
    is_select: bool,
}

/// Whether the list of this argument is a condition that all rows meet: `WHERE a IN list AND ...`. Rows of VALUES are always apart.
/// A list under OR, under NOT or in a subquery is not.
pub(super) fn is_by(fragments: &[Fragment], argument: usize) -> bool {
    let mut levels = vec![Level::default()];
    let mut open = vec![0];
    let mut around = None;
    let mut last = String::new();
    let mut has_where = false;
    for (fragment, number) in super::numbered(fragments) {
        let Fragment::Text(text) = fragment else {
            if number == argument {
                if !has_where {
                    return matches!(fragment, Fragment::Tuples { .. });
                }
                // What is equal only when it is changed can be in two parts.
                if matches!(fragment, Fragment::Tuple(item) if !item.prefix.is_empty() || !item.suffix.is_empty()) {
                    return false;
                }
                around = Some(open.clone());
            }
            last.clear();
            continue;
        };
        for word in words(text) {
            match word {
                "(" => {
                    open.push(levels.len());
                    levels.push(Level::default());
                }
                ")" if open.len() > 1 => {
                    open.pop();
                }
                _ => {
                    let word = word.to_ascii_uppercase();
                    let level = open.last().and_then(|index| levels.get_mut(*index));
                    if let Some(level) = level {
                        level.is_mixed |= matches!(word.as_str(), "OR" | "UNION" | "EXCEPT" | "INTERSECT")
                            || (word == "NOT" && last != "IS");
                        level.is_select |= word == "SELECT";
                    }
                    has_where |= word == "WHERE" && open.len() == 1;
                    last = word;
                }
            }
        }
    }
    around.is_some_and(|around| {
        let mut levels = around.iter().filter_map(|index| levels.get(*index));
        let outside = levels.next().is_some_and(|level| !level.is_mixed);
        outside && levels.all(|level| !level.is_mixed && !level.is_select)
    })
}

/// The words and parentheses of a text; what is quoted is left out.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let first = rest.chars().next()?;
            let length = match first {
                '"' | '\'' => {
                    let inner = &rest[1..];
                    rest = inner.find(first).map_or("", |end| &inner[end + 1..]);
                    continue;
                }
                '(' | ')' => 1,
                _ if first.is_alphanumeric() || first == '_' => {
                    rest.find(|other: char| !other.is_alphanumeric() && other != '_').unwrap_or(rest.len())
                }
                _ => {
                    rest = &rest[first.len_utf8()..];
                    continue;
                }
            };
            let (word, after) = rest.split_at(length);
            rest = after;
            return Some(word);
        }
    })
}

#[cfg(test)]
mod tests;
