//! The build itself: cargo, then worker-build, which adds the JavaScript around the wasm.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::SystemTime;

use harness::{Error, target_dir};

use super::toolchain::{TARGET, Toolchain};
use super::tools::{self, Tools, WORKER_BUILD};
use super::turn;
use crate::cargo::root;
use crate::steps::Steps;
use crate::{npm, packages};

/// The Cargo profile of the Worker.
const PROFILE: &str = "worker";

/// What worker-build tells cargo. We tell it the same, so that what we have built it need not build again.
const ARGUMENTS: [&str; 8] =
    ["build", "--lib", "--profile", PROFILE, "--target", TARGET, "-Z", "build-std=std,panic_unwind"];
const FLAGS: &str = "-Cpanic=unwind";

/// Builds the Worker, with all that is missing for it, and hands back the folder it is in. Unless `optimise` is set,
/// the wasm stays as the compiler made it, somewhat larger.
pub(crate) fn build(optimise: bool, steps: &Steps) -> Result<PathBuf, Error> {
    let _turn = turn::take(steps)?;
    let shell = root().join("edge-api/worker");
    let (toolchain, tools) = prepare(&shell, steps)?;
    let stamp = Stamp { output: shell.join("build") };
    if !stamp.holds(optimise) {
        stamp.clear();
        let mut worker_build = toolchain.command(&tools.worker_build, &shell);
        worker_build.args(["--panic-unwind", "--profile", PROFILE]).env("CARGO_TARGET_DIR", wasm_dir());
        // A client that leaves would otherwise end its request between a change and what the cache has to forget.
        worker_build.env("RUN_TO_COMPLETION", "1");
        if !optimise {
            worker_build.arg("--no-opt");
        }
        tools.tell(&mut worker_build);
        steps.run("worker-build", worker_build)?;
        stamp.set(optimise)?;
    }
    Ok(stamp.output)
}

/// The packages of the machine that a build needs and that are missing.
pub(crate) fn missing_packages(steps: &Steps) -> Result<Vec<&'static str>, Error> {
    Ok([tools::missing_packages(), Toolchain::missing_packages(steps)?].concat())
}

/// Compiles the Worker and installs the tools: at the same time, for each leaves the cores gaps that the other fills.
fn prepare(shell: &Path, steps: &Steps) -> Result<(Toolchain, Tools), Error> {
    // Each of the two installs its own. Whoever has to do it by hand is told of all at once, and before anything else.
    if !packages::may_install() && !tools::missing_packages().is_empty() {
        return Err(packages::missing(&missing_packages(steps)?));
    }
    let (failures, first) = mpsc::channel();
    let failed = |error: Error| {
        steps.give_up();
        let _ = failures.send(error);
    };
    let (toolchain, tools) = thread::scope(|scope| {
        let tools = scope.spawn(|| {
            let installed = npm::install_with("edge-api", steps).and_then(|()| Tools::install(steps));
            installed.map_err(&failed)
        });
        let toolchain = Toolchain::prepare(steps);
        let compiled = toolchain.and_then(|it| compile(&it, shell, steps).map(|()| it)).map_err(&failed);
        (compiled, tools.join())
    });
    match (toolchain, tools) {
        (Ok(toolchain), Ok(Ok(tools))) => Ok((toolchain, tools)),
        // The other one's is no more than that it was ended for this one.
        _ => Err(first.try_recv().unwrap_or_else(|_| Error::new("installing the tools failed: please report this"))),
    }
}

/// Compiles the Worker.
fn compile(toolchain: &Toolchain, shell: &Path, steps: &Steps) -> Result<(), Error> {
    let flags = match env::var("RUSTFLAGS") {
        Ok(own) if !own.is_empty() => format!("{own} {FLAGS}"),
        _ => FLAGS.to_owned(),
    };
    let mut cargo = toolchain.command("cargo", shell);
    cargo.arg("+nightly").args(ARGUMENTS);
    cargo.env("RUSTFLAGS", flags).env("WASM_BINDGEN_USE_JS_SYS", "1").env("CARGO_TARGET_DIR", wasm_dir());
    steps.run("compiling the Worker", cargo)
}

/// Not the folder of all else: another compiler builds here, and each would build the other's parts again.
fn wasm_dir() -> PathBuf {
    target_dir().join("wasm")
}

/// A file beside the Worker that says what it was made from.
struct Stamp {
    output: PathBuf,
}

impl Stamp {
    fn path(&self) -> PathBuf {
        self.output.join("made-from")
    }

    /// Whether the Worker that is there is the one that would be made. One that was optimised is good for both.
    fn holds(&self, optimise: bool) -> bool {
        let found = fs::read_to_string(self.path()).unwrap_or_default();
        let is = |optimised| self.text(optimised).is_some_and(|text| text == found);
        is(true) || (!optimise && is(false))
    }

    fn clear(&self) {
        let _ = fs::remove_file(self.path());
    }

    fn set(&self, optimised: bool) -> Result<(), Error> {
        let text = self.text(optimised).ok_or_else(|| Error::new("worker-build made no Worker: please report this"))?;
        let path = self.path();
        fs::write(&path, text).map_err(Error::doing(path.display()))
    }

    /// What went in and what came out, by size and time.
    fn text(&self, optimised: bool) -> Option<String> {
        let compiled = wasm_dir().join(TARGET).join(PROFILE).join("edge_worker.wasm");
        let lock = root().join("edge-api/package-lock.json");
        let mut text = format!("worker-build {WORKER_BUILD}, run to completion, optimised: {optimised}\n");
        for file in [compiled, lock, self.output.join("index.js"), self.output.join("index_bg.wasm")] {
            let about = fs::metadata(&file).ok()?;
            let time = about.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            writeln!(text, "{} bytes at {} ns: {}", about.len(), time.as_nanos(), file.display()).ok()?;
        }
        Some(text)
    }
}
