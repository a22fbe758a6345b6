// Passwords as they are kept: PBKDF2 by WebCrypto, which Workers allow 100,000 rounds.

const ROUNDS = 100_000;

/** What to keep of a password: `salt.key`, both in hexadecimal digits. */
export async function hash(password) {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  return `${hex(salt)}.${hex(await derived(password, salt))}`;
}

/** Whether this is the password that was kept. */
export async function matches(password, kept) {
  const [salt, key] = kept.split('.').map((part) => Uint8Array.from(part.match(/../g), (byte) => parseInt(byte, 16)));
  const other = await derived(password, salt);
  // As long for every wrong password.
  return other.reduce((difference, byte, at) => difference | (byte ^ key[at]), 0) === 0;
}

async function derived(password, salt) {
  const key = await crypto.subtle.importKey('raw', new TextEncoder().encode(password), 'PBKDF2', false, ['deriveBits']);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations: ROUNDS }, key, 256));
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
