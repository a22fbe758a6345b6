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
    let file = read("Dockerfile");
    assert!(file.contains(
        "RUSTFLAGS=\"-C target-feature=+crt-static\" cargo build --release --locked -p pool-proxy --target "
    ));
    assert_eq!(
        last[0], "FROM gcr.io/distroless/static-debian12:nonroot",
        "a base without a C library, for a binary with one"
    );
    with_tool("hadolint", "--version", |tool| {
        let answer = tool.arg(deploy("Dockerfile")).output().unwrap();
        assert!(answer.status.success(), "{}", printed(&answer));
    });
}

/// The C library and its math are put into the binary; what else it may need must have a part that can be, too.
#[test]
fn the_binary_needs_nothing_that_cannot_be_put_into_it() {
    with_tool("ldd", "--version", |tool| {
        let answer = tool.arg(binary()).output().unwrap();
        let text = String::from_utf8(answer.stdout).unwrap();
        let names: Vec<&str> =
            text.lines().filter_map(|line| line.split_whitespace().next()?.rsplit('/').next()).collect();
        assert!(names.contains(&"libc.so.6"), "{text}");
        let given = ["linux-vdso.so.1", "libc.so.6", "libm.so.6", "libgcc_s.so.1"];
        let lacking: Vec<&&str> =
            names.iter().filter(|name| !given.contains(name) && !name.starts_with("ld-linux")).collect();
        assert!(lacking.is_empty(), "not in the binary: {lacking:?}");
    });
}

/// A number that stands before a unit in a sentence of the page.
fn megabytes(page: &str, before: &str) -> f64 {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("docker.md does not say: {before}"));
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn the_page_says_how_small_the_image_is() {
    let page = read("docker.md");
    let (program, base, all) =
        (megabytes(&page, "the program is "), megabytes(&page, "the base is about "), megabytes(&page, "**under "));
    assert!(program + base < all && all <= 30.0, "{program} {base} {all}");
    // Where one was built as the image's is.
    let target = harness::target_dir().join(format!("{}-unknown-linux-gnu/release/pool-proxy", env::consts::ARCH));
    if let Ok(built) = fs::metadata(&target) {
        let size = f64::from(u32::try_from(built.len()).unwrap()) / 1e6;
        assert!(size < program + 3.0, "docker.md says {program} MB, and it is {size}");
    }
}

#[test]
fn the_image_listens_where_its_port_is() {
    let variables = image_variables();
    let answer = accepted(&variables);
    let said = printed(&answer);
    assert!(said.contains("0.0.0.0:8080"), "{said}");
    assert!(said.contains("127.0.0.1:9080"), "the operators' listener stays on loopback: {said}");
}
