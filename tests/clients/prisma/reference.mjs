// Prisma's own executor of query plans, as its authors ship it, as a server for the database of DATABASE_URL: what it
// answers is what the clients expect. It prints its address once it serves.

import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { serve } from '@hono/node-server';
import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api';

// Without a context manager each of its answers is empty, and without a tracer its logs name no span.
const contexts = new AsyncLocalStorage();
context.setGlobalContextManager({
  active: () => contexts.getStore() ?? ROOT_CONTEXT,
  with: (value, work, self, ...args) => contexts.run(value, () => work.apply(self, args)),
  bind: (value, work) => (...args) => contexts.run(value, () => work(...args)),
  enable: () => context,
  disable: () => context,
});
const span = () => {
  const ids = { traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex'), traceFlags: 1 };
  const made = { spanContext: () => ids, isRecording: () => false, end: () => {} };
  return new Proxy(made, { get: (target, name) => target[name] ?? (() => made) });
};
const startActiveSpan = (name, ...rest) => {
  const started = span();
  return contexts.run(trace.setSpan(context.active(), started), () => rest.at(-1)(started));
};
trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan: span, startActiveSpan }) });

const { Server, parseDuration } = await import('@prisma/query-plan-executor');
const server = await Server.create({
  databaseUrl: process.env.DATABASE_URL,
  queryTimeout: parseDuration('PT1M'),
  maxTransactionTimeout: parseDuration('PT1M'),
  maxTransactionWaitTime: parseDuration('PT1M'),
  maxResponseSize: 1 << 30,
  perRequestLogContext: { logLevel: 'off', logFormat: 'text' },
});

serve({ fetch: server.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => console.log(`http://127.0.0.1:${port}`));
