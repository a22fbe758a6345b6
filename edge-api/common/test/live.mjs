// The whole story of the blog, told through the client to a running API: every answer passes its schema, every error is
// a problem, and what the schemas refuse or take is what the API refuses or takes.
//
//   node test/live.mjs http://127.0.0.1:8787
//
// Exits 0 if all of it holds, 1 if not, 2 if there is nothing to ask. It leaves two accounts and one post behind.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { ApiError, Client, CreatePost, Problem, SignUp } from "edge-api-common";

const baseUrl = process.argv[2] ?? process.env.EDGE_API_URL;
if (!baseUrl) {
  console.error("usage: node test/live.mjs URL");
  process.exit(2);
}

const anybody = new Client({ baseUrl });
const email = `ada-${randomUUID()}@example.com`;
const password = "correct horse 🐎";
const story = {};

const steps = {
  "the API runs": async () => {
    assert.deepEqual(await anybody.health(), { status: "ok" });
  },

  "somebody signs up": async () => {
    const session = await anybody.signUp({ email: email.toUpperCase(), name: "Ada 🦉 Lovelace", password });
    assert.equal(session.user.email, email);
    assert.equal(session.user.name, "Ada 🦉 Lovelace");
    assert.ok(Date.parse(session.expiresAt) > Date.now());
    story.user = session.user;
  },

  "nobody else may have the address": async () => {
    const again = { email, name: "Eve", password: "another password" };
    await problem(anybody.signUp(again), 409, "email_taken");
  },

  "and signs in": async () => {
    const session = await anybody.signIn({ email, password });
    assert.deepEqual(session.user, story.user);
    story.author = new Client({ baseUrl, token: () => session.token });
    story.token = session.token;
  },

  "not with another password or address": async () => {
    await problem(anybody.signIn({ email, password: "correct horse" }), 401, "wrong_credentials");
    await problem(anybody.signIn({ email: `x${email}`, password }), 401, "wrong_credentials");
  },

  "is known by the token": async () => {
    assert.deepEqual(await story.author.me(), story.user);
  },

  "and by nothing else": async () => {
    await problem(anybody.me(), 401, "unauthenticated");
    await problem(anybody.me({ token: "no.such.token" }), 401, "token_invalid");
    await problem(story.author.me({ token: null }), 401, "unauthenticated");
    const [head, claims] = story.token.split(".");
    await problem(anybody.me({ token: `${head}.${claims}.${"A".repeat(43)}` }), 401, "token_invalid");
  },

  "a draft is its author's alone": async () => {
    story.post = await story.author.createPost({ title: "A draft 🌒", content: "x".repeat(400) });
    const { id, published, publishedAt, author } = story.post;
    assert.deepEqual([published, publishedAt, author], [false, null, { id: story.user.id, name: story.user.name }]);
    assert.deepEqual(await story.author.post(id), story.post);
    await problem(anybody.post(id), 404, "not_found");
    assert.equal(await listed(id), undefined);
    const own = await story.author.myPosts();
    assert.deepEqual(own.posts.map((post) => [post.id, post.published]), [[id, false]]);
  },

  "once published, anybody's": async () => {
    const published = await story.author.updatePost(story.post.id, { published: true });
    assert.equal(published.title, story.post.title);
    assert.equal(published.content, story.post.content);
    assert.ok(published.published && published.publishedAt !== null);
    assert.deepEqual(await anybody.post(published.id), published);
    story.post = published;
    const summary = await listed(published.id);
    assert.equal(summary?.excerpt, "x".repeat(300));
    assert.equal(summary?.author.name, story.user.name);
  },

  "read again, the same, with an ETag": async () => {
    const url = `${baseUrl.replace(/\/+$/, "")}/api/v1/blog/${story.post.id}`;
    const first = await fetch(url);
    const etag = first.headers.get("etag");
    assert.ok(etag, "there is no ETag");
    await first.arrayBuffer();
    const again = await fetch(url, { headers: { "if-none-match": etag } });
    assert.deepEqual([again.status, await again.text()], [304, ""]);
  },

  "an edit is seen at once": async () => {
    const edited = await story.author.updatePost(story.post.id, { title: "Edited", content: "'; DROP TABLE posts; --" });
    assert.ok(Date.parse(edited.updatedAt) >= Date.parse(story.post.updatedAt));
    assert.equal(edited.publishedAt, story.post.publishedAt);
    assert.deepEqual(await anybody.post(edited.id), edited);
    assert.equal((await listed(edited.id))?.title, "Edited");
    story.post = edited;
  },

  "pages follow each other": async () => {
    const second = await story.author.createPost({ title: "Second", content: "Text", published: true });
    story.second = second;
    const first = await story.author.myPosts({ limit: 1 });
    assert.deepEqual(first.posts.map(({ id }) => id), [second.id]);
    const next = await story.author.myPosts({ limit: 1, cursor: first.nextCursor });
    assert.deepEqual([next.posts.map(({ id }) => id), next.nextCursor], [[story.post.id], null]);
    const newest = await anybody.bulk({ limit: 1 });
    assert.ok(newest.posts.length === 1 && newest.nextCursor !== null);
    const behind = await anybody.bulk({ limit: 1, cursor: newest.nextCursor });
    assert.ok(behind.posts.length === 1 && behind.posts[0].id !== newest.posts[0].id);
    await problem(anybody.bulk({ cursor: "nonsense" }), 422, "invalid_input", ["cursor"]);
    await problem(anybody.bulk({ limit: 101 }), 422, "invalid_input", ["limit"]);
  },

  "others may not change it": async () => {
    const eve = await anybody.signUp({ email: `eve-${randomUUID()}@example.com`, name: "Eve", password });
    const options = { token: eve.token };
    await problem(anybody.updatePost(story.post.id, { title: "Mine" }, options), 404, "not_found");
    await problem(anybody.deletePost(story.post.id, options), 404, "not_found");
    await problem(anybody.deletePost(story.post.id), 401, "unauthenticated");
    await problem(anybody.updatePost(story.post.id, { title: "Mine" }), 401, "unauthenticated");
    await problem(anybody.createPost({ title: "A", content: "B" }), 401, "unauthenticated");
    assert.deepEqual(await anybody.post(story.post.id), story.post);
  },

  "deleted, it is gone": async () => {
    await story.author.deletePost(story.second.id);
    await problem(anybody.post(story.second.id), 404, "not_found");
    await problem(story.author.deletePost(story.second.id), 404, "not_found");
    assert.equal(await listed(story.second.id), undefined);
  },

  "ids that are none name nothing": async () => {
    for (const id of ["no-id", "..", "%00", "1 OR 1=1", randomUUID()]) {
      await problem(anybody.post(id), 404, "not_found");
    }
  },

  "wrong input is told field by field": async () => {
    const wrong = await problem(anybody.signUp({ email: "ada", name: "", password: "short", admin: true }), 422, "invalid_input");
    assert.deepEqual(Object.keys(wrong.errors).sort(), ["admin", "email", "name", "password"]);
    await problem(story.author.createPost({}), 422, "invalid_input", ["title", "content"]);
    await problem(story.author.updatePost(story.post.id, {}), 422, "invalid_input");
    await problem(story.author.updatePost(story.post.id, { title: null }), 422, "invalid_input");
  },

  "the schemas judge names and passwords as the API does": async () => {
    const names = [
      "", " ", "\u0085", "\u00a0\u2003\u3000", "\ufeff", "\u180e", "\u200b", "a", "a\0", "\0", "😀".repeat(100), "😀".repeat(101),
      "a".repeat(100), "a".repeat(101), "\u202e", "\n", "'; --",
    ];
    const passwords = ["", "1234567", "12345678", "😀".repeat(7), "😀".repeat(200), "😀".repeat(201), " ".repeat(8), "\0".repeat(8)];
    // The address is wrong on purpose: nobody signs up.
    for (const name of names) await same(SignUp, { email: "", name, password }, "name", (it) => anybody.signUp(it));
    for (const it of passwords) {
      await same(SignUp, { email: "", name: "Ada", password: it }, "password", (input) => anybody.signUp(input));
    }
  },

  "and e-mail addresses": async () => {
    const label = "l".repeat(63);
    const addresses = [
      "", "ada", "ada@example.com", "ada@example", "@example.com", "ada@", "a..b@example.com", ".a@example.com", "a.@example.com",
      "a@-b.com", "a@b-.com", "a@b..com", "a@b.com.", " a@b.com", "a@b.com ", "a@b.com\n", "a b@c.com", '"a"@b.com', "a@[127.0.0.1]",
      "Ada <a@b.com>", "ä@b.com", "a@ä.com", "a@b@c.com", "o'brien+x@b.co.uk", "a!#$%&*/=?^_`{|}~-b@c.com", "a@1.2", "A@B.C", "a@exam_ple.com", "a@x!y.com", "a@b'c.com",
      "a@xn--e1afmkfd.xn--p1ai", `${"l".repeat(64)}@b.com`, `${"l".repeat(65)}@b.com`, `a@${label}.com`, `a@${label}l.com`,
      `${"l".repeat(64)}@${label}.${label}.${"l".repeat(57)}.com`, `${"l".repeat(64)}@${label}.${label}.${"l".repeat(58)}.com`,
    ];
    for (const it of addresses) {
      await same(SignUp, { email: it, name: "Ada", password: "" }, "email", (input) => anybody.signUp(input));
    }
  },

  "and titles and texts": async () => {
    // Not a boolean, so that nothing is written.
    const input = { title: "A", content: "B", published: "no" };
    for (const title of ["", "\t", "a", "😀".repeat(200), "😀".repeat(201), "e\u0301".repeat(100), "\ufeff", "x\0y", null, 7]) {
      await same(CreatePost, { ...input, title }, "title", (it) => story.author.createPost(it));
    }
    for (const content of ["", " ", "😀".repeat(100_000), "😀".repeat(100_001), "x".repeat(100_001), "\0", [], {}]) {
      await same(CreatePost, { ...input, content }, "content", (it) => story.author.createPost(it));
    }
  },
};

