// The blog as a Worker with Prisma 7 and Accelerate's extension.

import { withAccelerate } from '@prisma/extension-accelerate';
import { blog, EmailTaken } from './app.js';
import { PrismaClient } from 'prisma-client';

function open(env) {
  const prisma = new PrismaClient({ accelerateUrl: env.DATABASE_URL }).$extends(withAccelerate());
  return {
    async createUser(user) {
      try {
        return await prisma.user.create({ data: user });
      } catch (error) {
        throw error.code === 'P2002' ? new EmailTaken() : error;
      }
    },
    userByEmail: (email) => prisma.user.findUnique({ where: { email } }),
    createPost: (authorId, post) => prisma.post.create({ data: { ...post, authorId } }),
    async editPost(id, authorId, edit) {
      const [edited] = await prisma.post.updateManyAndReturn({ where: { id, authorId }, data: edit });
      return edited;
    },
    post: (id) => prisma.post.findUnique({ where: { id }, include: { author: { select: { name: true } } } }),
    posts: () =>
      prisma.post.findMany({ select: { id: true, title: true, author: { select: { name: true } } }, orderBy: { id: 'desc' } }),
  };
}

export default blog(open);
