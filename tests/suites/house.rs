//! The rules of the house that a compiler does not know: who may import whom, who may touch what, how long a file is.
//! They read the sources.

mod policy;
mod secrets;
mod sources;

use std::collections::BTreeSet;
use std::fs;

use sources::{arrows, code, files, is_rust, room, root};

/// The floors of pool-proxy, from the street down. A room uses floors below its own.
const FLOORS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["app"],
    &["config"],
    &["frontend", "coherence"],
    &["plan"],
    &["gateway"],
    &["auth", "cache", "pool", "statement"],
    &["postgres", "upstream"],
    &["error", "drain", "telemetry", "trust"],
];

/// Arrows to a neighbour on the same floor that are there for a reason: room, what it uses, why.
const NEIGHBOURS: &[(&str, &str, &str)] =
    &[("cache", "auth::Principal", "an entry's key holds the role and claims of whoever asked (invariant 7)")];

/// Below its floor, and still not for it: room, what it must leave alone, why.
const CLOSED: &[(&str, &str, &str)] = &[
    ("frontend", "pool", "every client query passes the gateway (invariant 4)"),
    ("frontend", "statement", "every client query passes the gateway (invariant 4)"),
    ("frontend", "cache::Shelf", "a door reads no entry by itself (invariant 4)"),
    ("frontend", "cache::Flights", "a door starts no fill by itself (invariant 4)"),
    ("gateway", "upstream", "a query is run here or relayed, not both"),
    ("auth", "postgres", "who asks is known without a database"),
    ("cache", "postgres", "the gateway hands it finished answers (invariant 5)"),
];

/// What is open to it all the same.
const OPEN: &[(&str, &str, &str)] = &[
    ("cache", "postgres::Lsn", "a place in the log is a number"),
    ("cache", "postgres::Snapshot", "and what a query saw are some"),
];

/// Words that only some files may use: word, who may, why.
const WORDS: &[(&str, &[&str], &str)] = &[
    ("env::var", &["config/"], "only config reads the environment (invariant 1)"),
    ("env::args", &["cli", "main"], "only cli reads the command line"),
    ("TcpStream::connect", &["postgres/"], "only postgres opens sockets to Postgres (invariant 3)"),
    ("UnixStream::connect", &["postgres/"], "only postgres opens sockets to Postgres (invariant 3)"),
    ("TcpSocket::", &["postgres/"], "only postgres opens sockets to Postgres (invariant 3)"),
    ("tokio::spawn", &["drain.rs"], "only drain spawns tasks (invariant 8)"),
    ("task::spawn", &["drain.rs"], "only drain spawns tasks (invariant 8)"),
    ("thread::spawn", &[], "only drain spawns (invariant 8)"),
    ("JoinSet", &[], "only drain spawns tasks (invariant 8)"),
    (
        "TokioExecutor",
        &["frontend/connection/http2.rs"],
        "only drain spawns tasks; hyper's executor is the one exception",
    ),
    ("static mut", &[], "no mutable globals (invariant 9)"),
    ("LazyLock<Mutex", &[], "no mutable globals (invariant 9)"),
    ("OnceLock", &[], "no mutable globals (invariant 9)"),
    ("thread_local!", &[], "no mutable globals (invariant 9)"),
    (".unwrap()", &[], "an error has a way to whoever can do something about it"),
    // Not a parser's `expect()`.
    (".expect(\"", &[], "an error has a way to whoever can do something about it"),
    (".expect(&", &[], "an error has a way to whoever can do something about it"),
    ("panic!(", &[], "an error has a way to whoever can do something about it"),
    ("unreachable!(", &[], "an error has a way to whoever can do something about it"),
    ("todo!(", &[], "what is not done is not merged"),
    ("unimplemented!(", &[], "what is not done is not merged"),
    ("dbg!(", &[], "not for others to see"),
    ("#![allow", &[], "no lint is silenced for a whole file"),
];

/// The longest a file may be, in lines.
const LONGEST: usize = 400;

/// What may lie at the top of the repository besides hidden files.
const TOP: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "deploy",
    "edge-api",
    "pool-proxy",
    "rustfmt.toml",
    "target",
    "tests",
];

/// Traces of a machine, or of one registry.
const TRACES: &[&str] = &["/root/", "/home/", "\"resolved\": \"http"];

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn every_room_has_a_floor() {
    let rooms: BTreeSet<String> =
        files("pool-proxy/src").keys().map(|path| room(path).to_owned()).filter(|room| room != "lib").collect();
    let homeless: Vec<&String> = rooms.iter().filter(|room| floor(room).is_none()).collect();
    assert!(homeless.is_empty(), "{homeless:?}");
}

#[test]
fn no_arrow_runs_up_or_to_a_neighbour() {
    let wrong = arrows().into_iter().filter(|(path, _, name)| {
        let (from, to) = (room(path), name.split("::").next().unwrap_or(name));
        let known = NEIGHBOURS.iter().any(|(room, what, _)| *room == from && name.starts_with(what));
        floor(to).is_some() && from != "lib" && floor(to) <= floor(from) && !known
    });
    assert_none(wrong.map(|(path, line, name)| format!("{path}:{line} uses {name}")));
}

