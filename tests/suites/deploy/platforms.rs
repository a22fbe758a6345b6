//! Fly.io, Compose and systemd.

use std::process::Command;

use harness::Folder;
use toml::Table;

use super::parts::{
    accepted, binary, config, deploy, image_variables, printed, read, seconds, secret, with_tool, yaml,
};

/// What the drain takes at most: `drain_delay`, then the time that requests under way are given.
const DRAIN_SECONDS: u32 = 5 + 30;

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
    assert!(!fly.contains_key("metrics"), "Fly's collector cannot send the operators' token");
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
        is(&format!("{service}.security_opt.0"), "no-new-privileges:true");
        for limit in ["mem_limit", "cpus", "pids_limit"] {
            assert!(compose.contains_key(&format!("{service}.{limit}")), "{service}: {limit}");
        }
    }
    is("services.pool-proxy.build.context", "..");
    is("services.pool-proxy.build.dockerfile", "deploy/Dockerfile");
    is("services.pool-proxy.depends_on.postgres.condition", "service_healthy");
    is("services.pool-proxy.ports.0", "127.0.0.1:8080:8080");
    is("services.postgres.networks.0", "database");
    is("networks.database.internal", "true");
    assert!(!compose.keys().any(|path| path.starts_with("services.postgres.ports")));
    assert!(seconds(&compose["services.pool-proxy.stop_grace_period"]) > DRAIN_SECONDS);
    assert!(deploy("compose-init.sql").is_file());
    let mut variables = image_variables();
    for (path, value) in &compose {
        let Some(name) = path.strip_prefix("services.pool-proxy.environment.") else {
            continue;
        };
        assert!(!secret(name) || value.contains(":?"), "{name} is in the file");
        if !secret(name) {
            variables.push((name.to_owned(), value.clone()));
        }
    }
    accepted(&variables);
}

#[test]
fn the_edge_apis_file_fits_compose_and_the_binary() {
    let (compose, edge) = (yaml(&read("compose.yaml")), yaml(&read("compose.edge.yaml")));
    let within = &edge["services.pool-proxy.environment.POOL_PROXY_CONFIG"];
    assert_eq!(edge["services.pool-proxy.volumes.0"], format!("./pool-proxy.toml:{within}:ro"));
    assert!(read(".gitignore").lines().any(|line| line == "pool-proxy.toml"));

    let page = read("compose.md");
    // What the page calls the networks, they are called.
    for network in ["public", "database"] {
        assert!(page.contains(&format!("{}_{network} ", compose["name"])), "{network}");
    }
    let key = page.lines().find_map(|line| line.trim().strip_prefix("key new ")).unwrap();
    let answer = Command::new(binary()).env_clear().args(["key", "new"]).args(key.split(' ')).output().unwrap();
    let said = String::from_utf8(answer.stdout).unwrap();
    let entry = &said[said.find("[[keys]]").unwrap()..said.find("\n\nFor clients").unwrap()];
    let database = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let folder = Folder::new();
    let path = folder.write("pool-proxy.toml", format!("{database}\n{entry}\n"));
    let variables = [
        ("DATABASE_URL", "postgres://app:secret@postgres:5432/app?sslmode=disable"),
        ("POOL_PROXY_KEY", "0123456789abcdef0123456789abcdef"),
    ];
    let answer = config(&variables, Some(&path));
    assert!(answer.status.success(), "{}", printed(&answer));
}

#[test]
fn compose_is_accepted_by_docker_compose() {
    let works = Command::new("docker").args(["compose", "version"]).output();
    if !works.is_ok_and(|answer| answer.status.success()) {
        return eprintln!("Docker Compose is not installed: compose.yaml was checked by its structure alone");
    }
    let mut docker = Command::new("docker");
    docker.args(["compose", "--file"]).arg(deploy("compose.yaml")).arg("--file").arg(deploy("compose.edge.yaml"));
    docker.args(["config", "--quiet"]);
    docker.envs(["POSTGRES_PASSWORD", "APP_PASSWORD", "POOL_PROXY_KEY"].map(|name| (name, "0123456789abcdef")));
    let answer = docker.output().unwrap();
    assert!(answer.status.success(), "{}", printed(&answer));
}

// systemd

#[test]
fn the_unit_fits_the_binary() {
    let unit = read("pool-proxy.service");
    let has = |line: &str| assert!(unit.lines().any(|each| each == line), "{line}");
    for line in ["Type=exec", "DynamicUser=yes", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "UMask=0077"] {
        has(line);
    }
    for line in ["ProtectSystem=strict", "ProtectHome=yes", "KillSignal=SIGTERM", "SystemCallArchitectures=native"] {
        has(line);
    }
    has("ExecStart=/usr/local/bin/pool-proxy serve");
    has("ExecReload=/bin/kill -HUP $MAINPID");
    has("RestartPreventExitStatus=2");
    let stop = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
    assert!(seconds(stop) > DRAIN_SECONDS);
    // The only thing that is not on this machine is the installed binary.
    let unit = unit.replace("/usr/local/bin/pool-proxy", &binary().display().to_string());
    let folder = Folder::new();
    let path = folder.write("pool-proxy.service", &unit);
    with_tool("systemd-analyze", "--version", |tool| {
        let answer = tool.args(["verify", "--man=no"]).arg(&path).output().unwrap();
        let said = printed(&answer);
        assert!(answer.status.success() && !said.contains("pool-proxy.service:"), "{said}");
    });
    with_tool("systemd-analyze", "--version", |tool| {
        let answer = tool.args(["security", "--offline=true", "--threshold=14"]).arg(&path).output().unwrap();
        assert!(answer.status.success(), "exposed by more than 1.4\n{}", printed(&answer));
    });
}
