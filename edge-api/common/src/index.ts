// The blog API for front ends: its schemas, the types inferred from them, and a client.

export * from "./client.js";
export * from "./schemas.js";
export type { OtherString } from "./text.js";