/** The summary of a post in the public lists, if it is on their first page. */
async function listed(id) {
  const { posts } = await anybody.bulk({ limit: 100 });
  return posts.find((post) => post.id === id);
}

/** Checks that the call fails with this problem, and with these fields if they are given. */
async function problem(call, status, code, fields) {
  const error = await call.then((given) => assert.fail(`it was answered ${JSON.stringify(given)}`), (error) => error);
  assert.ok(error instanceof ApiError, `${error?.stack}`);
  assert.deepEqual([error.status, error.code], [status, code]);
  const { requestId, type } = Problem.parse(error.problem);
  assert.ok(type === "about:blank" && requestId !== "" && error.problem.status === status);
  if (fields !== undefined) assert.deepEqual(Object.keys(error.errors), fields);
  return error;
}

/** Checks that a field of an input is wrong for the schema exactly if it is wrong for the API, which refuses the rest. */
async function same(schema, input, field, call) {
  const { error } = schema.safeParse(input);
  const here = error?.issues.some(({ path }) => path[0] === field) ?? false;
  const refused = await problem(call(input), 422, "invalid_input");
  const there = field in refused.errors;
  const value = JSON.stringify(input[field]).slice(0, 80);
  assert.equal(here, there, `${field} ${value} is ${here ? "wrong" : "right"} here and ${there ? "wrong" : "right"} there`);
}

let failed = 0;
for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error?.stack ?? error}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
