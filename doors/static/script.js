"use strict";
// Comfort on top of pages that work without it: buttons that copy, and keys.
(() => {
  const text = (name) => document.body.dataset[name] || "";

  for (const source of document.querySelectorAll("main [data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = text("copy");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(source.dataset.copy || source.textContent.trim());
        button.textContent = text("copied");
      } catch {
        getSelection().selectAllChildren(source);
      }
      setTimeout(() => { button.textContent = text("copy"); }, 1500);
    });
    source.after(" ", button);
  }

  // Forms that a device of the person fills in (WebAuthn): what it is asked stands in the form, as JSON.
  const bytes = (encoded) => Uint8Array.from(
    atob(encoded.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  const encoded = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const named = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));
  const ask = async (form) => {
    const asked = JSON.parse(form.dataset.device);
    asked.challenge = bytes(asked.challenge);
    asked.excludeCredentials = named(asked.excludeCredentials);
    if (asked.allowCredentials) asked.allowCredentials = named(asked.allowCredentials);
    if (asked.user) asked.user.id = bytes(asked.user.id);
    const made = await navigator.credentials["new" in form.dataset ? "create" : "get"]({ publicKey: asked });
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (made.response[name]) response[name] = encoded(made.response[name]);
    }
    form.elements.device.value = JSON.stringify({ id: made.id, rawId: encoded(made.rawId), type: made.type, response });
    form.submit();
  };
  for (const form of window.PublicKeyCredential ? document.querySelectorAll("form[data-device]") : []) {
    form.hidden = false;
    document.querySelector("[data-no-device]")?.remove();
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      // Who cancels, or has no such device, may go another way.
      await ask(form).catch(() => {});
      button.disabled = false;
    });
  }

  const rows = [...document.querySelectorAll(".list tbody tr")];
  let here = -1;
  const walk = (step) => {
    if (!rows.length) return;
    rows[here]?.classList.remove("here");
    here = Math.min(Math.max(here + step, 0), rows.length - 1);
    rows[here].classList.add("here");
    rows[here].querySelector(".title a")?.focus({ preventScroll: true });
    rows[here].scrollIntoView({ block: "nearest" });
  };
  const help = () => {
    let dialog = document.querySelector("dialog.keys");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.className = "keys";
      const table = document.createElement("table");
      for (const line of text("keys").split("|")) {
        const [key, meaning] = line.split("=");
        const row = table.insertRow();
        const name = document.createElement("kbd");
        name.textContent = key;
        row.insertCell().append(name);
        row.insertCell().textContent = meaning;
      }
      dialog.append(table);
      dialog.addEventListener("click", () => dialog.close());
      document.body.append(dialog);
    }
    dialog.showModal();
  };
  const keys = {
    "/": () => { const box = document.querySelector("input[type=search]"); box?.focus(); box?.select(); },
    j: () => walk(1),
    k: () => walk(-1),
    m: () => (rows[here] || document).querySelector("a[href^='magnet:']")?.click(),
    "?": help,
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, dialog[open]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
})();
