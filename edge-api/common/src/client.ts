// The API's routes as functions: they send, check what is answered against its schema, and throw what went wrong.

import type * as z from "zod";

import { Health, Post, PostPage, Problem, Session, User } from "./schemas.js";
import type { BulkQuery, Code, CreatePost, SignIn, SignUp, UpdatePost } from "./schemas.js";

export interface ClientOptions {
  /** Where the API is, such as `https://blog.example.com`; it may have a path. */
  baseUrl: string | URL;
  /** A session's token, or what gives the current one at every call. */
  token?: string | (() => string | undefined) | undefined;
  /** Instead of the global `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
}

export interface CallOptions {
  /** Instead of the client's own token; `null` sends none. */
  token?: string | null | undefined;
  /** Ends the call: it then throws the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** The API answered a problem (RFC 9457), or something that is not its answer. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    message: string,
    /** The HTTP status; a success if only the body was not what it should be. */
    readonly status: number,
    /** The problem itself; absent if somebody else answered, such as a gateway on the way. */
    readonly problem?: Problem,
    /** After how many seconds to try again, if the API says so. */
    readonly retryAfter?: number,
    cause?: unknown,
  ) {
    super(message, { cause });
  }

  /** What happened, for programs. */
  get code(): Code | undefined {
    return this.problem?.code;
  }

  /** What is wrong, by the fields that are wrong. */
  get errors(): Record<string, string[]> {
    const byField = new Map<string, string[]>();
    for (const { field, detail } of this.problem?.errors ?? []) {
      byField.set(field, [...(byField.get(field) ?? []), detail]);
    }
    return Object.fromEntries(byField);
  }
}

/**
 * A client of the blog API. Every function throws an {@link ApiError} for an answer that is no success, and what `fetch`
 * throws if there is no answer at all.
 */
export class Client {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Makes an account. 409 `email_taken`, 422 `invalid_input`. */
  signUp(body: SignUp, options?: CallOptions): Promise<Session> {
    return this.#call(Session, "POST", "api/v1/user/signup", options, body);
  }

  /** Gives a token. 401 `wrong_credentials`. */
  signIn(body: SignIn, options?: CallOptions): Promise<Session> {
    return this.#call(Session, "POST", "api/v1/user/signin", options, body);
  }

  /** The signed-in user. */
  me(options?: CallOptions): Promise<User> {
    return this.#call(User, "GET", "api/v1/user/me", options);
  }

  /** The signed-in user's posts, drafts among them, newest first. */
  myPosts(query: BulkQuery = {}, options?: CallOptions): Promise<PostPage> {
    return this.#call(PostPage, "GET", `api/v1/user/me/posts${search(query)}`, options);
  }

  /** Everybody's published posts, newest first. */
  bulk(query: BulkQuery = {}, options?: CallOptions): Promise<PostPage> {
    return this.#call(PostPage, "GET", `api/v1/blog/bulk${search(query)}`, options);
  }

  /** One post; a draft for its author alone. 404 `not_found`. */
  post(id: string, options?: CallOptions): Promise<Post> {
    return this.#call(Post, "GET", `api/v1/blog/${segment(id)}`, options);
  }

  /** Writes a post: a draft, unless it says `published`. */
  createPost(body: CreatePost, options?: CallOptions): Promise<Post> {
    return this.#call(Post, "POST", "api/v1/blog", options, body);
  }

  /** Changes the given fields of one's own post. 404 `not_found` for others'. */
  updatePost(id: string, body: UpdatePost, options?: CallOptions): Promise<Post> {
    return this.#call(Post, "PUT", `api/v1/blog/${segment(id)}`, options, body);
  }

  /** Removes one's own post for good. 404 `not_found` for others'. */
  async deletePost(id: string, options?: CallOptions): Promise<void> {
    await this.#send("DELETE", `api/v1/blog/${segment(id)}`, options);
  }

  /** That the API runs and reaches the proxy before its database. 503 if not. */
  health(options?: CallOptions): Promise<Health> {
    return this.#call(Health, "GET", "health", options);
  }

  async #call<T>(schema: z.ZodType<T>, method: string, path: string, options?: CallOptions, body?: unknown): Promise<T> {
    const response = await this.#send(method, path, options, body);
    const answer = schema.safeParse(json(await response.text()));
    if (!answer.success) {
      const message = `${method} ${path} answered something else than expected`;
      throw new ApiError(message, response.status, undefined, undefined, answer.error);
    }
    return answer.data;
  }

  async #send(method: string, path: string, options: CallOptions = {}, body?: unknown): Promise<Response> {
    const { baseUrl, token, fetch = globalThis.fetch } = this.#options;
    const own = () => (typeof token === "function" ? token() : token);
    const bearer = options.token === undefined ? own() : options.token;
    const headers = new Headers({ accept: "application/json" });
    if (bearer) {
      headers.set("authorization", `Bearer ${bearer}`);
    }
    const request: RequestInit = { method, headers };
    if (body !== undefined) {
      headers.set("content-type", "application/json");
      request.body = JSON.stringify(body);
    }
    if (options.signal !== undefined) {
      request.signal = options.signal;
    }
    const response = await fetch(`${String(baseUrl).replace(/\/+$/, "")}/${path}`, request);
    if (!response.ok) {
      throw await failure(response);
    }
    return response;
  }
}

async function failure(response: Response): Promise<ApiError> {
  const { data: problem } = Problem.safeParse(json(await response.text()));
  const message = problem?.detail ?? `the API's address answered ${response.status} without saying why`;
  return new ApiError(message, response.status, problem, seconds(response.headers.get("retry-after")));
}

/** `Retry-After` as seconds from now: it may be a date (RFC 9110, section 10.2.3). */
function seconds(value: string | null): number | undefined {
  if (value === null) {
    return undefined;
  }
  if (/^\d+$/.test(value)) {
    return Number(value);
  }
  const wait = Math.ceil((Date.parse(value) - Date.now()) / 1000);
  return Number.isNaN(wait) ? undefined : Math.max(wait, 0);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function search(query: BulkQuery): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}

/** An id as one segment of a path; dots alone would climb out of it. */
function segment(id: string): string {
  return encodeURIComponent(id).replace(/^\.{1,2}$/, (dots) => dots.replaceAll(".", "%252E"));
}
