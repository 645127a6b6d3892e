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
