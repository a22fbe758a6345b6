// Makes src/schemas.ts from the JSON Schemas that the Rust types of the API give.
//
//   node generate.mjs                            asks cargo for the schemas, writes src/schemas.ts
//   node generate.mjs SCHEMAS.json OUTPUT.ts     reads and writes these files instead

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createClient } from "@hey-api/openapi-ts";

const HEADER = [
  "// Generated from the Rust types of edge-api/app by `npm run generate`; do not edit.",
  "// Requests are strict: an unknown field is a typing error. Answers leave out fields that they do not know, so that",
  "// a later version of the API may add some.",
];

/** What to say of a text that does not match a pattern: a pattern itself is nothing to show to people. */
const MESSAGES = {
  "^\\p{White_Space}*[^\\p{White_Space}\\u0000][^\\u0000]*$": "must not be empty or blank, nor contain NUL",
};

const [input, output = join(import.meta.dirname, "src/schemas.ts")] = process.argv.slice(2);
writeFileSync(output, await generate(input === undefined ? askCargo() : readFileSync(input, "utf8")));

function askCargo() {
  const command = ["run", "--quiet", "--package", "edge-app", "--example", "schema"];
  return execFileSync("cargo", command, { cwd: import.meta.dirname, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

async function generate(json) {
  const schemas = components(JSON.parse(json));
  const folder = mkdtempSync(join(tmpdir(), "schemas-"));
  try {
    await createClient({
      input: { openapi: "3.1.0", info: { title: "", version: "" }, paths: {}, components: { schemas } },
      logs: { file: false, level: "silent" },
      output: { path: join(folder, "out"), entryFile: false, header: HEADER },
      plugins: [
        {
          name: "zod",
          compatibilityVersion: 4,
          definitions: { case: "preserve", name: "{{name}}", types: { infer: { case: "preserve", name: "{{name}}" } } },
          "~resolvers": { enum: openEnum, object: documented, string: bounded },
        },
      ],
    });
    return readFileSync(join(folder, "out/zod.gen.ts"), "utf8");
  } finally {
    rmSync(folder, { recursive: true });
  }

  /** `z.strictObject` for requests, `z.object` for answers; each field with what Rust says of it. */
  function documented(ctx) {
    const { $, schema, symbols } = ctx;
    const shape = $.object().pretty();
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      const path = { "~ref": [...ctx.walkerCtx.path["~ref"], "properties", name] };
      const result = ctx.walk(field, { ...ctx.walkerCtx, path });
      ctx._childResults.push(result);
      const { expression } = ctx.applyModifiers(result, { optional: !schema.required?.includes(name) });
      const property = $.prop({ kind: "prop", name }).value(expression);
      shape.props(field.description ? property.doc(field.description) : property);
    }
    const strict = schema.additionalProperties?.type === "never";
    const object = $(symbols.z).attr(strict ? "strictObject" : "object").call(shape);
    const least = original(ctx.walkerCtx).minProperties;
    return least === undefined ? object : object.attr("check").call(helper(ctx, "filled").call($.literal(least)));
  }

  /** The schema as Rust gave it: the generator knows fewer words. */
  function original(walkerCtx) {
    const path = walkerCtx.path["~ref"].slice(2);
    return path.reduce((schema, step) => schema?.[step], schemas) ?? {};
  }
}

/** Every schema and every definition inside one, once, by its name, in the order in which they come. */
function components(all) {
  const found = {};
  const add = (name, { $defs = {}, $schema: _, title: __, ...schema }) => {
    Object.entries($defs).forEach(([inner, definition]) => add(inner, definition));
    const text = JSON.stringify(enums(schema)).replaceAll('"#/$defs/', '"#/components/schemas/');
    if (found[name] !== undefined && found[name] !== text) {
      throw new Error(`two different types have the name ${name}`);
    }
    found[name] = text;
  };
  Object.entries(all).forEach(([name, schema]) => add(name, schema));
  return Object.fromEntries(Object.entries(found).map(([name, text]) => [name, JSON.parse(text)]));
}

/** Schemars describes each variant of an enumeration, as a `oneOf` of constants. */
function enums(schema) {
  const values = schema.oneOf?.map((variant) => variant.const);
  if (!values?.every((value) => typeof value === "string")) {
    return schema;
  }
  const { oneOf, ...rest } = schema;
  const list = oneOf.map((variant) => `- \`${variant.const}\`: ${variant.description ?? ""}`);
  return { ...rest, description: [rest.description, "", ...list].join("\n"), type: "string", enum: values };
}

function openEnum(ctx) {
  const { $, schema } = ctx;
  const values = schema.items.map((item) => $.literal(item.const));
  return helper(ctx, "oneOf").call($.array(...values).pretty());
}

/** Lengths in characters, patterns with the flag `u` that JSON Schema assumes, ids and addresses as the API means them. */
function bounded(ctx) {
  const { $, schema } = ctx;
  const { format, minLength, maxLength, pattern } = schema;
  if (format === "uuid") {
    // Any 128 bits: `z.uuid()` knows versions, the database does not.
    return $(ctx.symbols.z).attr("guid").call();
  }
  const bounds = $.object();
  if (minLength !== undefined) {
    bounds.prop("min", $.literal(minLength));
  }
  if (maxLength !== undefined) {
    bounds.prop("max", $.literal(maxLength));
  }
  if (pattern !== undefined) {
    const message = MESSAGES[pattern];
    if (message === undefined) {
      throw new Error(`${pattern} needs a message in generate.mjs`);
    }
    // The generator would print \u0000 as the character itself.
    const ascii = pattern.replace(/\\u00([0-7][0-9a-f])/gi, "\\x$1");
    bounds.prop("pattern", $.regexp(ascii, "u")).prop("otherwise", $.literal(message));
  }
  if (format === "email") {
    return helper(ctx, "email").call(bounds);
  }
  return bounds.hasProps() ? helper(ctx, "text").call(bounds) : undefined;
}

/** A function of src/text.ts, imported where it is used. */
function helper({ $, plugin }, name) {
  return $(plugin.symbolOnce(name, { external: "./text.js" }));
}
