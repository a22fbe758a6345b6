// A Worker that does with Prisma what a path names, and answers what it has got.

import { withAccelerate } from '@prisma/extension-accelerate';
import { PrismaClient } from 'prisma-client';

const deeds = {
  async reads({ user, post, scalars }, prisma) {
    const alice = await user.findUnique({
      where: { email: 'alice@x.io' },
      include: { posts: { orderBy: { id: 'asc' }, include: { categories: { orderBy: { id: 'asc' } } } }, profile: true },
    });
    const { bytes, decimal, bigint, json } = await scalars.findUniqueOrThrow({ where: { id: 1 }, select: { bytes: true, decimal: true, bigint: true, json: true } });
    const groups = await post.groupBy({ by: 'authorId', _sum: { views: true }, orderBy: { authorId: 'asc' } });
    const raw = await prisma.$queryRaw`SELECT likes, "createdAt" FROM "Post" WHERE id = ${1}`;
    return { alice, values: [Array.from(bytes), decimal, bigint, json], groups, raw };
  },

  async writes({ user, post }) {
    const made = await user.create({
      data: { email: 'f@x.io', posts: { create: [{ title: 'one' }, { title: 'two' }] }, profile: { create: { bio: 'b' } } },
      include: { posts: { orderBy: { id: 'asc' }, select: { title: true } }, profile: { select: { bio: true } } },
    });
    const updated = await post.updateMany({ where: { author: { email: 'f@x.io' } }, data: { views: { increment: 2 } } });
    const deleted = await user.delete({ where: { email: 'eve@x.io' } }).catch(({ code }) => code);
    return { posts: made.posts, profile: made.profile, updated, deleted };
  },

  async transactions({ post }, prisma) {
    const add = (client, id) => client.post.update({ where: { id }, data: { views: { increment: 1 } }, select: { views: true } });
    const kept = await prisma.$transaction(async (tx) => [await add(tx, 1), await add(tx, 2)]);
    const undone = await prisma
      .$transaction(async (tx) => {
        await add(tx, 1);
        throw new Error('enough');
      })
      .catch(({ message }) => message);
    const listed = await prisma.$transaction([add(prisma, 4), post.count()], { isolationLevel: 'Serializable' });
    const views = await post.findMany({ where: { id: { in: [1, 2, 4] } }, orderBy: { id: 'asc' }, select: { views: true } });
    return { kept, undone, listed, views };
  },

  async errors({ user, post }, prisma) {
    const works = [
      user.create({ data: { email: 'alice@x.io' } }),
      user.update({ where: { id: 99 }, data: { name: 'x' } }),
      post.create({ data: { title: 'x', authorId: 99 } }),
      prisma.$queryRaw`SELECT 1/0`,
    ];
    const ended = await Promise.allSettled(works);
    return ended.map(({ status, reason }) => (status === 'rejected' ? { name: reason.name, code: reason.code } : status));
  },

  async cache({ user }, prisma) {
    const ask = async () => {
      const { data, info } = await user.findMany({ where: { id: 1 }, cacheStrategy: { ttl: 60, tags: ['users'] } }).withAccelerateInfo();
      return [data[0].name, info.cacheStatus];
    };
    const first = await ask();
    await user.update({ where: { id: 1 }, data: { name: 'Alicia' } });
    const second = await ask();
    await prisma.$accelerate.invalidate({ tags: ['users'] });
    return [first, second, await ask()];
  },
};

export default {
  async fetch(request, env) {
    const prisma = new PrismaClient({ accelerateUrl: env.DATABASE_URL }).$extends(withAccelerate());
    const deed = deeds[new URL(request.url).pathname.slice(1)];
    const text = (_, value) => (typeof value === 'bigint' ? `${value}n` : value);
    return new Response(JSON.stringify(await deed(prisma, prisma), text), { headers: { 'content-type': 'application/json' } });
  },
};
