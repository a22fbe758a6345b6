//! The README's commands and examples, run as they stand there.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::coherence::keeping::{followed, keeping};
use crate::faults::FAULTS;
use harness::{Proxy, fresh_database, target_dir};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Where the README says the proxy is.
const ADDRESS: &str = "http://127.0.0.1:8080";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("README.md is there")
}

/// The code blocks marked `<!-- run: WITH -->`.
fn examples(with: &str) -> Vec<String> {
    let readme = readme();
    let marker = format!("<!-- run: {with} -->");
    let blocks = readme.split(marker.as_str()).skip(1).map(|rest| {
        let fenced = rest.trim_start().strip_prefix("```").expect("a code block after the marker");
        let (_, code) = fenced.split_once('\n').expect("a language after the fence");
        code.split("```").next().expect("the end of the block").to_owned()
    });
    blocks.collect()
}

/// Runs a script on its standard input, and gives what it printed.
async fn run(program: &str, arguments: &[&str], script: &str, key: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(root().join("tests/clients"))
        .env("POOL_PROXY_KEY", key)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let mut input = child.stdin.take().expect("standard input is piped");
    input.write_all(script.as_bytes()).await.expect("the script is taken");
    drop(input);
    let output = child.wait_with_output().await.expect("it ends");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{printed}\n{complained}");
    printed
}

async fn check(with: &str, program: &str, arguments: &[&str], expected: &[&str]) {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).start().await;
    let examples = examples(with);
    assert_eq!(examples.len(), expected.len(), "examples to run with {with}");
    for (example, expected) in examples.iter().zip(expected) {
        let printed = run(program, arguments, &example.replace(ADDRESS, proxy.url()), proxy.key()).await;
        assert!(printed.contains(expected), "{example}\nprinted {printed}, without {expected}");
        assert!(!printed.contains("requestId"), "{example}\nprinted an error: {printed}");
    }
}

#[tokio::test]
async fn the_curl_examples_work() {
    check(
        "sh",
        "sh",
        &["-e"],
        &[r#""rows":[{"answer":42}]"#, r#"{"results":["#, "fwd=miss; stored", "idempotency-replayed: true"],
    )
    .await;
}

#[tokio::test]
async fn the_javascript_examples_work() {
    check("node", "node", &["--input-type=module"], &["42", "42", "left: 60", "answer: 42"]).await;
}

/// More of what Drizzle and Kysely do with a pool than the example shows.
#[tokio::test]
async fn the_pool_over_http_is_one_for_drizzle_and_kysely() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).start().await;
    let example = examples("node").into_iter().find(|example| example.contains("class HttpPool"));
    let pool = example.as_deref().and_then(|example| example.split_once("\nconst { drizzle }")).expect("the pool").0;
    let tests = fs::read_to_string(root().join("tests/clients/http-pool.mjs")).expect("its tests");
    let script = format!("{}\n{tests}", pool.replace(ADDRESS, proxy.url()));
    let printed = run("node", &["--input-type=module"], &script, proxy.key()).await;
    assert!(printed.ends_with("all is well\n"), "{printed}");
}

/// What a session of Neon's driver knows holds at another proxy, too.
#[tokio::test]
async fn a_session_of_neons_driver_carries_its_bookmark() {
    let table = "CREATE TABLE visits (n int PRIMARY KEY)";
    let postgres = followed(async |_, client| client.batch_execute(table).await.unwrap()).await;
    let (near, far) = (keeping(&postgres).await, keeping(&postgres).await);
    let [example] = <[String; 1]>::try_from(examples("node, kept")).expect("one example");
    let tests = fs::read_to_string(root().join("tests/clients/bookmark.mjs")).expect("its tests");
    let script = format!("{}\n{}", example.replace(ADDRESS, near.url()), tests.replace(ADDRESS, far.url()));
    // Each has a key of its own.
    let script = script.replace("FAR_KEY", far.key());
    let printed = run("node", &["--input-type=module"], &script, near.key()).await;
    assert!(printed.starts_with("bookmark=") && printed.ends_with("all is well\n"), "{printed}");
}

#[tokio::test]
async fn the_first_command_works() {
    // It builds what it is not given, with fewer packages and so other features than the tests, into the place of the
    // programs that other tests start at this moment.
    let program = |variable: &str, name: &str| {
        let given = env::var_os(variable).map(PathBuf::from);
        let path = given.unwrap_or_else(|| target_dir().join("debug").join(name));
        assert!(path.is_file(), "no {name} at {}: run all tests with `cargo xtask test`", path.display());
        path
    };
    let output = Command::new(env!("CARGO"))
        .args(["xtask", "dev", "--smoke"])
        .current_dir(root())
        .env("POOL_PROXY_BIN", program("POOL_PROXY_BIN", "pool-proxy"))
        .env("EDGE_MIGRATIONS_BIN", program("EDGE_MIGRATIONS_BIN", "edge-migrations"))
        .output()
        .await
        .expect("cargo is there");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("smoke test passed"), "{printed}");
}

#[test]
fn the_links_lead_somewhere() {
    let pages = [
        "README.md",
        "ARCHITECTURE.md",
        "edge-api/README.md",
        "edge-api/client/README.md",
        "edge-api/migrations/README.md",
    ];
    let mut seen = 0;
    for page in pages {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let folder = root().join(page).parent().unwrap().to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") {
                continue;
            }
            let (path, heading) =
                target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
            let path = if path.is_empty() { root().join(page) } else { folder.join(path) };
            assert!(path.exists(), "{page} links to {target}");
            if let Some(heading) = heading {
                let text = fs::read_to_string(&path).unwrap();
                assert!(text.lines().any(|line| slug(line) == Some(heading.to_owned())), "{page} links to {target}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen}");
}

/// What a heading is called in links, as GitHub does it.
fn slug(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    Some(kept.collect::<String>().replace(' ', "-"))
}

/// `cargo xtask faults` writes it: complete, and nothing in it is worse than what is promised.
#[test]
fn every_fault_is_in_the_table() {
    let readme = readme();
    let (_, rest) = readme.split_once("<!-- faults -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- /faults -->").unwrap();
    let rows = table.lines().skip(2).map(|row| row.trim_matches(['|', ' ']).split(" | ").collect::<Vec<_>>());
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), FAULTS);
    for row in rows {
        let [fault, _, back, connections, writes] = row[..] else { panic!("{row:?}") };
        assert!(writes.ends_with(", 0, 0"), "{fault}: {writes}");
        let (most, cap) = connections.split_once(" of ").unwrap();
        assert!(most.parse::<u32>().unwrap() <= cap.parse().unwrap(), "{fault}: {connections}");
        let seconds = back.strip_suffix(" s").map_or(0.0, |seconds| seconds.parse::<f64>().unwrap());
        assert!(seconds <= 0.5 || fault == "connections to Postgres lost (half-open)", "{fault}: {back}");
    }
}
