"use strict";
// Checks the code of a temporary card by docs/temporary-card.md alone; shares nothing with the program that makes it.
(() => {
  const byId = (id) => document.getElementById(id);
  let language = (navigator.language || "zh").toLowerCase().startsWith("zh") ? 0 : 1;
  let list = null;
  let listWord = null;
  let status = null;
  let turn = 0;
  const say = (name) => WORDS[name][language];
  const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
  const USES = ["emergency", "medicine", "settlement"];

  function hex(bytes) {
    return Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
  }

  function fromBase64(text) {
    return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  }

  // RFC 9285
  function fromBase45(text) {
    const out = [];
    for (let at = 0; at < text.length; at += 3) {
      const signs = Array.from(text.slice(at, at + 3), (one) => ALPHABET.indexOf(one));
      if (signs.includes(-1) || signs.length === 1) throw new Error("base45");
      const value = signs.reduce((sum, one, place) => sum + one * 45 ** place, 0);
      if (value > (signs.length === 3 ? 0xffff : 0xff)) throw new Error("base45");
      if (signs.length === 3) out.push(value >> 8);
      out.push(value & 0xff);
    }
    return Uint8Array.from(out);
  }

  function day(count) {
    return new Date(Date.UTC(2000, 0, 1 + count)).toISOString().slice(0, 10);
  }

  function claimOf(text) {
    const plain = text.replace(/^\s+|\s+$/g, "");
    if (!plain.startsWith("CFT1:") || !plain.endsWith(":") || plain.length < 7) throw new Error("head");
    const bytes = fromBase45(plain.slice(5, -1));
    const signed = bytes.slice(0, -64);
    if (bytes.length < 64 + 17 || signed[0] !== 1 || signed[1] & 0xfc || signed[2] & 0xf8) throw new Error("version");
    const fields = [];
    let at = 14;
    for (let count = 0; count < 3; count += 1) {
      const length = signed[at];
      if (!length || at + 1 + length > signed.length) throw new Error("field");
      fields.push(new TextDecoder("utf-8", { fatal: true }).decode(signed.slice(at + 1, at + 1 + length)));
      at += 1 + length;
    }
    if (at !== signed.length) throw new Error("length");
    return {
      signed,
      signature: bytes.slice(-64),
      specimen: Boolean(signed[1] & 1),
      extension: Boolean(signed[1] & 2),
      uses: USES.filter((_, place) => (signed[2] >> place) & 1),
      key: hex(signed.slice(3, 7)),
      first: day((signed[7] << 8) | signed[8]),
      last: day((signed[9] << 8) | signed[10]),
      region: hex(signed.slice(11, 14)),
      paper: fields[0],
      number: fields[1],
      name: fields[2],
    };
  }

  async function signs(key, message, signature) {
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const taken = await crypto.subtle.importKey("raw", fromBase64(key.public), algorithm, false, ["verify"]);
    return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, taken, signature, message);
  }

  async function signer(id, message, signature) {
    for (const key of TRUST.keys) {
      if (key.id === id && (await signs(key, message, signature))) return key;
    }
    return null;
  }

  async function readList(bytes) {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const cut = text.lastIndexOf("signature ");
    const lines = text.slice(0, cut).split("\n");
    const value = (place, mark) => {
      if (!lines[place].startsWith(mark)) throw new Error(mark);
      return lines[place].slice(mark.length);
    };
    if (cut < 0 || lines[0] !== "cardfab-temporary-list 1" || lines.pop() !== "") throw new Error("form");
    const keys = value(2, "key ").split(" ");
    if (!keys.every((key) => /^[0-9a-f]{8}$/.test(key))) throw new Error("key");
    const found = { keys, made: value(3, "made "), until: value(4, "until "), entries: new Map() };
    for (const line of lines.slice(5)) {
      const parts = /^([0-9A-Z-]{1,20}) (revoked|ended|returned|extended) (\d{4}-\d\d-\d\d)$/.exec(line);
      if (!parts) throw new Error("entry");
      found.entries.set(parts[1], { why: parts[2], day: parts[3] });
    }
    const signature = fromBase64(text.slice(cut + 10).trim());
    const message = new TextEncoder().encode(text.slice(0, cut));
    if (Number.isNaN(Date.parse(found.made)) || Number.isNaN(Date.parse(found.until))) throw new Error("time");
    const by = await signer(keys[0], message, signature);
    if (!by) throw new Error("signature");
    // No station speaks of another's papers, however it names the keys.
    const own = TRUST.keys.filter((key) => key.station === by.station).map((key) => key.id);
    found.keys = keys.filter((key) => own.includes(key));
    return found;
  }

  // The day of the counter: China has one, eight hours ahead of UTC.
  function today() {
    return new Date(Date.now() + 8 * 3600 * 1000).toISOString().slice(0, 10);
  }

  function local(stamp) {
    return new Date(Date.parse(stamp) + 8 * 3600 * 1000).toISOString().slice(0, 16).replace("T", " ");
  }

  function listAge(key) {
    if (!list) return "whyNoList";
    if (!list.keys.includes(key)) return "whyOtherList";
    return Date.now() > Date.parse(list.until) || Date.now() < Date.parse(list.made) ? "whyOldList" : null;
  }

  async function judge(text) {
    let claim;
    try {
      claim = claimOf(text);
    } catch {
      return { kind: "stop", word: "notOurs", why: say("notOursWhy") };
    }
    if (!TRUST.keys.some((key) => key.id === claim.key)) {
      return { kind: "stop", word: "unknown", why: say("unknownWhy") + claim.key };
    }
    const key = await signer(claim.key, claim.signed, claim.signature);
    if (!key) return { kind: "stop", word: "changed", why: say("changedWhy") };
    const genuine = { claim, station: key.station, specimen: claim.specimen || key.training };
    const typed = byId("last").value.normalize("NFKC").replace(/\s/g, "").toUpperCase();
    if (typed && (typed.length < 4 || !claim.number.endsWith(typed))) {
      return { ...genuine, kind: "stop", word: "other", why: say("otherWhy") };
    }
    if (today() > claim.last) return { ...genuine, kind: "stop", word: "expired", why: say("expiredWhy") + claim.last };
    if (today() < claim.first) return { ...genuine, kind: "stop", word: "early", why: say("earlyWhy") + claim.first };
    const entry = list && list.keys.includes(claim.key) ? list.entries.get(claim.paper) : undefined;
    if (entry) return { ...genuine, kind: "stop", word: entry.why, why: say("listedWhy") + entry.day };
    const unlisted = listAge(claim.key);
    const listed = { ...genuine, listed: unlisted ? say("listNot") + say(unlisted) : say("listChecked") + local(list.until) };
    if (!typed) return { ...listed, kind: "wait", word: "compare", why: say("compareWhy") };
    if (unlisted) return { ...listed, kind: "wait", word: "validUnlisted", why: say("validUnlistedWhy") + say(unlisted) };
    return { ...listed, kind: "good", word: "valid", why: say("validWhy") };
  }

  function fact(label, value, large) {
    const term = document.createElement("dt");
    const said = document.createElement("dd");
    term.textContent = say(label);
    said.textContent = value;
    if (large) said.className = "large";
    byId("facts").append(term, said);
  }

  function grouped(number) {
    return number.length === 18 ? `${number.slice(0, 6)} ${number.slice(6, 14)} ${number.slice(14)}` : number;
  }

  async function show() {
    const mine = (turn += 1);
    const text = byId("text").value;
    if (!text.trim() || !globalThis.crypto?.subtle) {
      byId("verdict").hidden = true;
      return;
    }
    const found = await judge(text);
    if (mine !== turn) return;
    byId("verdict").className = found.kind;
    byId("verdict").dataset.word = found.word;
    byId("word").textContent = say(found.word);
    byId("why").textContent = found.why;
    byId("specimen").hidden = !found.specimen;
    byId("facts").replaceChildren();
    byId("unseen").hidden = !found.claim;
    if (found.claim) {
      const region = TRUST.regions[found.claim.region];
      fact("name", found.claim.name, true);
      fact("number", grouped(found.claim.number), true);
      fact("until", found.claim.last, true);
      fact("uses", found.claim.uses.map(say).join(language ? ", " : "、"), true);
      fact("region", region ? `${region[language]} (${found.claim.region})` : found.claim.region);
      fact("paper", found.claim.paper + (found.claim.extension ? say("extension") : ""));
      fact("station", found.station);
      if (found.listed) fact("list", found.listed);
      fact("today", today());
    }
    byId("verdict").hidden = false;
  }

  function words() {
    document.documentElement.lang = language ? "en" : "zh";
    for (const one of document.querySelectorAll("[data-t]")) one.textContent = say(one.dataset.t);
    byId("language").textContent = say("language");
    byId("reading").textContent = status ? say(status) : "";
    byId("listState").textContent = listWord ? listWord() : "";
    const keys = TRUST.keys.map((key) => `${key.station} ${key.id}`).join(", ");
    byId("foot").textContent = `${say("foot")} ${TRUST.made}. ${say("trusts")}: ${keys}.`;
    show();
  }

  // A photo is tried at several sizes: what is too fine for one is found in another.
  async function codeIn(file) {
    const picture = await createImageBitmap(file);
    const canvas = document.createElement("canvas");
    const longest = Math.max(picture.width, picture.height);
    for (const side of [1200, 800, 1800, 2600, 500]) {
      const scale = Math.min(side / longest, side === 1200 ? 1 : 2);
      canvas.width = Math.max(1, Math.round(picture.width * scale));
      canvas.height = Math.max(1, Math.round(picture.height * scale));
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(picture, 0, 0, canvas.width, canvas.height);
      const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
      const code = jsQR(pixels.data, canvas.width, canvas.height, { inversionAttempts: "dontInvert" });
      if (code && code.data) return code.data;
    }
    return null;
  }

  async function photographed(event) {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    byId("text").value = "";
    status = "reading";
    words();
    await new Promise((resolve) => setTimeout(resolve, 30));
    try {
      const text = await codeIn(file);
      if (text !== null) byId("text").value = text;
      status = text === null ? "noCode" : "read";
    } catch {
      status = "noPicture";
    }
    words();
  }

  async function listed(event) {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    try {
      const read = await readList(new Uint8Array(await file.arrayBuffer()));
      list = read;
      if (Date.now() > Date.parse(read.until)) listWord = () => say("listOld") + local(read.until) + (language ? ")." : "）。");
      else if (Date.now() < Date.parse(read.made)) listWord = () => say("listEarly");
      else listWord = () => say("listGood") + local(read.until);
    } catch {
      list = null;
      listWord = () => say("listBad");
    }
    words();
  }

  byId("language").addEventListener("click", () => { language = 1 - language; words(); });
  byId("picture").addEventListener("change", photographed);
  byId("stored").addEventListener("change", photographed);
  byId("list").addEventListener("change", listed);
  byId("text").addEventListener("input", () => { status = null; words(); });
  byId("last").addEventListener("input", show);
  byId("blocked").hidden = Boolean(globalThis.crypto?.subtle);
  words();
})();
