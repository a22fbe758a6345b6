//! The npm package `edge-api/common` as front ends have it: generated from the Rust types, compiled, packed, installed,
//! bundled, and telling the whole story to the API.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use harness::random_hex;
use tokio::process::Command;

use super::blog::Blog;

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../edge-api/common");
    let installed = folder.join("node_modules/.package-lock.json");
    assert!(installed.is_file(), "its packages are not installed: run `npm ci` in edge-api/common");
    folder.canonicalize().expect("the folder is there")
}

/// A folder of the test's own, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("edge-api-common-{}", random_hex(8)));
        fs::create_dir(&path).expect("a temporary folder");
        Self(path.canonicalize().expect("it is there"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a temporary file");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a program to its end, and gives what it printed; panics with that if it fails.
async fn run(folder: &Path, program: impl AsRef<OsStr>, arguments: &[&str]) -> String {
    let program = program.as_ref();
    let output = Command::new(program).args(arguments).current_dir(folder).kill_on_drop(true).output().await;
    let name = program.to_string_lossy();
    let output = output.unwrap_or_else(|error| panic!("`{name}` cannot be run, please install it: {error}"));
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{name} {arguments:?}\n{printed}");
    printed
}

/// A tool among the development dependencies.
fn tool(name: &str) -> PathBuf {
    folder().join("node_modules/.bin").join(name)
}

/// The package, compiled in a folder of its own: tests run side by side, and all would write to the same `dist`.
async fn compiled() -> Scratch {
    let (from, to) = (folder(), Scratch::new());
    for part in ["src", "test"] {
        fs::create_dir(to.path(part)).expect("a folder");
        for file in fs::read_dir(from.join(part)).expect("its sources").flatten() {
            fs::copy(file.path(), to.path(part).join(file.file_name())).expect("a copy");
        }
    }
    for file in ["package.json", "tsconfig.json", "README.md"] {
        fs::copy(from.join(file), to.path(file)).expect("a copy");
    }
    std::os::unix::fs::symlink(from.join("node_modules"), to.path("node_modules")).expect("a link");
    run(&to.0, tool("tsc"), &[]).await;
    to
}

/// A project that has installed the packed package and Zod, and nothing else, without a network.
async fn project() -> Scratch {
    let package = compiled().await;
    let project = Scratch::new();
    let here = project.0.to_string_lossy();
    let zod = folder().join("node_modules/zod");
    for packed in [&package.0, &zod] {
        run(packed, "npm", &["pack", "--ignore-scripts", "--pack-destination", &here]).await;
    }
    project.write("package.json", r#"{ "name": "front-end", "private": true, "type": "module" }"#);
    let packed = fs::read_dir(&project.0).expect("the project").flatten().map(|file| file.path());
    let packed = packed.filter(|path| path.extension().is_some_and(|extension| extension == "tgz"));
    let tarballs: Vec<String> = packed.map(|path| path.to_string_lossy().into_owned()).collect();
    assert_eq!(tarballs.len(), 2, "{tarballs:?}");
    // With a cache of its own, which is empty.
    let mut install = vec!["install", "--offline", "--no-audit", "--no-fund", "--cache", "cache"];
    install.extend(tarballs.iter().map(String::as_str));
    run(&project.0, "npm", &install).await;
    assert!(!project.path("node_modules/edge-api-common/node_modules").exists(), "it has a Zod of its own");
    for only in ["src", "test", "generate.mjs"] {
        assert!(!project.path("node_modules/edge-api-common").join(only).exists(), "{only} is packed");
    }
    project
}

/// The README's examples in TypeScript.
fn examples() -> Vec<String> {
    let readme = fs::read_to_string(folder().join("README.md")).expect("README.md is there");
    let blocks = readme.split("```ts\n").skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// Tells the story of `edge-api/common/test/live.mjs` to the API at this URL.
pub(super) async fn tell_the_story(url: &str) {
    let package = compiled().await;
    let told = run(&package.0, "node", &["test/live.mjs", url]).await;
    assert!(told.lines().filter(|line| line.starts_with("ok ")).count() > 10, "{told}");
}

#[tokio::test]
async fn the_schemas_are_what_the_rust_types_give() {
    let scratch = Scratch::new();
    let schemas = edge_app::schema::all();
    // Not a map of serde_json's: they keep their order.
    let members = schemas.iter().map(|(name, schema)| format!("\"{name}\":{}", schema.as_value()));
    scratch.write("schemas.json", &format!("{{{}}}", members.collect::<Vec<_>>().join(",")));
    let (input, output) = (scratch.path("schemas.json"), scratch.path("schemas.ts"));
    let arguments = ["generate.mjs", &input.to_string_lossy(), &output.to_string_lossy()];
    run(&folder(), "node", &arguments).await;
    let generated = fs::read_to_string(output).expect("it was generated");
    let checked_in = fs::read_to_string(folder().join("src/schemas.ts")).expect("it is checked in");
    for (name, _) in &schemas {
        assert!(generated.contains(&format!("export const {name} = ")), "there is no {name}");
        assert!(
            generated.contains(&format!("export type {name} = z.infer<typeof {name}>;")),
            "there is no type {name}"
        );
    }
    let different = generated.lines().zip(checked_in.lines()).find(|(new, old)| new != old);
    assert!(
        generated == checked_in,
        "edge-api/common/src/schemas.ts is not what the types in edge-api/app give: run `npm run generate` in \
         edge-api/common; the first difference is {different:?}"
    );
}

#[tokio::test]
async fn its_own_tests_pass() {
    let package = compiled().await;
    let files = ["--test", "--test-reporter=spec", "test/schemas.test.mjs", "test/client.test.mjs"];
    let printed = run(&package.0, "node", &files).await;
    let count = |what: &str| {
        let lines = printed.lines();
        let number = lines.filter_map(|line| line.strip_prefix(&format!("ℹ {what} "))).next_back();
        number.and_then(|number| number.parse::<u64>().ok())
    };
    assert!(count("pass") == count("tests") && count("pass") > Some(10), "{printed}");
}

#[tokio::test]
async fn a_fresh_project_types_runs_and_bundles_it() {
    let project = project().await;
    types(&project).await;
    runs(&project).await;
    bundles(&project).await;
}

/// The README's examples, and what a front end relies on, compile as both kinds of project resolve imports.
async fn types(project: &Scratch) {
    fs::copy(folder().join("test/consumer.ts"), project.path("consumer.ts")).expect("a copy");
    let examples = examples();
    assert_eq!(examples.len(), 2, "examples in the README");
    for (number, example) in examples.iter().enumerate() {
        project.write(&format!("example-{number}.ts"), example);
    }
    for (module, resolution) in [("NodeNext", "NodeNext"), ("ESNext", "Bundler")] {
        let options = format!(
            r#"{{ "compilerOptions": {{ "module": "{module}", "moduleResolution": "{resolution}", "target": "ES2022",
                "lib": ["ES2022", "DOM", "DOM.Iterable"], "types": [], "strict": true, "noEmit": true }} }}"#
        );
        project.write("tsconfig.json", &options);
        run(&project.0, tool("tsc"), &[]).await;
    }
}

