// A blog's API: people sign up and in, write posts, and read those of everybody. Where its data lies, `open` knows.

import { Hono } from 'hono';
import { jwt, sign } from 'hono/jwt';
import { z } from 'zod';
import { hash, matches } from './password.js';

const Account = z.object({ email: z.email(), name: z.string().trim().min(1).max(100), password: z.string().min(8).max(200) });
const Credentials = Account.pick({ email: true, password: true });
const Post = z.object({ title: z.string().trim().min(1).max(200), content: z.string() });
const Edit = Post.partial().refine((edit) => Object.keys(edit).length > 0, 'nothing to change');

/** What `open` throws if somebody has the e-mail address already. */
export class EmailTaken extends Error {}

/** The API over the data that `open` finds by a Worker's settings. */
export function blog(open) {
  const app = new Hono();
  const signedIn = (c, next) => jwt({ secret: c.env.JWT_SECRET, alg: 'HS256' })(c, next);

  app.use(async (c, next) => {
    c.set('data', open(c.env));
    await next();
  });

  app.post('/api/v1/user/signup', async (c) => {
    const { email, name, password } = await input(c, Account);
    const user = await c.var.data.createUser({ email, name, password: await hash(password) });
    return c.json({ token: await token(c, user) }, 201);
  });

  app.post('/api/v1/user/signin', async (c) => {
    const { email, password } = await input(c, Credentials);
    const user = await c.var.data.userByEmail(email);
    if (!user || !(await matches(password, user.password))) {
      return c.json({ error: 'wrong e-mail address or password' }, 401);
    }
    return c.json({ token: await token(c, user) });
  });

  app.post('/api/v1/blog', signedIn, async (c) => {
    const post = await c.var.data.createPost(Number(c.var.jwtPayload.sub), await input(c, Post));
    return c.json(post, 201);
  });

  app.put('/api/v1/blog/:id{[0-9]{1,9}}', signedIn, async (c) => {
    const edit = await input(c, Edit);
    const post = await c.var.data.editPost(Number(c.req.param('id')), Number(c.var.jwtPayload.sub), edit);
    return post ? c.json(post) : c.notFound();
  });

  app.get('/api/v1/blog/bulk', async (c) => c.json({ posts: await c.var.data.posts() }));

  app.get('/api/v1/blog/:id{[0-9]{1,9}}', async (c) => {
    const post = await c.var.data.post(Number(c.req.param('id')));
    return post ? c.json(post) : c.notFound();
  });

  app.notFound((c) => c.json({ error: 'not found' }, 404));

  app.onError((error, c) => {
    if (error instanceof z.ZodError) {
      return c.json({ error: 'invalid input', issues: error.issues.map(({ path, message }) => ({ path, message })) }, 400);
    }
    if (error instanceof EmailTaken) {
      return c.json({ error: 'this e-mail address is taken' }, 409);
    }
    if (error.getResponse) {
      return error.getResponse();
    }
    console.error(error);
    return c.json({ error: 'something went wrong' }, 500);
  });

  return app;
}

async function input(c, schema) {
  return schema.parse(await c.req.json().catch(() => undefined));
}

function token(c, user) {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  return sign({ sub: String(user.id), exp }, c.env.JWT_SECRET, 'HS256');
}
