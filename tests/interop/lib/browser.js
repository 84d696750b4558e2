// Headless Chromium on the pages of a gateway.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

const QUIET = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
];

export class Browser {
  static async start() {
    const browser = new Browser();
    browser.directory = await mkdtemp(join(tmpdir(), 'confab-browser-'));
    browser.context = await chromium.launchPersistentContext(browser.directory, {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      headless: true,
      args: QUIET,
      viewport: { width: 1100, height: 720 },
    });
    return browser;
  }

  // A window of its own; `errors` collects what the page's console complains about.
  async open(url, viewport) {
    const page = await this.context.newPage();
    page.errors = [];
    page.on('pageerror', (error) => page.errors.push(String(error)));
    page.on('console', (line) => line.type() === 'error' && page.errors.push(line.text()));
    if (viewport) await page.setViewportSize(viewport);
    await page.goto(url);
    return page;
  }

  async stop() {
    await this.context.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
