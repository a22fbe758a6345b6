//! What the tests of `deploy/` share: its files, read and taken apart.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use toml::Value;

pub(super) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

pub(super) fn deploy(file: &str) -> PathBuf {
    root().join("deploy").join(file)
}

pub(super) fn read(file: &str) -> String {
    fs::read_to_string(deploy(file)).unwrap_or_else(|error| panic!("deploy/{file}: {error}"))
}

/// The files that lie in `deploy/` itself.
pub(super) fn artefacts() -> Vec<String> {
    let entries = fs::read_dir(deploy("")).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.path().is_file());
    let names = files.map(|entry| entry.file_name().into_string().unwrap());
    // A developer's own, for compose.yaml and compose.edge.yaml.
    names.filter(|name| ![".env", "pool-proxy.toml"].contains(&name.as_str())).collect()
}

pub(super) fn binary() -> PathBuf {
    let given = env::var_os("POOL_PROXY_BIN").map(PathBuf::from);
    let path = given.unwrap_or_else(|| harness::target_dir().join("debug").join("pool-proxy"));
    assert!(path.is_file(), "no proxy at {}: `cargo build -p pool-proxy` first", path.display());
    path
}

/// What `pool-proxy config` makes of these variables and this file.
pub(super) fn config(variables: &[(&str, &str)], file: Option<&Path>) -> Output {
    let mut command = Command::new(binary());
    command.env_clear().arg("config").envs(variables.iter().copied());
    if let Some(file) = file {
        command.arg("--config").arg(file);
    }
    command.output().unwrap()
}

/// `pool-proxy config` with these variables and the two that every set-up has; panics if it refuses them.
pub(super) fn accepted(variables: &[(String, String)]) -> Output {
    let mut all: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    all.push(("DATABASE_URL", "postgres://app:secret@postgres:5432/app?sslmode=disable"));
    all.push(("POOL_PROXY_KEY", "0123456789abcdef0123456789abcdef"));
    let answer = config(&all, None);
    assert!(answer.status.success(), "{variables:?}\n{}", printed(&answer));
    answer
}

pub(super) fn printed(answer: &Output) -> String {
    let [out, err] = [&answer.stdout, &answer.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

/// Does `check` with a linter of others if it is installed, and says so if it is not.
pub(super) fn with_tool(name: &str, version: &str, check: impl FnOnce(&mut Command)) {
    match Command::new(name).arg(version).output() {
        Ok(_) => check(&mut Command::new(name)),
        Err(_) => eprintln!("{name} is not installed: its check was left out"),
    }
}

/// The example with every line that is an option left out (`# key = value`) taken in.
pub(super) fn uncommented() -> String {
    let is_key = |text: &str| {
        let name = text.split(" = ").next().unwrap_or_default();
        text.contains(" = ") && name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
    };
    let text = read("pool-proxy.example.toml");
    let lines = text.lines().map(|line| line.strip_prefix("# ").filter(|text| is_key(text)).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths of all values below `value`; the entries of an array of tables count as one.
pub(super) fn leaves(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    let below = |key: &str| {
        if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
    };
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                leaves(&below(key), value, found);
            }
        }
        Value::Array(entries) if entries.iter().any(Value::is_table) => {
            for entry in entries {
                leaves(path, entry, found);
            }
        }
        _ => drop(found.insert(path.to_owned())),
    }
}

/// The instructions of the Dockerfile, one a line, without comments.
pub(super) fn instructions() -> Vec<String> {
    let joined = read("Dockerfile").replace("\\\n", " ");
    let lines = joined.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

pub(super) fn final_stage() -> Vec<String> {
    let all = instructions();
    let start = all.iter().rposition(|line| line.starts_with("FROM ")).unwrap();
    all[start..].to_vec()
}

/// What the Dockerfile copies from the repository.
pub(super) fn copied() -> Vec<String> {
    let all = instructions();
    let copies = all.iter().filter_map(|line| line.strip_prefix("COPY ")).filter(|copy| !copy.starts_with("--from"));
    let sources = copies.flat_map(|copy| copy.rsplit_once(' ').unwrap().0.split(' '));
    sources.map(str::to_owned).collect()
}

/// The variables that the image sets.
pub(super) fn image_variables() -> Vec<(String, String)> {
    let last = final_stage();
    let settings = last.iter().filter_map(|line| line.strip_prefix("ENV ")?.split_once('='));
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Copies a file or folder as `Dockerfile.dockerignore` lets it through.
pub(super) fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        return;
    }
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let left_out = ["target", "node_modules", "clients"].iter().any(|each| name == *each);
        if !left_out && !name.to_string_lossy().starts_with(".env") {
            copy(&entry.path(), &to.join(&name));
        }
    }
}

/// The scalars of a YAML text in plain block style, by path (`services.postgres.cap_drop.0`). Anything finer is
/// refused: the file keeps to what everybody can read.
pub(super) fn yaml(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open: Vec<(usize, &str)> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        let body = line.trim_start_matches(' ');
        let indent = line.len() - body.len();
        open.retain(|(outer, _)| *outer < indent);
        let path: String = open.iter().flat_map(|(_, key)| [key, "."]).collect();
        let plain =
            |value: &str| !value.starts_with(['[', '{', '&', '*', '|', '>', '"', '\'']) && !value.contains(" #");
        if let Some(item) = body.strip_prefix("- ").filter(|item| plain(item)) {
            let next = found.keys().filter(|key: &&String| key.starts_with(&path)).count();
            found.insert(format!("{path}{next}"), item.to_owned());
        } else if let Some((key, value)) = body.split_once(": ").filter(|(_, value)| plain(value)) {
            found.insert(format!("{path}{key}"), value.to_owned());
        } else if let Some(key) = body.strip_suffix(':') {
            open.push((indent, key));
        } else {
            panic!("compose.yaml: not in plain block style: {line}");
        }
    }
    found
}

pub(super) fn seconds(text: &str) -> u32 {
    text.trim_end_matches('s').parse().unwrap_or_else(|_| panic!("{text}: expected seconds, such as 45s"))
}

pub(super) fn secret(variable: &str) -> bool {
    ["DATABASE_URL", "POOL_PROXY_KEY"].contains(&variable)
}

/// The proxy's variables that a text names.
pub(super) fn variables(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
    words.filter(|word| word.starts_with("POOL_PROXY_") || *word == "DATABASE_URL").map(str::to_owned).collect()
}
