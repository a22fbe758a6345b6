//! What lies in `deploy/` fits the binary, the workspace and each other. No image is built here: that needs a Docker
//! engine. Linters of others (Docker Compose, hadolint, systemd-analyze) join in where they are installed.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use toml::{Table, Value};

/// What the drain takes at most: `drain_delay`, then the time that requests under way are given.
const DRAIN_SECONDS: u32 = 5 + 30;

/// Every setting of the configuration file, as `section.key`.
const SETTINGS: &str = "listen region log drain_delay ops.listen ops.token tls.cert tls.key cors.origins cache.bytes \
    pool.max pool.min_idle limits.query limits.queue limits.transaction limits.request_bytes limits.response_bytes \
    databases.default.url databases.default.url_file databases.default.root_cert databases.default.pool.max \
    databases.default.pool.min_idle databases.default.limits.query databases.default.limits.queue \
    databases.default.limits.transaction databases.default.limits.request_bytes \
    databases.default.limits.response_bytes keys.name keys.hash keys.databases keys.read_only keys.role keys.expires";

// The example file

#[test]
fn the_example_is_accepted() {
    let answer = config(&[], Some(&deploy("pool-proxy.example.toml")));
    assert!(answer.status.success(), "{}", printed(&answer));
}

#[test]
fn the_example_has_every_setting_and_no_other() {
    let example: Table = uncommented().parse().unwrap();
    let settings: Vec<&str> = SETTINGS.split_whitespace().collect();
    let mut found = BTreeSet::new();
    leaves("", &Value::Table(example), &mut found);
    for setting in &settings {
        assert!(found.contains(*setting), "{setting} is not in the example");
    }
    let same = |path: &str| path.replace("databases.public.", "databases.default.");
    let unknown: Vec<&String> = found
        .iter()
        .filter(|path| !settings.contains(&same(path).as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn options_left_out_of_the_example_are_known_to_the_binary() {
    let folder = Folder::new();
    // Files that do not exist here would be faults of their own.
    let files = ["cert =", "key =", "url_file =", "root_cert ="];
    let is_file = |line: &&str| files.iter().any(|file| line.starts_with(file));
    let text: Vec<String> = uncommented()
        .lines()
        .filter(|line| !is_file(line))
        .map(str::to_owned)
        .collect();
    let path = folder.write("pool-proxy.toml", &text.join("\n"));
    let answer = config(&[], Some(&path));
    assert!(answer.status.success(), "{}", printed(&answer));
    for missing in [
        "[tls]\ncert = \"/absent\"\nkey = \"/absent\"",
        "[databases.default]\nurl_file = \"/absent\"",
    ] {
        let path = folder.write("missing.toml", missing);
        let said = printed(&config(
            &[("POOL_PROXY_KEY", "a key of the tests")],
            Some(&path),
        ));
        assert!(
            !said.to_lowercase().contains("unknown"),
            "{missing}\n{said}"
        );
    }
}

// The image

#[test]
fn the_image_gets_the_whole_workspace_and_nothing_else() {
    let sources = copied();
    let ignored = read("Dockerfile.dockerignore");
    let rules: Vec<&str> = ignored
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(rules.first(), Some(&"*"), "everything is left out first");
    for source in &sources {
        assert!(root().join(source).exists(), "COPY {source}: not there");
        assert!(
            rules.contains(&format!("!{source}").as_str()),
            "{source} does not reach the build"
        );
    }
    let manifest: Table = fs::read_to_string(root().join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    for member in manifest["workspace"]["members"].as_array().unwrap() {
        let member = member.as_str().unwrap();
        let inside = sources
            .iter()
            .any(|source| Path::new(member).starts_with(source));
        assert!(
            inside,
            "cargo reads {member}/Cargo.toml, and the Dockerfile does not copy it"
        );
    }
}

#[test]
fn cargo_accepts_what_the_image_gets() {
    let folder = Folder::new();
    for source in copied() {
        copy(&root().join(&source), &folder.0.join(&source));
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "tree",
        "--locked",
        "--offline",
        "--package",
        "pool-proxy",
        "--edges",
        "normal,build",
    ]);
    let answer = cargo.current_dir(&folder.0).output().unwrap();
    assert!(answer.status.success(), "{}", printed(&answer));
}

#[test]
fn the_image_runs_the_binary_without_root() {
    let last = final_stage();
    let value = |name: &str| {
        let mut lines = last
            .iter()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        lines
            .next_back()
            .unwrap_or_else(|| panic!("no {name} in the final stage"))
    };
    let user = value("USER").split(':').next().unwrap();
    assert!(user.parse::<u32>().is_ok_and(|id| id > 0), "USER {user}");
    let (_, target) = value("COPY").rsplit_once(' ').unwrap();
    assert_eq!(value("ENTRYPOINT"), format!("[\"{target}\"]"));
    assert_eq!(Path::new(target).file_name().unwrap(), "pool-proxy");
    assert_eq!(value("CMD"), "[\"serve\"]");
    assert_eq!(value("STOPSIGNAL"), "SIGTERM");
    assert_eq!(value("EXPOSE"), "8080 9080");
    assert!(read("Dockerfile").contains("cargo build --release --locked -p pool-proxy "));
    with_tool("hadolint", "--version", |tool| {
        let answer = tool.arg(deploy("Dockerfile")).output().unwrap();
        assert!(answer.status.success(), "{}", printed(&answer));
    });
}

#[test]
fn the_image_has_the_libraries_that_the_binary_needs() {
    with_tool("ldd", "--version", |tool| {
        let answer = tool.arg(binary()).output().unwrap();
        let text = String::from_utf8(answer.stdout).unwrap();
        let names: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_whitespace().next()?.rsplit('/').next())
            .collect();
        assert!(names.contains(&"libc.so.6"), "{text}");
        let given = ["linux-vdso.so.1", "libc.so.6", "libm.so.6", "libgcc_s.so.1"];
        let lacking: Vec<&&str> = names
            .iter()
            .filter(|name| !given.contains(name) && !name.starts_with("ld-linux"))
            .collect();
        assert!(lacking.is_empty(), "not in the final image: {lacking:?}");
    });
}

#[test]
fn the_image_listens_where_its_port_is() {
    let variables = image_variables();
    let answer = accepted(&variables);
    let said = printed(&answer);
    assert!(said.contains("0.0.0.0:8080"), "{said}");
    assert!(
        said.contains("127.0.0.1:9080"),
        "the operators' listener stays on loopback: {said}"
    );
}

// Fly.io

#[test]
fn fly_fits_the_image_and_the_binary() {
    let fly: Table = read("fly.toml").parse().unwrap();
    for file in ["dockerfile", "ignorefile"] {
        assert!(deploy(fly["build"][file].as_str().unwrap()).is_file());
    }
    let service = &fly["http_service"];
    assert_eq!(service["internal_port"].as_integer(), Some(8080));
    assert_eq!(service["checks"][0]["path"].as_str(), Some("/health"));
    assert_eq!(fly["kill_signal"].as_str(), Some("SIGTERM"));
    assert!(seconds(fly["kill_timeout"].as_str().unwrap()) > DRAIN_SECONDS);
    let mut variables = image_variables();
    for (name, value) in fly["env"].as_table().unwrap() {
        assert!(!secret(name), "{name} belongs into `fly secrets`");
        variables.push((name.clone(), value.as_str().unwrap().to_owned()));
    }
    assert_eq!(fly["env"]["POOL_PROXY_REGION"], fly["primary_region"]);
    accepted(&variables);
    assert!(
        !fly.contains_key("metrics"),
        "Fly's collector cannot send the operators' token"
    );
}

// Compose

#[test]
fn compose_is_closed_and_fits_the_image() {
    let compose = yaml(&read("compose.yaml"));
    let is = |path: &str, value: &str| {
        assert_eq!(compose.get(path).map(String::as_str), Some(value), "{path}");
    };
    for service in ["services.postgres", "services.pool-proxy"] {
        is(&format!("{service}.cap_drop.0"), "ALL");
        is(&format!("{service}.read_only"), "true");
        is(
            &format!("{service}.security_opt.0"),
            "no-new-privileges:true",
        );
        for limit in ["mem_limit", "cpus", "pids_limit"] {
            assert!(
                compose.contains_key(&format!("{service}.{limit}")),
                "{service}: {limit}"
            );
        }
    }
    is("services.pool-proxy.build.context", "..");
    is("services.pool-proxy.build.dockerfile", "deploy/Dockerfile");
    is(
        "services.pool-proxy.depends_on.postgres.condition",
        "service_healthy",
    );
    is("services.pool-proxy.ports.0", "127.0.0.1:8080:8080");
    is("services.postgres.networks.0", "database");
    is("networks.database.internal", "true");
    assert!(
        !compose
            .keys()
            .any(|path| path.starts_with("services.postgres.ports"))
    );
    assert!(seconds(&compose["services.pool-proxy.stop_grace_period"]) > DRAIN_SECONDS);
    assert!(deploy("compose-init.sql").is_file());
    let mut variables = image_variables();
    for (path, value) in &compose {
        let Some(name) = path.strip_prefix("services.pool-proxy.environment.") else {
            continue;
        };
        assert!(
            !secret(name) || value.contains(":?"),
            "{name} is in the file"
        );
        if !secret(name) {
            variables.push((name.to_owned(), value.clone()));
        }
    }
    accepted(&variables);
}

#[test]
fn compose_is_accepted_by_docker_compose() {
    let works = Command::new("docker").args(["compose", "version"]).output();
    if !works.is_ok_and(|answer| answer.status.success()) {
        return eprintln!(
            "Docker Compose is not installed: compose.yaml was checked by its structure alone"
        );
    }
    let mut docker = Command::new("docker");
    docker
        .args(["compose", "--file"])
        .arg(deploy("compose.yaml"))
        .args(["config", "--quiet"]);
    docker.envs(
        ["POSTGRES_PASSWORD", "APP_PASSWORD", "POOL_PROXY_KEY"]
            .map(|name| (name, "0123456789abcdef")),
    );
    let answer = docker.output().unwrap();
    assert!(answer.status.success(), "{}", printed(&answer));
}

// systemd

#[test]
fn the_unit_fits_the_binary() {
    let unit = read("pool-proxy.service");
    let has = |line: &str| assert!(unit.lines().any(|each| each == line), "{line}");
    for line in [
        "Type=exec",
        "DynamicUser=yes",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "UMask=0077",
    ] {
        has(line);
    }
    for line in [
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "KillSignal=SIGTERM",
        "SystemCallArchitectures=native",
    ] {
        has(line);
    }
    has("ExecStart=/usr/local/bin/pool-proxy serve");
    has("ExecReload=/bin/kill -HUP $MAINPID");
    has("RestartPreventExitStatus=2");
    let stop = unit
        .lines()
        .find_map(|line| line.strip_prefix("TimeoutStopSec="))
        .unwrap();
    assert!(seconds(stop) > DRAIN_SECONDS);
    // The only thing that is not on this machine is the installed binary.
    let unit = unit.replace("/usr/local/bin/pool-proxy", &binary().display().to_string());
    let folder = Folder::new();
    let path = folder.write("pool-proxy.service", &unit);
    with_tool("systemd-analyze", "--version", |tool| {
        let answer = tool
            .args(["verify", "--man=no"])
            .arg(&path)
            .output()
            .unwrap();
        let said = printed(&answer);
        assert!(
            answer.status.success() && !said.contains("pool-proxy.service:"),
            "{said}"
        );
    });
    with_tool("systemd-analyze", "--version", |tool| {
        let answer = tool
            .args(["security", "--offline=true", "--threshold=20"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(
            answer.status.success(),
            "exposed by more than 2.0\n{}",
            printed(&answer)
        );
    });
}

// Grants

/// Said after `grants.sql`, by a superuser, in the same transaction.
const AFTER_GRANTS: &str = r"
    CREATE TABLE public.later (id int);
    DO $$ BEGIN
        ASSERT NOT has_table_privilege('pool_proxy', 'public.earlier', 'SELECT'), 'the login inherits';
        ASSERT NOT has_table_privilege('web_anon', 'public.earlier', 'SELECT'), 'web_anon reads unasked';
        ASSERT has_table_privilege('web_read', 'public.earlier', 'SELECT'), 'web_read cannot read';
        ASSERT has_table_privilege('web_read', 'public.later', 'SELECT'), 'web_read cannot read a later table';
        ASSERT NOT has_table_privilege('web_read', 'public.later', 'INSERT, UPDATE, DELETE'), 'web_read writes';
        ASSERT NOT has_schema_privilege('web_read', 'public', 'CREATE'), 'web_read creates tables';
        ASSERT has_database_privilege('pool_proxy', current_database(), 'TEMPORARY'), 'no statement analysis';
    END $$;
    SET LOCAL SESSION AUTHORIZATION pool_proxy;
    DO $$ BEGIN
        PERFORM * FROM public.earlier;
        RAISE 'the login reads';
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END $$;
    SET LOCAL ROLE web_read;
    SELECT * FROM public.earlier;
    DO $$ BEGIN
        INSERT INTO public.earlier VALUES (1);
        RAISE 'web_read writes';
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END $$;
";

#[tokio::test]
async fn the_grants_give_the_login_nothing_and_the_roles_what_they_say() {
    let database = harness::fresh_database().await;
    let grants = read("grants.sql");
    // Roles belong to the whole cluster: rolled back, so that no other test meets them. Twice: it may be run again.
    let sql = format!(
        "BEGIN; CREATE TABLE public.earlier (id int); {grants} {grants} {AFTER_GRANTS} ROLLBACK"
    );
    database.batch(&sql).await;
}

// The pages

#[test]
fn every_variable_is_explained() {
    let page = variables(&read("configuration.md"));
    let readme = variables(&fs::read_to_string(root().join("README.md")).unwrap());
    for file in artefacts() {
        let unknown: Vec<String> = variables(&read(&file)).difference(&page).cloned().collect();
        assert!(
            unknown.is_empty(),
            "{file} uses {unknown:?}, which configuration.md does not explain"
        );
    }
    let unknown: Vec<&String> = page.difference(&readme).collect();
    assert!(
        unknown.is_empty(),
        "configuration.md explains {unknown:?}, which README.md does not list"
    );
}

#[test]
fn the_pages_name_files_that_exist() {
    let is_page = |file: &&String| Path::new(file).extension().is_some_and(|kind| kind == "md");
    for page in artefacts().iter().filter(is_page) {
        let text = read(page);
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap();
            assert!(deploy(file).exists(), "{page} links to {link}");
        }
    }
}

// Helpers

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn deploy(file: &str) -> PathBuf {
    root().join("deploy").join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(deploy(file)).unwrap_or_else(|error| panic!("deploy/{file}: {error}"))
}

/// The files that lie in `deploy/` itself.
fn artefacts() -> Vec<String> {
    let entries = fs::read_dir(deploy("")).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.path().is_file());
    let names = files.map(|entry| entry.file_name().into_string().unwrap());
    // A developer's own secrets for compose.yaml.
    names.filter(|name| name != ".env").collect()
}

fn binary() -> PathBuf {
    let given = env::var_os("POOL_PROXY_BIN").map(PathBuf::from);
    let path = given.unwrap_or_else(|| harness::target_dir().join("debug").join("pool-proxy"));
    assert!(
        path.is_file(),
        "no proxy at {}: `cargo build -p pool-proxy` first",
        path.display()
    );
    path
}

/// What `pool-proxy config` makes of these variables and this file.
fn config(variables: &[(&str, &str)], file: Option<&Path>) -> Output {
    let mut command = Command::new(binary());
    command
        .env_clear()
        .arg("config")
        .envs(variables.iter().copied());
    if let Some(file) = file {
        command.arg("--config").arg(file);
    }
    command.output().unwrap()
}

/// `pool-proxy config` with these variables and the two that every set-up has; panics if it refuses them.
fn accepted(variables: &[(String, String)]) -> Output {
    let mut all: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    all.push((
        "DATABASE_URL",
        "postgres://app:secret@postgres:5432/app?sslmode=disable",
    ));
    all.push(("POOL_PROXY_KEY", "0123456789abcdef0123456789abcdef"));
    let answer = config(&all, None);
    assert!(
        answer.status.success(),
        "{variables:?}\n{}",
        printed(&answer)
    );
    answer
}

fn printed(answer: &Output) -> String {
    let [out, err] = [&answer.stdout, &answer.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

/// Does `check` with a linter of others if it is installed, and says so if it is not.
fn with_tool(name: &str, version: &str, check: impl FnOnce(&mut Command)) {
    match Command::new(name).arg(version).output() {
        Ok(_) => check(&mut Command::new(name)),
        Err(_) => eprintln!("{name} is not installed: its check was left out"),
    }
}

/// The example with every line that is an option left out (`# key = value`) taken in.
fn uncommented() -> String {
    let is_key = |text: &str| {
        let name = text.split(" = ").next().unwrap_or_default();
        text.contains(" = ")
            && name
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter == '_')
    };
    let text = read("pool-proxy.example.toml");
    let lines = text.lines().map(|line| {
        line.strip_prefix("# ")
            .filter(|text| is_key(text))
            .unwrap_or(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths of all values below `value`; the entries of an array of tables count as one.
fn leaves(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    let below = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
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
fn instructions() -> Vec<String> {
    let joined = read("Dockerfile").replace("\\\n", " ");
    let lines = joined
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn final_stage() -> Vec<String> {
    let all = instructions();
    let start = all
        .iter()
        .rposition(|line| line.starts_with("FROM "))
        .unwrap();
    all[start..].to_vec()
}

/// What the Dockerfile copies from the repository.
fn copied() -> Vec<String> {
    let all = instructions();
    let copies = all
        .iter()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|copy| !copy.starts_with("--from"));
    let sources = copies.flat_map(|copy| copy.rsplit_once(' ').unwrap().0.split(' '));
    sources.map(str::to_owned).collect()
}

/// The variables that the image sets.
fn image_variables() -> Vec<(String, String)> {
    let last = final_stage();
    let settings = last
        .iter()
        .filter_map(|line| line.strip_prefix("ENV ")?.split_once('='));
    settings
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Copies a file or folder as `Dockerfile.dockerignore` lets it through.
fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        return;
    }
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let left_out = ["target", "node_modules", "clients"]
            .iter()
            .any(|each| name == *each);
        if !left_out && !name.to_string_lossy().starts_with(".env") {
            copy(&entry.path(), &to.join(&name));
        }
    }
}

/// The scalars of a YAML text in plain block style, by path (`services.postgres.cap_drop.0`). Anything finer is
/// refused: the file keeps to what everybody can read.
fn yaml(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open: Vec<(usize, &str)> = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
    {
        let body = line.trim_start_matches(' ');
        let indent = line.len() - body.len();
        open.retain(|(outer, _)| *outer < indent);
        let path: String = open.iter().flat_map(|(_, key)| [key, "."]).collect();
        let plain = |value: &str| {
            !value.starts_with(['[', '{', '&', '*', '|', '>', '"', '\'']) && !value.contains(" #")
        };
        if let Some(item) = body.strip_prefix("- ").filter(|item| plain(item)) {
            let next = found
                .keys()
                .filter(|key: &&String| key.starts_with(&path))
                .count();
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

fn seconds(text: &str) -> u32 {
    text.trim_end_matches('s')
        .parse()
        .unwrap_or_else(|_| panic!("{text}: expected seconds, such as 45s"))
}

fn secret(variable: &str) -> bool {
    ["DATABASE_URL", "POOL_PROXY_KEY"].contains(&variable)
}

/// The proxy's variables that a text names.
fn variables(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
    words
        .filter(|word| word.starts_with("POOL_PROXY_") || *word == "DATABASE_URL")
        .map(str::to_owned)
        .collect()
}

/// A folder of one test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = env::temp_dir().join(format!("pool-proxy-deploy-{}", harness::random_hex(8)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
