// The client sends what its functions say, and tells what came back.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { describe, test } from "node:test";

import { ApiError, Client } from "edge-api-common";

const ID = "00000000-0000-4000-8000-000000000001";
const user = { id: ID, email: "ada@example.com", name: "Ada", createdAt: "2026-01-02T03:04:05Z" };
const session = { token: "t", expiresAt: user.createdAt, user };
const post = {
  id: ID, title: "A", content: "B", published: true, publishedAt: user.createdAt, createdAt: user.createdAt,
  updatedAt: user.createdAt, author: { id: ID, name: "Ada" },
};
const page = { posts: [], nextCursor: null };
const problem = {
  type: "about:blank", title: "Unprocessable Entity", status: 422, detail: "some of the input is wrong", code: "invalid_input",
  requestId: "r-1", errors: [
    { field: "title", detail: "is required" },
    { field: "__proto__", detail: "is not a field of this request" },
    { field: "title", detail: "must not be null" },
  ],
};

/** A client whose every call is answered the same; what it sent is in `sent`. */
function client(answer, init, options) {
  const sent = [];
  const fetch = async (url, request) => {
    sent.push({ url, method: request.method, headers: Object.fromEntries(request.headers), body: request.body });
    const body = typeof answer === "string" || answer === null ? answer : JSON.stringify(answer);
    return new Response(body, init);
  };
  return { api: new Client({ baseUrl: "https://blog.example/base/", fetch, ...options }), sent };
}

describe("the client", () => {
  test("has a function for every route", async () => {
    const draft = { title: "A", content: "B" };
    for (const [name, args, method, path, answer, body] of [
      ["signUp", [{ email: "a@b.c", name: "A", password: "12345678" }], "POST", "/api/v1/user/signup", session, true],
      ["signIn", [{ email: "a@b.c", password: "12345678" }], "POST", "/api/v1/user/signin", session, true],
      ["me", [], "GET", "/api/v1/user/me", user],
      ["myPosts", [], "GET", "/api/v1/user/me/posts", page],
      ["myPosts", [{ limit: 5, cursor: null }], "GET", "/api/v1/user/me/posts?limit=5", page],
      ["bulk", [{}], "GET", "/api/v1/blog/bulk", page],
      ["bulk", [{ cursor: "a+b&c", limit: 100 }], "GET", "/api/v1/blog/bulk?cursor=a%2Bb%26c&limit=100", page],
      ["post", [ID], "GET", `/api/v1/blog/${ID}`, post],
      ["post", ["../user/me"], "GET", "/api/v1/blog/..%2Fuser%2Fme", post],
      ["post", [".."], "GET", "/api/v1/blog/%252E%252E", post],
      ["createPost", [draft], "POST", "/api/v1/blog", post, true],
      ["updatePost", [ID, { published: true }], "PUT", `/api/v1/blog/${ID}`, post, true],
      ["deletePost", [ID], "DELETE", `/api/v1/blog/${ID}`, null],
      ["health", [], "GET", "/health", { status: "ok" }],
    ]) {
      const { api, sent } = client(answer, { status: answer === null ? 204 : 200 });
      const given = await api[name](...args);
      assert.deepEqual(given, answer ?? undefined, name);
      assert.equal(sent.length, 1);
      const [{ url, method: sentMethod, headers, body: sentBody }] = sent;
      assert.equal(url, `https://blog.example/base${path}`);
      assert.equal(new URL(url).href, url);
      assert.equal(sentMethod, method, name);
      assert.equal(headers.authorization, undefined);
      assert.equal(headers["content-type"], body ? "application/json" : undefined, name);
      assert.deepEqual(sentBody && JSON.parse(sentBody), body ? args.at(-1) : undefined);
    }
  });

  test("sends its own token, the current one, or a call's", async () => {
    let current = "first";
    const { api, sent } = client(user, {}, { token: () => current });
    await api.me();
    current = undefined;
    await api.me();
    await api.me({ token: "another" });
    current = "second";
    await api.me({ token: null });
    await api.me();
    const tokens = sent.map(({ headers }) => headers.authorization);
    assert.deepEqual(tokens, ["Bearer first", undefined, "Bearer another", undefined, "Bearer second"]);
    const fixed = client(user, {}, { token: "fixed" });
    await fixed.api.me();
    assert.equal(fixed.sent[0].headers.authorization, "Bearer fixed");
  });

  test("ends a call when its signal says so", async () => {
    const server = createServer(() => {});
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    try {
      const api = new Client({ baseUrl: `http://127.0.0.1:${server.address().port}` });
      const controller = new AbortController();
      server.once("request", () => controller.abort());
      await assert.rejects(api.health({ signal: controller.signal }), { name: "AbortError" });
      await assert.rejects(api.health({ signal: AbortSignal.abort(new Error("mine")) }), { message: "mine" });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe("errors", () => {
  const thrown = async (promise) => {
    const error = await promise.then(() => assert.fail("nothing was thrown"), (error) => error);
    assert.ok(error instanceof ApiError && error instanceof Error, String(error));
    return error;
  };

  test("carry the problem", async () => {
    const headers = { "content-type": "application/problem+json" };
    const error = await thrown(client(problem, { status: 422, headers }).api.createPost({ title: "", content: "" }));
    assert.equal(error.name, "ApiError");
    assert.equal(error.status, 422);
    assert.equal(error.code, "invalid_input");
    assert.equal(error.message, problem.detail);
    assert.deepEqual(error.problem, problem);
    assert.deepEqual(error.errors.title, ["is required", "must not be null"]);
    assert.deepEqual(Object.keys(error.errors), ["title", "__proto__"]);
    assert.equal(error.retryAfter, undefined);
  });

  test("tell when to try again", async () => {
    const at = async (value) => (await thrown(client(problem, { status: 503, headers: { "retry-after": value } }).api.me())).retryAfter;
    assert.equal(await at("7"), 7);
    assert.equal(await at("Fri, 31 Dec 1999 23:59:59 GMT"), 0);
    assert.ok((await at("Fri, 31 Dec 2100 23:59:59 GMT")) > 1e6);
    assert.equal(await at("soon"), undefined);
  });

  test("of others than the API are errors too", async () => {
    for (const body of ["<h1>Bad Gateway</h1>", "", "null", '{"message":"x"}']) {
      const error = await thrown(client(body, { status: 502 }).api.me());
      assert.deepEqual([error.status, error.code, error.problem, error.errors], [502, undefined, undefined, {}]);
    }
  });

  test("are answers that are not what they should be", async () => {
    for (const body of ["<h1>Welcome</h1>", "{}", '{"id":"1"}', ""]) {
      const error = await thrown(client(body, { status: 200 }).api.me());
      assert.equal(error.status, 200);
      assert.equal(error.cause.name, "ZodError");
    }
  });

  test("of the network are the network's", async () => {
    const fetch = async () => Promise.reject(new TypeError("fetch failed"));
    await assert.rejects(new Client({ baseUrl: "http://x", fetch }).me(), { name: "TypeError" });
  });
});
