// Opens the server's page in Chromium: a wrong key first, then the right one; prints what the page shows.
// node puppeteer-core.mjs ADDRESS ADMIN_KEY CHROMIUM [SCREENSHOT.png]
import puppeteer from 'puppeteer-core';

const [address, key, executablePath, screenshot] = process.argv.slice(2);
const browser = await puppeteer.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-gpu'] });
try {
  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', e => errors.push(e.message));
  const text = selector => page.$eval(selector, e => e.textContent);
  const signIn = async secret => {
    await page.$eval('#key', e => { e.value = ''; });
    await page.type('#key', secret);
    await page.click('#sign-in button');
  };
  await page.goto(address);
  await signIn('pb-wrong');
  await page.waitForFunction(() => document.querySelector('#error').textContent !== '');
  const refused = await text('#error');
  await signIn(key);
  // The rate needs two looks.
  await page.waitForFunction(() => !document.querySelector('#live').hidden && document.querySelector('#rate').textContent !== '–');
  const policies = await page.$$eval('#policies tr', rows => rows.map(row => [...row.cells].map(cell => cell.textContent)));
  if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
  console.log(JSON.stringify({ refused, base: await text('#base'), policies, rate: await text('#rate'), errors }));
} finally {
  await browser.close();
}
