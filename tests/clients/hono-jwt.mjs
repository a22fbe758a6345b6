// Signs or verifies a token with hono/jwt: `node hono-jwt.mjs sign|verify SECRET CLAIMS|TOKEN`.
import { sign, verify } from 'hono/jwt';

const [act, secret, what] = process.argv.slice(2);
if (act === 'sign') {
  console.log(await sign(JSON.parse(what), secret, 'HS256'));
} else {
  console.log(JSON.stringify(await verify(what, secret, 'HS256')));
}
