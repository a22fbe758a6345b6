// Prisma 7 looks here for the schema and the database: the direct URL, never the proxy's. It imports nothing, so that
// `npx prisma` reads it without being installed here.
export default {
  schema: "schema.prisma",
  datasource: { url: process.env.DATABASE_URL ?? "" },
};
