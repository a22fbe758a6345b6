//! The addresses of this door that have a part of the request's own in them.

/// What an address under `/transaction/` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A query plan.
    Query,
    /// The end.
    Commit,
    /// The other end.
    RollBack,
}

/// `/transaction/{id}/query|commit|rollback`: the id, and what is asked for.
pub fn transaction(path: &str) -> Option<(&str, Act)> {
    let (id, act) = path.strip_prefix("/transaction/")?.split_once('/')?;
    let act = match act {
        "query" => Act::Query,
        "commit" => Act::Commit,
        "rollback" => Act::RollBack,
        _ => return None,
    };
    (!id.is_empty()).then_some((id, act))
}

/// Whether this is where clients send that have no query compiler: `/{version}/{hash of the schema}/graphql` and its
/// neighbours.
pub fn is_of_older_clients(path: &str) -> bool {
    let mut parts = path.strip_prefix('/').unwrap_or(path).splitn(3, '/');
    let version = parts.next().unwrap_or_default();
    let hash = parts.next().unwrap_or_default();
    let what = parts.next().unwrap_or_default();
    version.starts_with(|first: char| first.is_ascii_digit())
        && hash.len() >= 32
        && hash.bytes().all(|digit| digit.is_ascii_hexdigit())
        && (matches!(what, "schema" | "graphql" | "transaction/start") || what.starts_with("itx/"))
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};

    use super::{Act, is_of_older_clients, transaction};

    #[test]
    fn takes_addresses_apart() {
        for (path, expected) in [
            ("/transaction/a-b.c/query", Some(("a-b.c", Act::Query))),
            ("/transaction/x/commit", Some(("x", Act::Commit))),
            ("/transaction/x/rollback", Some(("x", Act::RollBack))),
            ("/transaction//rollback", None),
            ("/transaction/x/query/", None),
            ("/transaction/x", None),
            ("/transactions/x/query", None),
        ] {
            assert_eq!(transaction(path), expected, "{path}");
        }
        let hash = "0edf323efd1d98336f3f0a68684b56f689b900d30edf323efd1d98336f3f0a68";
        for (path, expected) in [
            (format!("/5.22.0/{hash}/graphql"), true),
            (format!("/6.2.1/{hash}/schema"), true),
            (format!("/6.2.1/{hash}/itx/1/graphql"), true),
            (format!("/6.2.1/{hash}/transaction/start"), true),
            (format!("/{hash}/graphql"), false),
            ("/query".to_owned(), false),
        ] {
            assert_eq!(is_of_older_clients(&path), expected, "{path}");
        }
    }

    #[test]
    fn any_address_is_taken_apart_or_left() {
        const PIECES: &[&str] = &[
            "/",
            "transaction",
            "start",
            "query",
            "commit",
            "rollback",
            "%2F",
            "..",
            "//",
            "6.2.1",
            "graphql",
            "itx/",
            "é",
            "?",
        ];
        let mut dice = Dice::new();
        for _ in 0..cases(20_000) {
            let id: String = dice.text(40).chars().filter(|c| *c != '/').collect();
            let (word, act) =
                [("query", Act::Query), ("commit", Act::Commit), ("rollback", Act::RollBack)][dice.below(3)];
            let expected = (!id.is_empty()).then_some((&*id, act));
            assert_eq!(transaction(&format!("/transaction/{id}/{word}")), expected);
            let path = dice.pieces(PIECES, 9);
            if let Some((id, _)) = transaction(&path) {
                assert!(!id.is_empty() && !id.contains('/'), "{path}");
            }
            is_of_older_clients(&path);
        }
    }
}
