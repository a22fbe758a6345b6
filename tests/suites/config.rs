//! `pool-proxy config`, and how `serve` refuses a configuration: the real binary, its words and its exit codes.

use std::env;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

const URL: &str = "postgres://app:geheim@db.internal/app";
const KEY: &str = "geheim, 0123456789";
const ENOUGH: [(&str, &str); 2] = [("DATABASE_URL", URL), ("POOL_PROXY_KEY", KEY)];

/// One call of the binary, with nothing of the developer's environment.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let given = env::var_os("POOL_PROXY_BIN").map(PathBuf::from);
    let binary = given.unwrap_or_else(|| harness::target_dir().join("debug").join("pool-proxy"));
    let mut command = Command::new(&binary);
    command.env_clear().args(arguments).envs(variables.iter().copied());
    command.output().unwrap_or_else(|error| panic!("{}: {error}", binary.display()))
}

/// What a call printed on standard output, then on standard error.
pub(crate) fn printed(answer: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&answer.stdout), text(&answer.stderr))
}

/// A configuration file of one test, removed with it.
pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn new(text: &str) -> Self {
        let path = env::temp_dir().join(format!("pool-proxy-suite-{}.toml", harness::random_hex(8)));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn shows_each_value_with_where_it_came_from() {
    let file = File::new("region = \"file\"\nlog = \"json,info\"\n");
    let variables = [ENOUGH[0], ENOUGH[1], ("POOL_PROXY_REGION", "fra")];
    let answer = run(&["config", "--config", file.path(), "--listen", "127.0.0.1:1234"], &variables);
    let (out, err) = printed(&answer);
    assert_eq!(answer.status.code(), Some(0), "{err}");
    let line = |key: &str| out.lines().find(|line| line.split_whitespace().next() == Some(key)).unwrap().to_owned();
    let origin = |key: &str| line(key).split_whitespace().next_back().unwrap().to_owned();
    assert_eq!(origin("listen"), "--listen");
    assert_eq!(origin("region"), "POOL_PROXY_REGION");
    assert_eq!(origin("log"), format!("{}:2", file.path()));
    assert_eq!(origin("pool.max"), "default");
    assert_eq!(origin("databases.default.url"), "DATABASE_URL");
    assert!(!out.contains("geheim") && !err.contains("geheim"), "{out}{err}");
}

#[test]
fn the_machine_is_named_by_its_platform_unless_it_has_a_name() {
    let fly = ("FLY_MACHINE_ID", "148ed123a14589");
    let named = ("POOL_PROXY_INSTANCE", "fra-1");
    for (variables, expected) in
        [(vec![fly], "148ed123a14589 FLY_MACHINE_ID"), (vec![fly, named], "fra-1 POOL_PROXY_INSTANCE")]
    {
        let (out, err) = printed(&run(&["config"], &[&ENOUGH[..], &variables].concat()));
        let line = out.lines().find(|line| line.starts_with("instance")).unwrap_or_else(|| panic!("{out}{err}"));
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        assert_eq!(words.join(" "), expected);
    }
}

#[test]
fn prints_json_for_machines() {
    let variables = [ENOUGH[0], ENOUGH[1], ("POOL_PROXY_LISTEN", "0.0.0.0:80")];
    let answer = run(&["config", "--json"], &variables);
    let (out, _) = printed(&answer);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["ok"], true);
    let entries = json["config"].as_array().unwrap();
    let listen = entries.iter().find(|entry| entry["key"] == "listen").unwrap();
    assert_eq!((&listen["value"], &listen["origin"]), (&"0.0.0.0:80".into(), &"POOL_PROXY_LISTEN".into()));
    assert!(json["warnings"][0].as_str().unwrap().contains("plain HTTP"), "{out}");
    assert!(!out.contains("geheim"), "{out}");
}

#[test]
fn every_command_tells_all_faults_and_exits_2() {
    let variables = [("DATABASE_URL", "mysql://geheim"), ("POOL_PROXY_KEY", "geheim"), ("POOL_PROXY_POOL_MAX", "none")];
    for command in ["config", "check", "serve"] {
        let answer = run(&[command], &variables);
        let (out, err) = printed(&answer);
        assert_eq!(answer.status.code(), Some(2), "{command}: {out}{err}");
        for key in
            ["databases.default.url = [hidden]", "POOL_PROXY_KEY = [hidden]", "pool.max = none (POOL_PROXY_POOL_MAX)"]
        {
            assert!(err.contains(key), "{command}: {err}");
        }
        assert!(!err.contains("geheim") && out.is_empty(), "{out}{err}");
    }
    for command in ["config", "check"] {
        let answer = run(&[command, "--json"], &variables);
        assert_eq!(answer.status.code(), Some(2));
        let json: Value = serde_json::from_str(&printed(&answer).0).unwrap();
        assert_eq!((&json["ok"], json["faults"].as_array().unwrap().len()), (&false.into(), 3));
    }
}

#[test]
fn an_unknown_key_names_its_line() {
    let file = File::new("[pool]\nmax = 3\nmaximum = 4\n");
    let answer = run(&["config"], &[ENOUGH[0], ENOUGH[1], ("POOL_PROXY_CONFIG", file.path())]);
    let (_, err) = printed(&answer);
    assert_eq!(answer.status.code(), Some(2));
    assert!(
        err.contains(&format!(
            "{}:3): unknown key `maximum`, expected one of `max`, `min_idle`, `transactions`, `shared_reads`, `max_lifetime`, `idle_timeout`",
            file.path()
        )),
        "{err}"
    );
}

#[test]
fn wrong_usage_exits_2_and_says_what_to_type() {
    let cases: [(&[&str], &str); 4] = [
        (&["chek"], "'check'"),
        (&["serve", "--lisen", "x"], "'--listen'"),
        (&["key"], "new"),
        (&[], "Usage: pool-proxy <COMMAND>"),
    ];
    for (arguments, expected) in cases {
        let answer = run(arguments, &[]);
        assert_eq!(answer.status.code(), Some(2), "{arguments:?}");
        assert!(printed(&answer).1.contains(expected), "{arguments:?}: {}", printed(&answer).1);
    }
    for arguments in [&["--version"][..], &["serve", "--version"], &["key", "new", "--help"], &["check", "--help"]] {
        let answer = run(arguments, &[]);
        assert_eq!(answer.status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn a_port_that_is_taken_exits_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let answer = run(&["serve", "--listen", &address, "--ops-listen", "127.0.0.1:0"], &ENOUGH);
    let (out, err) = printed(&answer);
    assert_eq!(answer.status.code(), Some(2), "{out}{err}");
    assert!(err.contains(&address), "{err}");
    assert!(!err.contains("geheim"), "{err}");
}
