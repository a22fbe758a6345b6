//! The Worker as it is deployed: its size, its configuration, and what its shell does around the router.

use std::fs;
use std::path::{Path, PathBuf};

use harness::{Workerd, WorkerdBuilder, random_hex};
use tokio::process::Command;

use super::blog::{Blog, JWT_SECRET};

/// The most the wasm may have when it is sent to Cloudflare.
const LARGEST: usize = 700 * 1024;

fn edge_api() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../edge-api").canonicalize().unwrap()
}

/// The folder that holds the Worker under test.
fn build() -> PathBuf {
    std::env::var_os("EDGE_WORKER_BUILD").map_or_else(|| edge_api().join("worker/build"), PathBuf::from)
}

/// A folder of a test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("edge-worker-{}", random_hex(8)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn the_wasm_is_small() {
    let wasm = build().join("index_bg.wasm");
    let packed = Command::new("gzip").args(["-9", "--stdout"]).arg(&wasm).output().await.unwrap();
    assert!(packed.status.success(), "{}: {}", wasm.display(), String::from_utf8_lossy(&packed.stderr));
    let size = packed.stdout.len();
    assert!(size < LARGEST, "{size} bytes gzipped: what has grown?");
    assert!(size > LARGEST / 100, "{size} bytes cannot be the whole of it");
}

/// A client that leaves must not end its request between a change and what the cache has to forget.
#[test]
fn a_request_outlives_its_client() {
    let script = fs::read_to_string(build().join("index.js")).unwrap();
    assert!(script.contains("this.ctx.waitUntil("));
}

/// A panic takes down its own request alone only where it unwinds. That takes exceptions, and they take tags.
#[test]
fn panics_unwind() {
    const TAGS: u8 = 13;
    let wasm = fs::read(build().join("index_bg.wasm")).unwrap();
    let sections = sections(&wasm);
    assert!(sections.len() > 5, "{sections:?}");
    assert!(sections.contains(&TAGS), "{sections:?}");
}

/// The kinds of the sections of a wasm module (core specification, section 5.5).
fn sections(wasm: &[u8]) -> Vec<u8> {
    let mut rest = wasm.strip_prefix(b"\0asm\x01\0\0\0").expect("a wasm module");
    let mut kinds = Vec::new();
    while let [kind, behind @ ..] = rest {
        kinds.push(*kind);
        // The length is a LEB128 number, least bits first.
        let digits = behind.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        let length = behind[..digits].iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        rest = &behind[digits + length..];
    }
    kinds
}

#[tokio::test]
async fn answers_come_whole_and_with_their_length() {
    let blog = Blog::builder().in_workerd().start().await;
    let list = blog.get("/api/v1/blog/bulk").await.expect(200);
    assert_eq!(list.header("content-length"), list.bytes.len().to_string());
    assert_eq!(list.header("transfer-encoding"), "");
    let tag = list.header("etag");
    let same = blog.request("GET", "/api/v1/blog/bulk").header("if-none-match", &tag).send().await.expect(304);
    assert!(!tag.is_empty() && same.bytes.is_empty(), "{}", same.text);
}

#[tokio::test]
async fn a_setting_that_is_missing_or_wrong_is_named_and_not_shown() {
    let complete = |worker: WorkerdBuilder| {
        worker.var("POOL_PROXY_URL", "http://127.0.0.1:9").var("POOL_PROXY_KEY", "0123456789abcdef")
    };
    let cases = [
        ("POOL_PROXY_URL", "", Workerd::builder().var("JWT_SECRET", JWT_SECRET)),
        ("JWT_SECRET", "", complete(Workerd::builder())),
        ("JWT_SECRET", "too-short", complete(Workerd::builder()).var("JWT_SECRET", "too-short")),
        (
            "POOL_PROXY_URL",
            "sesame",
            complete(Workerd::builder())
                .var("JWT_SECRET", JWT_SECRET)
                .var("POOL_PROXY_URL", "http://u:sesame@127.0.0.1:9"),
        ),
        (
            "PASSWORD_HASH",
            "md5",
            complete(Workerd::builder()).var("JWT_SECRET", JWT_SECRET).var("PASSWORD_HASH", "md5"),
        ),
    ];
    let cases = cases.into_iter().chain([
        // No service: the open network must not stand in for a private way.
        (
            "POOL_PROXY",
            "private",
            complete(Workerd::builder()).var("JWT_SECRET", JWT_SECRET).var("POOL_PROXY", "private"),
        ),
    ]);
    for (name, value, worker) in cases {
        let worker = worker.start().await;
        let answer = worker.request("GET", "/api/v1/blog/bulk").send().await.expect(500);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{name}");
        assert_eq!(answer.body["code"], "misconfigured", "{name}: {}", answer.text);
        assert!(answer.body["detail"].as_str().unwrap().contains(name), "{name}: {}", answer.text);
        assert!(!answer.header("x-request-id").is_empty(), "{name}");
        for shown in [&answer.text, &worker.log()] {
            assert!(value.is_empty() || !shown.contains(value), "{name} is shown: {shown}");
        }
        assert!(worker.log().contains(name), "{name} is not in the log: {}", worker.log());
    }
}

/// The checked-in configuration, apart from the build, which has been done: wrangler takes it as it is.
#[tokio::test]
async fn wrangler_would_deploy_it() {
    let scratch = Scratch::new();
    let text = fs::read_to_string(edge_api().join("wrangler.toml")).unwrap();
    let mut config: toml::Table = text.parse().unwrap();
    assert_eq!(config["keep_vars"].as_bool(), Some(true));
    assert!(edge_api().join(config["main"].as_str().unwrap()).parent().unwrap().ends_with("worker/build"));
    assert!(config.remove("build").is_some());
    config.insert("main".to_owned(), build().join("index.js").to_str().unwrap().into());
    let path = scratch.0.join("wrangler.toml");
    fs::write(&path, config.to_string()).unwrap();
    let output = Command::new(edge_api().join("node_modules/.bin/wrangler"))
        .args(["deploy", "--minify", "--dry-run", "--config"])
        .arg(&path)
        .current_dir(&scratch.0)
        .envs([("CI", "1"), ("WRANGLER_SEND_METRICS", "false"), ("WRANGLER_SEND_ERROR_REPORTS", "false")])
        .env("XDG_CONFIG_HOME", &scratch.0)
        .env("WRANGLER_LOG_PATH", &scratch.0)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap_or_else(|error| panic!("wrangler cannot be run, see `npm ci` in edge-api: {error}"));
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{printed}");
    // wrangler warns of what it does not know, such as a key that is misspelt; and that there is a newer wrangler.
    let warned = printed.split("WARNING").skip(1).find(|warning| !warning.contains("out-of-date"));
    assert!(warned.is_none(), "{printed}");
    for name in config["vars"].as_table().unwrap().keys() {
        assert!(printed.contains(&format!("env.{name}")), "{name}: {printed}");
    }
}
