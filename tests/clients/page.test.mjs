// The operators' page in a real Chromium: what it shows is alive, what is hostile in it stays text, and it keeps to itself.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, afterEach, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';

const { POOL_PROXY_URL, POOL_PROXY_TEST_KEY, OPS_URL, LOCKED_URL, RELAY_URL, RELAY_OPS_URL, OPS_TOKEN } = process.env;

/** As the packages of several systems call it. */
function program() {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8' }).trim();
    } catch {
      // It has another name here.
    }
  }
  throw new Error('Chromium is not installed');
}

async function ask(query, { headers, expected = 200, url = POOL_PROXY_URL } = {}) {
  const authorization = `Bearer ${POOL_PROXY_TEST_KEY}`;
  const answer = await fetch(`${url}/sql`, { method: 'POST', headers: { authorization, ...headers }, body: JSON.stringify({ query }) });
  assert.equal(answer.status, expected, await answer.text());
}

let browser;
let context;
/** What went wrong on the page. */
let faults;

before(async () => {
  browser = await chromium.launch({ executablePath: program() });
});

after(() => browser?.close());

async function open(url, options = {}) {
  context = await browser.newContext(options);
  faults = [];
  const page = await context.newPage();
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  page.on('request', (request) => request.url().startsWith(url) || faults.push(`asks ${request.url()}`));
  page.on('dialog', () => faults.push('a dialog'));
  await page.goto(url);
  return page;
}

afterEach(async () => {
  await context?.close();
  context = undefined;
  assert.deepEqual(faults, []);
});

/** The text of something, once it fits. */
async function text(page, selector, pattern) {
  const found = page.locator(selector).filter({ hasText: pattern }).first();
  await found.waitFor({ timeout: 20_000 });
  return found.innerText();
}

const row = (words) => `#statements tbody tr:has-text("${words}")`;

/** The contrast of an element's text with the ground it stands on (WCAG 2.2, 1.4.3). */
function contrast(element) {
  const numbers = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  let ground = element;
  while (ground.parentElement && (numbers(getComputedStyle(ground).backgroundColor)[3] ?? 1) === 0) ground = ground.parentElement;
  const [a, b] = [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor].map((color) => luminance(numbers(color)));
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

describe('the page', () => {
  test('shows what is asked as it is asked', async () => {
    const page = await open(OPS_URL);
    await text(page, '#state', 'Ready');
    assert.equal(await page.locator(row('AS alive')).count(), 0);
    for (let time = 0; time < 3; time += 1) await ask('SELECT 1 AS alive', { headers: { 'cache-control': 'max-age=60' } });
    const cells = await text(page, row('AS alive'), 'yes');
    assert.match(cells, /SELECT \$1 AS alive/);
    // One run, two hits.
    assert.deepEqual(await page.locator(`${row('AS alive')} td.number`).allInnerTexts().then((all) => [all[1], all[5]]), ['1', '2']);
    await text(page, '#tile-hits .big', /%/);
    await text(page, '#held', /^1 answer held/);
    await text(page, '#pools .pool', /default/);
    assert.match(await text(page, '#build', /\d/), /^\d+\.\d+\.\d+ · fra$/);
    const before = Number(await page.locator('#keys tbody tr:has-text("env") td').nth(6).innerText());
    await ask('SELECT random()', { headers: { 'cache-control': 'max-age=60' } });
    await text(page, row('random()'), 'volatile');
    await text(page, '#reasons li', 'volatile');
    await page.waitForFunction((before) => Number(document.querySelectorAll('#keys tbody td')[6].innerText) > before, before);
  });

  test('puts statements in the order that is wished, by keyboard too', async () => {
    for (let time = 0; time < 30; time += 1) await ask('SELECT 1 AS frequent');
    await ask('SELECT pg_sleep(0.5) AS lengthy');
    const page = await open(OPS_URL);
    await text(page, '#statements tbody tr:first-child', 'lengthy');
    await page.locator('th[data-order="calls"] button').focus();
    await page.keyboard.press('Enter');
    await text(page, '#statements tbody tr:first-child', 'frequent');
    assert.equal(await page.locator('th[aria-sort="descending"]').innerText(), 'Calls');
    // Drawn anew, it is where it was.
    await page.waitForTimeout(2500);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Calls');
    await page.locator(`${row('lengthy')} summary`).click();
    await page.waitForTimeout(2500);
    assert.equal(await page.locator(`${row('lengthy')} details`).getAttribute('open'), '');
  });

  test('takes nothing in a statement for markup', async () => {
    await ask(`SELECT 1 AS "<img src=x onerror='document.title=1'>", 2 AS "<script>document.title=2</script>"`);
    const page = await open(OPS_URL);
    const shown = await text(page, '#statements tbody code', '<img');
    assert.match(shown, /<img src=x onerror='document\.title=1'>.*<script>/);
    assert.equal(await page.locator('#shown img, #shown script').count(), 0);
    assert.equal(await page.title(), 'pool-proxy');
  });

  test('shows no value, secret or hash', async () => {
    await ask("SELECT 'swordfish' AS fish");
    await ask('SELECT swordfish mackerel herring', { expected: 400 });
    const page = await open(OPS_URL);
    await text(page, row('AS fish'), 'fish');
    const everything = await page.content();
    for (const secret of ['swordfish', 'mackerel', POOL_PROXY_TEST_KEY, 'sha256']) assert.ok(!everything.includes(secret), secret);
    await text(page, '#keys tbody tr:has-text("web")', /web_anon.*read.*600\/min.*2035-01-01/s);
  });

  test('forgets counts when that is wished twice', async () => {
    await ask('SELECT 1 AS forgotten');
    const page = await open(OPS_URL);
    await text(page, row('forgotten'), '1');
    await page.locator('#reset').click();
    await text(page, '#reset', 'Forget all counts?');
    await page.locator('#reset').click();
    await page.locator(row('forgotten')).waitFor({ state: 'detached' });
  });

  test('stops while it is paused', async () => {
    const page = await open(OPS_URL);
    await text(page, '#state', 'Ready');
    await page.locator('#pause').click();
    await page.waitForTimeout(500);
    await ask('SELECT 1 AS paused');
    await page.waitForTimeout(2500);
    assert.equal(await page.locator(row('AS paused')).count(), 0);
    await page.locator('#pause').click();
    await text(page, row('AS paused'), 'SELECT');
  });

  for (const colorScheme of ['light', 'dark']) {
    test(`can be read in the ${colorScheme}, on any screen`, async () => {
      await ask(`SELECT 1 AS ${'a_name_without_any_place_to_break_it'.repeat(6)}`.slice(0, 70));
      for (const width of [320, 375, 768, 1360]) {
        const page = await open(OPS_URL, { viewport: { width, height: 800 }, colorScheme });
        await page.locator('#statements tbody summary').first().waitFor();
        const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(content <= screen, `${content} on ${screen}`);
        const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/)[0]);
        assert.equal(Number(ground) < 128, colorScheme === 'dark');
        for (const selector of ['.quiet', '.good', '.big', 'td', 'th button', 'h3', 'code', 'button', '.state']) {
          const [first] = await page.locator(selector).filter({ visible: true }).all();
          if (first) assert.ok((await first.evaluate(contrast)) >= 4.5, `${selector} at ${width}: ${await first.evaluate(contrast)}`);
        }
        if (width !== 1360) await context.close();
      }
    });
  }

  test('has a name for whatever there is', async () => {
    const page = await open(OPS_URL);
    await page.locator('#statements tbody tr').first().waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    const headings = await page.locator('h1, h2, h3').filter({ visible: true }).allInnerTexts();
    for (const name of ['pool-proxy', 'Pools', 'Cache', 'Statements', 'Keys']) assert.ok(headings.includes(name), headings.join());
    for (const name of ['Statements', 'Keys']) await page.getByRole('table', { name }).waitFor();
    await page.getByRole('columnheader', { name: 'Longest' }).waitFor();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    assert.ok((await page.getByRole('row').count()) > 2);
  });

  test('tells that the proxy does not answer', async () => {
    const page = await open(OPS_URL);
    await text(page, '#state', 'Ready');
    await page.route('**/metrics', (route) => route.abort());
    await text(page, '#state', 'Out of reach');
    await text(page, '#notice', 'does not answer');
    await page.unroute('**/metrics');
    await text(page, '#state', 'Ready');
    assert.ok(await page.locator('#notice').isHidden());
    faults = faults.filter((fault) => !fault.includes('net::ERR_FAILED'));
  });
});

