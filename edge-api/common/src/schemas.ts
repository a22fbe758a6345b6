// Generated from the Rust types of edge-api/app by `npm run generate`; do not edit.
// Requests are strict: an unknown field is a typing error. Answers leave out fields that they do not know, so that
// a later version of the API may add some.

import { email, filled, oneOf, text } from './text.js';
import * as z from 'zod';

/**
 * The body of `POST /api/v1/user/signup`.
 */
export const SignUp = z.strictObject({
    /**
     * Nobody else may have signed up with it.
     */
    email: email({ max: 254 }),
    /**
     * What readers see.
     */
    name: text({
        min: 1,
        max: 100,
        pattern: /^\p{White_Space}*[^\p{White_Space}\x00][^\x00]*$/u,
        otherwise: 'must not be empty or blank, nor contain NUL'
    }),
    /**
     * Kept as a hash alone.
     */
    password: text({ min: 8, max: 200 })
});

export type SignUp = z.infer<typeof SignUp>;

/**
 * The body of `POST /api/v1/user/signin`.
 */
export const SignIn = z.strictObject({
    /**
     * As given when signing up, in any case.
     */
    email: email({ max: 254 }),
    /**
     * As given when signing up.
     */
    password: text({ max: 200 })
});

export type SignIn = z.infer<typeof SignIn>;

/**
 * The body of `POST /api/v1/blog`.
 */
export const CreatePost = z.strictObject({
    /**
     * Its text.
     */
    content: text({
        min: 1,
        max: 100000,
        pattern: /^\p{White_Space}*[^\p{White_Space}\x00][^\x00]*$/u,
        otherwise: 'must not be empty or blank, nor contain NUL'
    }),
    /**
     * Whether anybody may read it at once; a draft if absent.
     */
    published: z.boolean().nullish(),
    /**
     * Its title.
     */
    title: text({
        min: 1,
        max: 200,
        pattern: /^\p{White_Space}*[^\p{White_Space}\x00][^\x00]*$/u,
        otherwise: 'must not be empty or blank, nor contain NUL'
    })
});

export type CreatePost = z.infer<typeof CreatePost>;

/**
 * The body of `PUT /api/v1/blog/:id`: at least one field.
 */
export const UpdatePost = z.strictObject({
    /**
     * A new text.
     */
    content: text({
        min: 1,
        max: 100000,
        pattern: /^\p{White_Space}*[^\p{White_Space}\x00][^\x00]*$/u,
        otherwise: 'must not be empty or blank, nor contain NUL'
    }).nullish(),
    /**
     * Publishes it, or makes it a draft again.
     */
    published: z.boolean().nullish(),
    /**
     * A new title.
     */
    title: text({
        min: 1,
        max: 200,
        pattern: /^\p{White_Space}*[^\p{White_Space}\x00][^\x00]*$/u,
        otherwise: 'must not be empty or blank, nor contain NUL'
    }).nullish()
}).check(filled(1));

export type UpdatePost = z.infer<typeof UpdatePost>;

/**
 * The query of `GET /api/v1/blog/bulk` and `GET /api/v1/user/me/posts`.
 */
export const BulkQuery = z.strictObject({
    /**
     * The `nextCursor` of the page before; absent for the first page.
     */
    cursor: z.string().nullish(),
    /**
     * How many posts a page holds: 1 to 100, 20 if absent.
     */
    limit: z.int().gte(1).lte(100).nullish()
});

export type BulkQuery = z.infer<typeof BulkQuery>;

/**
 * A user, as that user sees themselves.
 */
export const User = z.object({
    /**
     * When the user signed up.
     */
    createdAt: z.iso.datetime(),
    /**
     * The e-mail address, in lower case.
     */
    email: z.string(),
    /**
     * The user's id.
     */
    id: z.guid(),
    /**
     * What the user is called.
     */
    name: z.string()
});

export type User = z.infer<typeof User>;

/**
 * What signing up or in answers. No `Debug`: the token is a secret.
 */
export const Session = z.object({
    /**
     * When the token ends.
     */
    expiresAt: z.iso.datetime(),
    /**
     * To be sent as `Authorization: Bearer <token>`.
     */
    token: z.string(),
    /**
     * Whose it is.
     */
    user: User
});

export type Session = z.infer<typeof Session>;

/**
 * Who wrote a post.
 */
export const Author = z.object({
    /**
     * The user's id.
     */
    id: z.guid(),
    /**
     * What the user is called.
     */
    name: z.string()
});

export type Author = z.infer<typeof Author>;

/**
 * A whole post.
 */