#[test]
fn no_room_touches_what_is_closed_to_it() {
    let wrong = arrows().into_iter().filter_map(|(path, line, name)| {
        let closed = |(from, to, _): &&(&str, &str, &str)| {
            room(&path) == *from && (name == *to || name.starts_with(&format!("{to}::")))
        };
        let open = OPEN.iter().any(|(from, what, _)| room(&path) == *from && name == *what);
        let (_, _, why) = CLOSED.iter().find(closed).filter(|_| !open)?;
        Some(format!("{path}:{line} uses {name}: {why}"))
    });
    assert_none(wrong);
}

#[test]
fn no_exception_outlives_its_use() {
    let arrows = arrows();
    for (from, what, _) in NEIGHBOURS {
        let used = arrows.iter().any(|(path, _, name)| room(path) == *from && name.starts_with(what));
        assert!(used, "{from} does not use {what} any more");
    }
}

#[test]
fn no_module_climbs_out_of_its_room_by_super() {
    let wrong = code().into_iter().filter(|(path, _, line)| {
        // `super` of cache/key.rs is still the room; one more is outside.
        let depth = path.matches('/').count() - usize::from(path.ends_with("/mod.rs"));
        let longest = (1..6).rev().find(|count| line.contains(&"super::".repeat(*count))).unwrap_or(0);
        longest > depth
    });
    assert_none(wrong.map(|(path, line, text)| format!("{path}:{line} {}", text.trim())));
}

#[test]
fn some_words_are_for_some_files_only() {
    let mut wrong = vec![];
    for (path, number, line) in code() {
        for (word, allowed, why) in WORDS {
            let constant = line.contains("const ") && line.contains("NonZero");
            if line.contains(word) && !allowed.iter().any(|prefix| path.starts_with(prefix)) && !constant {
                wrong.push(format!("{path}:{number} {}: {why}", line.trim()));
            }
        }
    }
    assert_none(wrong.into_iter());
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    let folders = ["pool-proxy", "deploy", "tests", "edge-api"];
    let all = folders.iter().flat_map(|folder| files(folder).into_iter().map(move |(path, text)| (folder, path, text)));
    let wrong = all.filter(|(_, path, text)| is_rust(path) && !path.ends_with("tests.rs") && !text.starts_with("//! "));
    assert_none(wrong.map(|(folder, path, _)| format!("{folder}/{path}")));
}

#[test]
fn no_file_is_long() {
    let mut wrong = vec![];
    for folder in ["pool-proxy", "deploy", "tests", "edge-api"] {
        for (path, text) in files(folder) {
            let lines = text.lines().count();
            if is_rust(&path) && lines > LONGEST {
                wrong.push(format!("{folder}/{path} has {lines} lines"));
            }
        }
    }
    assert_none(wrong.into_iter());
}

#[test]
fn nothing_else_lies_at_the_top() {
    let entries = fs::read_dir(root()).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    assert_none(names.filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str())));
    let required = ["ARCHITECTURE.md", "CHANGELOG.md", "Cargo.lock", "Cargo.toml", "LICENSE", "README.md"];
    assert_none(
        required.into_iter().filter(|name| !root().join(name).is_file()).map(|name| format!("{name} is missing")),
    );
}

#[test]
fn no_file_bears_traces_of_a_machine() {
    let mut wrong = vec![];
    for (path, text) in files("") {
        for (number, line) in (1..).zip(text.lines()) {
            for trace in TRACES.iter().filter(|trace| line.contains(**trace)) {
                wrong.push(format!("{path}:{number} {trace}"));
            }
        }
    }
    // Here they are named.
    wrong.retain(|line| !line.starts_with("tests/suites/house.rs"));
    wrong.truncate(30);
    assert_none(wrong.into_iter());
}

#[test]
fn the_readme_names_every_variable_and_every_metric() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap_or_default();
    let mut wanted: BTreeSet<String> = BTreeSet::from(["DATABASE_URL".to_owned()]);
    for (path, _, line) in code() {
        if path.starts_with("config/sources") && line.contains("const") {
            wanted.extend(
                line.split('"')
                    .filter(|word| word.starts_with("POOL_PROXY_") && !word.ends_with('_'))
                    .map(str::to_owned),
            );
        }
    }
    assert!(wanted.len() > 10, "{wanted:?}");
    let metrics = fs::read_to_string(root().join("tests/suites/ops/metrics.rs")).unwrap();
    wanted.extend(
        metrics.split('"').filter(|word| word.starts_with("pool_proxy_") && !word.contains('{')).map(str::to_owned),
    );
    // For builds, and for tests.
    let others = ["POOL_PROXY_BIN", "POOL_PROXY_POSTGRES_BIN", "POOL_PROXY_TEST_FENCE"];
    assert_none(wanted.into_iter().filter(|name| !readme.contains(name.as_str()) && !others.contains(&name.as_str())));
}

#[track_caller]
fn assert_none(wrong: impl Iterator<Item = String>) {
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "\n  {}", wrong.join("\n  "));
}
