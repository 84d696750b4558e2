// So much of a page as JSONP polling needs: script elements that are fetched and run, a form that is sent. What came
// and what a browser would have refused is kept for the test.

export class Page {
  // Puts it in place of a browser's globals until close().
  constructor() {
    this.scripts = []; // { url, status, headers, text }
    this.open = true;
    this.requests = new AbortController();
    this.body = this.head = this.element('body');
    globalThis.document = this;
  }

  close() {
    this.open = false;
    this.requests.abort();
    delete globalThis.document;
    delete globalThis.___eio;
  }

  element(tag) {
    const page = this;
    const element = {
      tag, style: {}, children: [],
      setAttribute() {},
      appendChild(child) {
        child.parentNode = element;
        element.children.push(child);
        if (child.tag === 'script') page.run(child);
      },
      removeChild(child) {
        element.children.splice(element.children.indexOf(child), 1);
        child.parentNode = null;
      },
      submit: () => page.submit(element),
    };
    return element;
  }

  createElement(tag) {
    if (tag.startsWith('<')) throw new Error('no tag');
    return this.element(tag);
  }

  getElementsByTagName() {
    return [];
  }

  async run(script) {
    try {
      const answer = await fetch(script.src, { signal: this.requests.signal });
      const text = await answer.text();
      this.scripts.push({ url: script.src, status: answer.status, headers: answer.headers, text });
      const runs = answer.ok && /^text\/javascript\b/.test(answer.headers.get('content-type'));
      if (!runs) script.onerror(new Error(`${answer.status} ${text}`));
      else if (this.open && script.parentNode) new Function('___eio', text)(globalThis.___eio);
    } catch (error) {
      if (this.open) script.onerror(error);
    }
  }

  async submit(form) {
    // Line ends change on the way, as in every browser.
    const fields = new URLSearchParams(form.children.filter(({ tag }) => tag === 'textarea')
      .map(({ name, value }) => [name, value.replace(/\r?\n/g, '\r\n')]));
    const frame = form.children.find(({ tag }) => tag === 'iframe');
    try {
      await (await fetch(form.action, { method: 'POST', body: fields, signal: this.requests.signal })).text();
    } catch {
      return;
    }
    if (this.open) frame.onload();
  }
}
