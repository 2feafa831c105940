// Lets the search work where pages are opened from a folder (file:), where browsers allow no web workers:
// the worker's script runs in a hidden frame, and messages go to and fro between the two windows.
(() => {
  if (location.protocol !== "file:") return;
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.appendChild(frame);
      this.frame = frame;
      this.onmessage = this.onerror = null;
      addEventListener("message", (event) => {
        if (event.source !== frame.contentWindow) return;
        const told = new MessageEvent("message", { data: event.data });
        this.dispatchEvent(told);
        if (this.onmessage) this.onmessage(told);
      });
      const inside = frame.contentDocument;
      const code = `
        window.postMessage = (data) => parent.postMessage(data, "*");
        window.importScripts = (...urls) => urls.reduce((before, url) => before.then(() => new Promise((done, failed) => {
          const script = document.createElement("script");
          script.src = url; script.onload = done; script.onerror = failed;
          document.body.appendChild(script);
        })), Promise.resolve());`;
      inside.open();
      inside.write(`<body><script>${code}<\/script><script src="${url}"><\/script></body>`);
      inside.close();
      this.ready = new Promise((done) => frame.addEventListener("load", done));
    }
    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(
        new MessageEvent("message", { data, source: window, origin: location.origin })));
    }
    terminate() { this.frame.remove(); }
  };
})();
