// The generated schemas take what the API takes, and what it answers.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { BulkQuery, CreatePost, Post, PostPage, Problem, SignIn, SignUp, UpdatePost, User } from "edge-api-common";

const valid = { email: "ada@example.com", name: "Ada", password: "correct horse" };
const post = { title: "A title", content: "A text" };

/** The message for a field, or undefined if the whole is right. */
function fault(schema, input, field) {
  const { success, error } = schema.safeParse(input);
  if (success) return undefined;
  const issue = error.issues.find(({ path }) => path[0] === field);
  assert.ok(issue, `another field than ${field} is wrong: ${error.message}`);
  return issue.message;
}

describe("texts", () => {
  test("are measured in characters, not in UTF-16 units", () => {
    for (const [title, expected] of [
      ["😀".repeat(200), undefined],
      ["😀".repeat(201), "must be at most 200 characters long, not 201"],
      ["a".repeat(200), undefined],
      ["a".repeat(201), "must be at most 200 characters long, not 201"],
      [`${"é".normalize("NFD")}`.repeat(100), undefined],
    ]) {
      assert.equal(fault(CreatePost, { ...post, title }, "title"), expected);
    }
    for (const [password, expected] of [
      ["😀".repeat(7), "must be at least 8 characters long"],
      ["😀".repeat(8), undefined],
      ["a".repeat(7), "must be at least 8 characters long"],
      ["a".repeat(8), undefined],
      [" ".repeat(8), undefined],
    ]) {
      assert.equal(fault(SignUp, { ...valid, password }, "password"), expected);
    }
    assert.equal(fault(CreatePost, { ...post, content: "é".repeat(100_000) }, "content"), undefined);
    assert.ok(fault(CreatePost, { ...post, content: "é".repeat(100_001) }, "content"));
  });

  test("that are blank, hold NUL or are no Unicode are refused", () => {
    for (const name of ["", " ", "\u0085\u00a0\u2003\u3000\n", "\0", "a\0", "\0a", `${" ".repeat(90)}\0`]) {
      assert.equal(fault(SignUp, { ...valid, name }, "name"), "must not be empty or blank, nor contain NUL");
    }
    assert.equal(fault(SignUp, { ...valid, name: "half \ud83d" }, "name"), "must be well-formed Unicode");
    for (const name of ["a", " a", "a\nb\u00a0", "\ufeff", "😀", "O'Brien; DROP TABLE users"]) {
      assert.equal(fault(SignUp, { ...valid, name }, "name"), undefined);
    }
  });
});

test("e-mail addresses are those that the API takes", () => {
  const label = "l".repeat(63);
  for (const email of [
    "ada@example.com", "ADA@EXAMPLE.COM", "a@b.c", "o'brien+tag@mail.example.co.uk", "a!#$%&*/=?^_`{|}~-b@example.com",
    "a@xn--e1afmkfd.xn--p1ai", "a@1.2", `${"l".repeat(64)}@${label}.com`, `a@${label}.${label}.${label}.com`,
  ]) {
    assert.equal(fault(SignUp, { ...valid, email }, "email"), undefined, email);
  }
  for (const email of [
    "", "ada", "ada@", "@example.com", "ada@example", ".ada@example.com", "ada.@example.com", "a..b@example.com",
    "ada@example..com", "ada@-example.com", "ada@example-.com", "ada@example.com.", "a b@example.com", " ada@example.com",
    "ada@example.com ", '"ada"@example.com', "ada@[127.0.0.1]", "Ada <ada@example.com>", "ädä@example.com", "ada@exämple.com",
    "a@b@example.com", `${"l".repeat(65)}@example.com`, `ada@${"l".repeat(64)}.com`, "ada@example.com\n",
  ]) {
    assert.equal(fault(SignUp, { ...valid, email }, "email"), "must be an e-mail address such as ada@example.com", email);
  }
  const long = (local) => `${local}@${label}.${label}.${"l".repeat(57)}.com`;
  assert.equal(long("l".repeat(64)).length, 254);
  assert.equal(fault(SignUp, { ...valid, email: long("l".repeat(64)) }, "email"), undefined);
  const longer = `${"l".repeat(64)}@${label}.${label}.${"l".repeat(58)}.com`;
  assert.equal(fault(SignUp, { ...valid, email: longer }, "email"), "must be at most 254 characters long, not 255");
});

describe("requests", () => {
  test("have no unknown fields, and all the required ones", () => {
    assert.equal(SignUp.safeParse({ ...valid, admin: true }).success, false);
    assert.equal(SignIn.safeParse({ email: valid.email }).success, false);
    assert.equal(SignIn.safeParse({ email: valid.email, password: "" }).success, true);
    assert.equal(CreatePost.safeParse({ ...post, published: "yes" }).success, false);
    assert.equal(CreatePost.safeParse({ ...post, published: null }).success, true);
  });

  test("to change a post name at least one field", () => {
    for (const nothing of [{}, { title: null }, { title: undefined, content: null }]) {
      assert.equal(UpdatePost.safeParse(nothing).error?.issues[0]?.message, "at least one field is required");
    }
    assert.equal(UpdatePost.safeParse({ published: false }).success, true);
    assert.equal(UpdatePost.safeParse({ title: " " }).success, false);
  });

  test("for a page have a limit from 1 to 100", () => {
    for (const limit of [1, 100, undefined, null]) assert.equal(BulkQuery.safeParse({ limit }).success, true);
    for (const limit of [0, 101, 1.5, "20", NaN]) assert.equal(BulkQuery.safeParse({ limit }).success, false);
  });
});

describe("answers", () => {
  const user = { id: "00000000-0000-0000-0000-00000000000a", email: "ada@example.com", name: "Ada", createdAt: "2026-01-02T03:04:05Z" };
  const author = { id: user.id, name: user.name };
  const summary = { id: user.id, title: "", excerpt: "", published: false, publishedAt: null, createdAt: user.createdAt, author };

  test("may have fields and codes of later versions", () => {
    assert.deepEqual(User.parse({ ...user, avatar: "x" }), user);
    const problem = { type: "about:blank", title: "Gone", status: 410, detail: "gone", code: "moved_away", requestId: "1" };
    assert.deepEqual(Problem.parse(problem), problem);
    assert.equal(Problem.safeParse({ ...problem, code: 7 }).success, false);
    assert.equal(Problem.parse({ ...problem, code: "not_found" }).code, "not_found");
  });

  test("have times in UTC with any fraction", () => {
    for (const createdAt of ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.123456789Z"]) {
      assert.equal(User.safeParse({ ...user, createdAt }).success, true, createdAt);
    }
    for (const createdAt of ["2026-01-02", "2026-01-02 03:04:05Z", "2026-13-02T03:04:05Z", 0, null]) {
      assert.equal(User.safeParse({ ...user, createdAt }).success, false, createdAt);
    }
  });

  test("are checked to their depths", () => {
    const page = { posts: [summary], nextCursor: null };
    assert.deepEqual(PostPage.parse(page), page);
    assert.equal(PostPage.safeParse({ posts: [{ ...summary, author: { id: "7", name: "Ada" } }], nextCursor: null }).success, false);
    assert.equal(PostPage.safeParse({ posts: [summary] }).success, false);
    assert.equal(Post.safeParse(summary).success, false);
  });
});