export const Post = z.object({
    /**
     * Who wrote it.
     */
    author: Author,
    /**
     * Its text.
     */
    content: z.string(),
    /**
     * When it was first written.
     */
    createdAt: z.iso.datetime(),
    /**
     * The post's id.
     */
    id: z.guid(),
    /**
     * Whether anybody but its author may read it.
     */
    published: z.boolean(),
    /**
     * When it was published; `null` for a draft.
     */
    publishedAt: z.iso.datetime().nullable(),
    /**
     * Its title.
     */
    title: z.string(),
    /**
     * When it was last changed.
     */
    updatedAt: z.iso.datetime()
});

export type Post = z.infer<typeof Post>;

/**
 * A post as lists show it.
 */
export const PostSummary = z.object({
    /**
     * Who wrote it.
     */
    author: Author,
    /**
     * When it was first written.
     */
    createdAt: z.iso.datetime(),
    /**
     * The first 300 characters of its text.
     */
    excerpt: z.string(),
    /**
     * The post's id.
     */
    id: z.guid(),
    /**
     * Whether anybody but its author may read it.
     */
    published: z.boolean(),
    /**
     * When it was published; `null` for a draft.
     */
    publishedAt: z.iso.datetime().nullable(),
    /**
     * Its title.
     */
    title: z.string()
});

export type PostSummary = z.infer<typeof PostSummary>;

/**
 * A page of posts, newest first.
 */
export const PostPage = z.object({
    /**
     * To be sent as `cursor` for the next page; `null` on the last one.
     */
    nextCursor: z.string().nullable(),
    /**
     * The posts.
     */
    posts: z.array(PostSummary)
});

export type PostPage = z.infer<typeof PostPage>;

/**
 * The answer of `GET /health`.
 */
export const Health = z.object({
    /**
     * Always `ok`: anything else is a problem.
     */
    status: z.string()
});

export type Health = z.infer<typeof Health>;

/**
 * One field of the input that is wrong.
 */
export const Fault = z.object({
    /**
     * What it should be. Never what it was.
     */
    detail: z.string(),
    /**
     * The field's name, in the body or in the query.
     */
    field: z.string()
});

export type Fault = z.infer<typeof Fault>;

/**
 * The kinds of problem, by the names that clients may branch on.
 *
 * - `malformed_json`: 400: the body is not JSON.
 * - `unauthenticated`: 401: no bearer token where one is needed.
 * - `token_invalid`: 401: the token is not one of ours, or its user is gone.
 * - `token_expired`: 401: the token was valid once.
 * - `wrong_credentials`: 401: no such user, or not this password; which of the two is not told.
 * - `not_found`: 404: nothing there, or nothing this caller may know of.
 * - `method_not_allowed`: 405: the path exists, the method does not; see `Allow`.
 * - `email_taken`: 409: somebody has signed up with this e-mail address.
 * - `precondition_failed`: 412: the post has changed since the one that `If-Match` names was read.
 * - `body_too_large`: 413: the body is over 2 MiB.
 * - `unsupported_media_type`: 415: the body is not `application/json`.
 * - `invalid_input`: 422: one or more fields are wrong; see `errors`.
 * - `misconfigured`: 500: a setting is missing or wrong, or the proxy refuses the API's key.
 * - `internal`: 500: a fault of ours.
 * - `database_unavailable`: 503: the database or the proxy cannot be reached or has no connection free; nothing was changed.
 * - `database_timeout`: 503: the database did not answer in time; nothing was changed.
 * - `outcome_unknown`: 503: the connection was lost while a change was under way: it may or may not have been made.
 */
export const Code = oneOf([
    'malformed_json',
    'unauthenticated',
    'token_invalid',
    'token_expired',
    'wrong_credentials',
    'not_found',
    'method_not_allowed',
    'email_taken',
    'precondition_failed',
    'body_too_large',
    'unsupported_media_type',
    'invalid_input',
    'misconfigured',
    'internal',
    'database_unavailable',
    'database_timeout',
    'outcome_unknown'
]);

export type Code = z.infer<typeof Code>;

/**
 * The body of every answer that is not a success: `application/problem+json`.
 */
export const Problem = z.object({
    /**
     * What happened, for programs.
     */
    code: Code,
    /**
     * What happened, for people.
     */
    detail: z.string(),
    /**
     * The fields that are wrong, where fields are.
     */
    errors: z.array(Fault).optional(),
    /**
     * The id to name when reporting the problem.
     */
    requestId: z.string(),
    /**
     * The HTTP status, 400 to 599.
     */
    status: z.int().gte(0).lte(65535),
    /**
     * The status's own phrase.
     */
    title: z.string(),
    /**
     * Always `about:blank`: the status says the kind, `code` the exact one (RFC 9457, section 4.2.1).
     */
    type: z.string()
});

export type Problem = z.infer<typeof Problem>;
