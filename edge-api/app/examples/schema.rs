//! Prints the JSON Schema of every request and answer as one JSON object, by name and in the order of
//! [`edge_app::schema::all`]: what `npm run generate` in `edge-api/common` reads.

use std::io::{self, Write};

use serde_json::{Value, to_string, to_string_pretty};

fn main() -> io::Result<()> {
    // A map of serde_json's would put the names in alphabetical order.
    let mut members = Vec::new();
    for (name, schema) in edge_app::schema::all() {
        members.push(format!("{}:{}", to_string(name)?, to_string_pretty(&Value::from(schema))?));
    }
    writeln!(io::stdout(), "{{\n{}\n}}", members.join(",\n"))
}
