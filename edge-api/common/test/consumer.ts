// What a front end may rely on at compile time, and what it is kept from.

import { ApiError, Client, CreatePost, SignUp } from "edge-api-common";
import type { BulkQuery, Code, Post, PostPage, Problem, Session, UpdatePost, User } from "edge-api-common";
import * as z from "zod";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Equal<A, B>): void => {};

same<SignUp, { email: string; name: string; password: string }>(true);
same<z.infer<typeof CreatePost>, CreatePost>(true);
same<Post["publishedAt"], string | null>(true);
same<Post["author"], { id: string; name: string }>(true);
same<PostPage["posts"][number]["published"], boolean>(true);
same<Session["user"], User>(true);
same<Problem["code"], Code>(true);
same<Problem["errors"], { field: string; detail: string }[] | undefined>(true);
same<BulkQuery["limit"], number | null | undefined>(true);
same<UpdatePost["title"], string | null | undefined>(true);

const known: Code = "email_taken";
const later: Code = "moved_away";
// @ts-expect-error: a code is a string.
const number: Code = 7;

const api = new Client({ baseUrl: new URL("https://blog.example.com/base"), token: "a", fetch: globalThis.fetch });
same<Awaited<ReturnType<typeof api.signIn>>, Session>(true);
same<Awaited<ReturnType<typeof api.deletePost>>, void>(true);

// @ts-expect-error: the password is missing.
api.signUp({ email: "ada@example.com", name: "Ada" });
// @ts-expect-error: there is no such field.
api.createPost({ title: "A", content: "B", author: "Eve" });
// @ts-expect-error: an id is a text.
api.post(7);
// @ts-expect-error: a client needs to know where.
new Client({});

export const form = SignUp.extend({ repeat: z.string() }).refine(({ password, repeat }) => password === repeat);
export const status = (error: unknown): number | undefined => (error instanceof ApiError ? error.status : undefined);
export { known, later, number };
