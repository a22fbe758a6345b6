// Prisma 7 looks here for the schema and the database: the direct URL, never the proxy's.
import { defineConfig } from "prisma/config";

export default defineConfig({
  schema: "schema.prisma",
  datasource: { url: process.env.DATABASE_URL ?? "" },
});
