// Makes the pages quicker under the hand; each of them works without. No eval, no markup from strings.
"use strict";

(() => {
  const usable = (one) => one && !one.disabled && one.getAttribute("aria-disabled") !== "true" && one.offsetParent !== null;
  const curtain = () => document.getElementById("curtain");

  // Keys: those shown on the page. Quiet while an input method composes, and behind the curtain.
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || event.defaultPrevented || event.repeat) return;
    if (event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
    if (event.altKey) { // access keys, where the browser wants other keys for them than those that are shown
      const letter = /^Key[A-Z]$/.test(event.code) ? event.code[3].toLowerCase() : event.key.toLowerCase();
      const meant = [...document.querySelectorAll(`[accesskey="${CSS.escape(letter)}"]`)].find(usable);
      if (meant && !event.shiftKey) {
        event.preventDefault();
        meant.focus();
        meant.click();
      }
      return;
    }
    const at = event.target;
    const own = at.closest("button, a, summary, textarea, select, input[type=file]");
    if (event.key === "Enter" && own) return; // it does what it says itself
    const named = [...document.querySelectorAll(`[data-key="${CSS.escape(event.key)}"]`)].filter(usable);
    if (named.length === 0) return;
    if (event.key === "Enter" && at.form && at.form.querySelector("button:not([type=button])")) return; // a form of its own
    event.preventDefault();
    named[0].focus();
    named[0].click();
  });

  // A form is sent once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.id === "unlock" && curtain() && curtain().open) return;
    if (form.dataset.sent && !form.hasAttribute("hx-post")) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
    }
  });

  // Focus: a swap leaves it where it was; what went wrong is gone to.
  let held = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const at = document.activeElement;
    held = at && event.detail.target.contains(at) ? at.id || at.name || null : null;
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const form = event.detail.requestConfig && event.detail.requestConfig.elt;
    if (form && form.dataset) delete form.dataset.sent;
    const target = event.detail.target || event.target; // a swap of an event stream names no target
    const fault = target.id === "fault" ? target.querySelector(".fault") : null;
    if (fault) {
      fault.focus();
      return;
    }
    if (held) {
      const again = document.getElementById(held) || document.querySelector(`[name="${CSS.escape(held)}"]`);
      if (again) again.focus({ preventScroll: true });
      held = null;
    }
  });

  // The lock falls over the page after a while without a hand on it; the work stays behind it.
  const idle = Number(document.body.dataset.idle || 0) * 1000;
  let last = Date.now();
  const fall = () => {
    const it = curtain();
    if (!it || it.open) return;
    it.returnFocus = document.activeElement;
    it.showModal();
    document.getElementById("curtain-word").focus();
  };
  for (const name of ["keydown", "pointerdown"]) document.addEventListener(name, () => { last = Date.now(); }, { passive: true });
  document.body.addEventListener("locked", fall);
  document.addEventListener("DOMContentLoaded", () => {
    const it = curtain();
    if (it) it.addEventListener("cancel", (event) => event.preventDefault());
    const word = document.getElementById("unlock");
    if (!word || !it) return;
    word.addEventListener("submit", async (event) => {
      event.preventDefault();
      const said = document.getElementById("curtain-error");
      const answer = await fetch(word.action, { method: "POST", body: new URLSearchParams(new FormData(word)), redirect: "manual", credentials: "same-origin" });
      document.getElementById("curtain-word").value = "";
      if (answer.status === 204) {
        said.textContent = "";
        last = Date.now();
        it.close();
        if (it.returnFocus) it.returnFocus.focus();
      } else if (answer.status === 403) {
        said.textContent = await answer.text();
        document.getElementById("curtain-word").focus();
      } else {
        location.assign("/login");
      }
    });
  });
  if (idle) setInterval(() => { if (Date.now() - last >= idle) fall(); }, 1000);

  // Progress and lights that were asked for and not answered are asked for again by themselves; nothing is said of it.
  document.addEventListener("htmx:sendError", (event) => event.preventDefault());
})();
