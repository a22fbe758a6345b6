//! The sources as the rules of the house see them: files, lines of code, and who names whom.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub(super) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Every file under a folder of the repository, with its path from there.
pub(super) fn files(folder: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    walk(&root().join(folder), "", &mut found);
    found
}

fn walk(folder: &Path, before: &str, found: &mut BTreeMap<String, String>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if ["target", "node_modules", ".git", "build", ".wrangler"].contains(&name.as_str()) {
            continue;
        }
        let path = format!("{before}{name}");
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{path}/"), found);
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            found.insert(path, text);
        }
    }
}

/// The sources of pool-proxy without tests and comments, each line with its number.
pub(super) fn code() -> Vec<(String, usize, String)> {
    let mut lines = vec![];
    for (path, text) in files("pool-proxy/src") {
        if !is_rust(&path) || path.ends_with("tests.rs") || path.contains("/tests/") {
            continue;
        }
        for (number, line) in (1..).zip(text.lines()) {
            if line.starts_with("#[cfg(test)]") {
                break; // Tests stand last in a file.
            }
            // An address in a string has no space before its slashes.
            let line =
                if line.trim_start().starts_with("//") { "" } else { line.split(" //").next().unwrap_or_default() };
            lines.push((path.clone(), number, line.to_owned()));
        }
    }
    assert!(lines.len() > 1000, "the sources were not found at {}", root().display());
    lines
}

pub(super) fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

/// The room a file belongs to.
pub(super) fn room(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// What a line names from the root of the crate, such as `cache::Key`; lists in braces are taken apart.
fn imports(text: &str) -> Vec<String> {
    let mut found = vec![];
    for start in ["crate::", "pool_proxy::"] {
        for (at, _) in text.match_indices(start) {
            let whole = text[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
            if whole {
                paths("", &text[at + start.len()..], &mut found);
            }
        }
    }
    found
}

/// Reads `a::b`, or each path of `{a::b, c::{d, e}}`; returns what stands behind.
fn paths<'t>(before: &str, text: &'t str, found: &mut Vec<String>) -> &'t str {
    let text = text.trim_start();
    let Some(mut rest) = text.strip_prefix('{') else {
        let end = text.find(|c: char| !c.is_alphanumeric() && !"_:".contains(c)).unwrap_or(text.len());
        let (path, rest) = text.split_at(end);
        return if rest.starts_with('{') && path.ends_with("::") {
            paths(&format!("{before}{path}"), rest, found)
        } else {
            found.push(format!("{before}{path}"));
            rest
        };
    };
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix('}') {
            return behind;
        }
        let next = paths(before, rest, found);
        rest = next.trim_start_matches([',', ' ', '\n']);
        if rest.len() == next.len() && !rest.starts_with('}') {
            return rest;
        }
    }
    rest
}

/// Every arrow from a room to another: file, line, what is named.
pub(super) fn arrows() -> Vec<(String, usize, String)> {
    let mut statements: Vec<(String, usize, String)> = vec![];
    for (path, number, line) in code() {
        // A list may go on for several lines.
        match statements.last_mut() {
            Some((last, _, text)) if *last == path && text.matches('{').count() > text.matches('}').count() => {
                text.push('\n');
                text.push_str(&line);
            }
            _ if line.trim_start().starts_with("use ") || line.trim_start().starts_with("pub use ") => {
                statements.push((path, number, line));
            }
            _ => statements.push((path, number, line.replace(['{', '}'], " "))),
        }
    }
    let named = |(path, number, text): &(String, usize, String)| {
        let arrow = |name: String| (path.clone(), *number, name);
        imports(text).into_iter().map(arrow).collect::<Vec<_>>()
    };
    statements
        .iter()
        .flat_map(named)
        .filter(|(path, _, name)| room(name.split("::").next().unwrap_or(name)) != room(path))
        .collect()
}

#[test]
fn lists_of_imports_are_taken_apart() {
    for (text, expected) in [
        ("use crate::cache::Key;", vec!["cache::Key"]),
        (
            "use crate::{auth, cache::{Key, shelf::Shelf}, error};",
            vec!["auth", "cache::Key", "cache::shelf::Shelf", "error"],
        ),
        ("let it = crate::pool::checkout(crate::error::none());", vec!["pool::checkout", "error::none"]),
        ("use my_crate::thing;", vec![]),
    ] {
        assert_eq!(imports(text), expected, "{text}");
    }
}