describe('with a token', () => {
  /** The browser's own words for what the page cannot know before it asks. */
  const expected = (fault) => !fault.includes('401');

  test('it asks for the token, and keeps it in the tab alone', async () => {
    const page = await open(LOCKED_URL);
    await page.getByLabel("Operators' token").waitFor();
    assert.ok(await page.locator('#shown').isHidden());
    assert.equal(await page.getByLabel("Operators' token").getAttribute('type'), 'password');
    await page.getByLabel("Operators' token").fill('operators-token-0002');
    await page.keyboard.press('Enter');
    await text(page, '#refused', 'That is not the token.');
    await page.getByLabel("Operators' token").fill(OPS_TOKEN);
    await page.getByRole('button', { name: 'Show' }).click();
    await text(page, '#state', 'Ready');
    await text(page, '#keys tbody tr', 'env');
    assert.ok(!page.url().includes(OPS_TOKEN) && !(await page.content()).includes(OPS_TOKEN));
    assert.deepEqual(await page.evaluate(() => [localStorage.length, document.cookie]), [0, '']);
    await page.reload();
    await text(page, '#state', 'Ready');
    const other = await context.newPage();
    await other.goto(LOCKED_URL);
    await other.getByLabel("Operators' token").waitFor();
    faults = faults.filter(expected);
  });
});

describe('of a relay', () => {
  test('it shows what a relay knows', async () => {
    const page = await open(RELAY_OPS_URL);
    await text(page, '#upstream', 'The upstream answers.');
    await ask('SELECT 1', { url: RELAY_URL });
    await ask('SELEC', { url: RELAY_URL, expected: 400 });
    await text(page, '#answers li:has-text("200")', '1');
    await text(page, '#answers li:has-text("400")', '1');
    assert.equal(await text(page, '#build', 'relay').then((build) => build.startsWith('relay')), true);
    for (const name of ['Pools', 'Statements', 'Keys']) assert.ok(await page.getByRole('heading', { name }).isHidden());
  });
});