async fn runs(project: &Scratch) {
    let script = r#"
        import { ApiError, Client, SignUp } from "edge-api-common";
        import * as z from "zod";
        const { error } = SignUp.safeParse({ email: "ada", name: "Ada", password: "12345678" });
        const called = new Client({ baseUrl: "http://x", fetch: async () => new Response(null, { status: 502 }) }).me();
        const answer = await called.catch((error) => error);
        console.log(SignUp instanceof z.ZodType, error.issues[0].path, answer instanceof ApiError, answer.status);
    "#;
    project.write("script.mjs", script);
    assert_eq!(run(&project.0, "node", &["script.mjs"]).await.trim(), "true [ 'email' ] true 502");
}

/// The README's page becomes one file for browsers.
async fn bundles(project: &Scratch) {
    project.write("page.ts", examples().first().expect("an example in the README"));
    // For browsers, an import of Node's own modules is an error.
    let arguments = ["page.ts", "--bundle", "--minify", "--platform=browser", "--format=esm", "--outfile=page.js"];
    run(&project.0, tool("esbuild"), &arguments).await;
    let bundle = fs::read_to_string(project.path("page.js")).expect("a bundle");
    println!("a page with the client and all schemas: {} bytes, minified", bundle.len());
    assert!(bundle.contains("api/v1/user/signup") && bundle.contains("invalid_input"), "something is missing");
    for word in ["import ", "require(\"", "node:", "process.env"] {
        assert!(!bundle.contains(word), "the bundle has `{word}`");
    }
}

#[tokio::test]
async fn it_tells_the_whole_story_to_the_router() {
    let blog = Blog::start().await;
    tell_the_story(blog.url()).await;
}
