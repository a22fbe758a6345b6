//! The Dockerfile.

use harness::Folder;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use toml::Table;

use super::parts::{
    accepted, binary, copied, copy, deploy, final_stage, image_variables, printed, read, root, with_tool,
};

#[test]
fn the_image_gets_the_whole_workspace_and_nothing_else() {
    let sources = copied();
    let ignored = read("Dockerfile.dockerignore");
    let rules: Vec<&str> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(rules.first(), Some(&"*"), "everything is left out first");
    for source in &sources {
        assert!(root().join(source).exists(), "COPY {source}: not there");
        assert!(rules.contains(&format!("!{source}").as_str()), "{source} does not reach the build");
    }
    let manifest: Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    for member in manifest["workspace"]["members"].as_array().unwrap() {
        let member = member.as_str().unwrap();
        let inside = sources.iter().any(|source| Path::new(member).starts_with(source));
        assert!(inside, "cargo reads {member}/Cargo.toml, and the Dockerfile does not copy it");
    }
}

#[test]
fn cargo_accepts_what_the_image_gets() {
    let folder = Folder::new();
    for source in copied() {
        copy(&root().join(&source), &folder.root().join(&source));
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["tree", "--locked", "--offline", "--package", "pool-proxy", "--edges", "normal,build"]);
    let answer = cargo.current_dir(folder.root()).output().unwrap();
    assert!(answer.status.success(), "{}", printed(&answer));
}

#[test]
fn the_image_runs_the_binary_without_root() {
    let last = final_stage();
    let value = |name: &str| {
        let mut lines = last.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        lines.next_back().unwrap_or_else(|| panic!("no {name} in the final stage"))
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
        let names: Vec<&str> =
            text.lines().filter_map(|line| line.split_whitespace().next()?.rsplit('/').next()).collect();
        assert!(names.contains(&"libc.so.6"), "{text}");
        let given = ["linux-vdso.so.1", "libc.so.6", "libm.so.6", "libgcc_s.so.1"];
        let lacking: Vec<&&str> =
            names.iter().filter(|name| !given.contains(name) && !name.starts_with("ld-linux")).collect();
        assert!(lacking.is_empty(), "not in the final image: {lacking:?}");
    });
}

#[test]
fn the_image_listens_where_its_port_is() {
    let variables = image_variables();
    let answer = accepted(&variables);
    let said = printed(&answer);
    assert!(said.contains("0.0.0.0:8080"), "{said}");
    assert!(said.contains("127.0.0.1:9080"), "the operators' listener stays on loopback: {said}");
}
