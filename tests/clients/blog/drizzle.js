// The blog as a Worker with drizzle-orm/neon-http.

import { neon, neonConfig } from '@neondatabase/serverless';
import { and, desc, eq, relations } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/neon-http';
import { integer, pgTable, serial, text, timestamp } from 'drizzle-orm/pg-core';
import { blog, EmailTaken } from './app.js';

const users = pgTable('users', {
  id: serial('id').primaryKey(),
  email: text('email').notNull().unique(),
  name: text('name').notNull(),
  password: text('password').notNull(),
});

const posts = pgTable('posts', {
  id: serial('id').primaryKey(),
  title: text('title').notNull(),
  content: text('content').notNull(),
  authorId: integer('author_id').notNull().references(() => users.id),
  createdAt: timestamp('created_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
});

const author = relations(posts, ({ one }) => ({ author: one(users, { fields: [posts.authorId], references: [users.id] }) }));

function open(env) {
  neonConfig.fetchEndpoint = `${env.POOL_PROXY_URL}/sql`;
  const db = drizzle(neon(env.DATABASE_URL), { schema: { users, posts, author } });
  return {
    async createUser(user) {
      try {
        const [created] = await db.insert(users).values(user).returning();
        return created;
      } catch (error) {
        throw error.cause?.code === '23505' ? new EmailTaken() : error;
      }
    },
    userByEmail: (email) => db.query.users.findFirst({ where: eq(users.email, email) }),
    async createPost(authorId, post) {
      const [created] = await db.insert(posts).values({ ...post, authorId }).returning();
      return created;
    },
    async editPost(id, authorId, edit) {
      const [edited] = await db.update(posts).set(edit).where(and(eq(posts.id, id), eq(posts.authorId, authorId))).returning();
      return edited;
    },
    post: (id) => db.query.posts.findFirst({ where: eq(posts.id, id), with: { author: { columns: { name: true } } } }),
    posts: () =>
      db
        .select({ id: posts.id, title: posts.title, author: { name: users.name } })
        .from(posts)
        .innerJoin(users, eq(users.id, posts.authorId))
        .orderBy(desc(posts.id)),
  };
}

export default blog(open);
