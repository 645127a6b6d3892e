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

  // Many uploads: each file is read as it is dropped, each row is sent and shown by itself.
  const choose = document.querySelector("form.choose");
  const startBulk = () => {
    const drafts = document.querySelector("form.drafts");
    const list = drafts.querySelector("ol"), state = drafts.querySelector(".state");
    const picker = choose.querySelector("input[type=file]"), links = choose.querySelector("textarea");
    const say = choose.dataset, most = Number(say.most), limit = Number(say.limit);
    const together = { files: 10, bytes: 1 << 20, rows: 5 };
    const tell = (name, values) => {
      state.textContent = say[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
    };
    const pause = (seconds) => new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });
    const post = (path, data, progress) => new Promise((resolve) => {
      const asked = new XMLHttpRequest();
      asked.open("POST", path);
      asked.upload.addEventListener("progress", (event) => progress(event.loaded));
      asked.addEventListener("loadend", () => resolve(asked));
      asked.send(data);
    });
    // The rows of an answer, null where there was none; a service that is busy is asked again when it says.
    const ask = async (path, data, progress) => {
      data.set("csrf", choose.elements.csrf.value);
      data.set("part", "rows");
      for (let tries = 0; tries < 20; tries += 1) {
        const answer = await post(path, data, progress);
        if (answer.status === 200) {
          const made = document.createElement("template");
          made.innerHTML = answer.responseText;
          return [...made.content.querySelectorAll("li")];
        }
        if (answer.status !== 429 && answer.status !== 503) return null;
        const seconds = Math.min(Math.max(Number(answer.getResponseHeader("Retry-After")) || 2, 1), 60);
        tell("waits", { seconds });
        await pause(seconds);
      }
      return null;
    };
    const button = (label, does) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = label;
      made.addEventListener("click", does);
      return made;
    };
    const dismiss = (row) => {
      const line = document.createElement("div");
      line.className = "row";
      line.append(row.firstElementChild, button("✕", () => { row.remove(); show(); }));
      line.lastChild.className = "plain remove";
      line.lastChild.setAttribute("aria-label", say.dismiss);
      row.prepend(line);
    };
    const show = () => { drafts.hidden = !list.children.length; };
    const bar = (row) => {
      const made = document.createElement("progress");
      made.max = 1;
      made.value = 0;
      made.setAttribute("aria-label", row.querySelector("bdi")?.textContent || "");
      row.querySelectorAll("progress, .fault").forEach((each) => each.remove());
      row.append(made);
      return made;
    };
    const place = (row, fresh) => {
      if (fresh.matches(".refused") && !fresh.querySelector("input")) dismiss(fresh);
      row.replaceWith(fresh);
    };
    const fail = (row, why, again) => {
      row.querySelectorAll("progress, .fault").forEach((each) => each.remove());
      row.classList.add("refused");
      const said = document.createElement("p");
      said.className = "fault";
      said.append(why, ...(again ? [" ", button(say.again, again)] : []));
      row.append(said);
    };
    const placeholder = (label) => {
      const row = document.createElement("li"), told = document.createElement("p"), name = document.createElement("bdi");
      row.className = "draft";
      told.className = "told";
      name.textContent = label;
      told.append(name);
      row.append(told);
      list.append(row);
      return row;
    };

    const jobs = [];
    let running = null, done = 0, all = 0;
    const readBatch = async (batch) => {
      const data = new FormData();
      for (const job of batch) {
        if (job.file) data.append("torrent", job.file, job.file.name);
        job.bar = bar(job.row);
      }
      data.set("magnets", batch.filter((job) => !job.file).map((job) => job.label).join("\n"));
      const rows = await ask(choose.action, data, (sent) => {
        for (const job of batch) {
          const taken = Math.min(sent, job.size);
          sent -= taken;
          job.bar.value = job.size ? taken / job.size : 1;
        }
      });
      // Files come first in an answer, links after them.
      const sorted = [...batch.filter((job) => job.file), ...batch.filter((job) => !job.file)];
      sorted.forEach((job, at) => {
        if (rows && rows[at]) place(job.row, rows[at]);
        else fail(job.row, say.lost, () => { read([job]); });
      });
    };
    const readAll = async () => {
      while (jobs.length) {
        const batch = [jobs.shift()];
        let bytes = batch[0].size;
        while (jobs.length && batch.length < together.files && bytes + jobs[0].size <= together.bytes) {
          bytes += jobs[0].size;
          batch.push(jobs.shift());
        }
        tell("reading", { done, all });
        await readBatch(batch);
        done += batch.length;
      }
      const bad = list.querySelectorAll("li.refused").length;
      tell("read", { good: list.querySelectorAll("li:not(.refused, .done)").length, bad });
      running = null;
    };
    const read = (wanted) => {
      jobs.push(...wanted);
      if (!running) { done = 0; all = 0; }
      all += wanted.length;
      running ||= readAll();
    };
    const take = (files, lines) => {
      const given = [
        ...[...files].map((file) => ({ file, label: file.name, size: file.size })),
        ...lines.map((label) => ({ file: null, label, size: label.length })),
      ];
      const room = most - list.querySelectorAll("li:not(.done)").length;
      const wanted = given.slice(0, Math.max(room, 0));
      for (const job of wanted) job.row = placeholder(job.label);
      const fitting = wanted.filter((job) => job.size <= limit);
      for (const job of wanted) {
        if (job.size > limit) { fail(job.row, say.large); dismiss(job.row); }
      }
      show();
      if (fitting.length) read(fitting);
      if (given.length > wanted.length) {
        const row = placeholder("…");
        fail(row, say.full);
        dismiss(row);
      }
    };
    const lines = () => links.value.split("\n").map((line) => line.trim()).filter(Boolean);
    const submitted = (event) => {
      event.preventDefault();
      take(picker.files, lines());
      picker.value = "";
      links.value = "";
    };
    choose.addEventListener("submit", submitted);
    picker.addEventListener("change", () => { take(picker.files, []); picker.value = ""; });
    // A text that is dragged into a field is the field's.
    const ours = (event) => event.dataTransfer.types.includes("Files") || !event.target.closest?.("input, textarea");
    for (const name of ["dragenter", "dragover"]) {
      document.addEventListener(name, (event) => {
        if (!ours(event)) return;
        event.preventDefault();
        choose.classList.add("over");
      });
    }
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) choose.classList.remove("over"); });
    document.addEventListener("drop", (event) => {
      if (!ours(event)) return;
      event.preventDefault();
      choose.classList.remove("over");
      const text = event.dataTransfer.getData("text/plain").split("\n").map((line) => line.trim());
      take(event.dataTransfer.files, text.filter((line) => /^magnet:/i.test(line)));
    });

    const fieldsOf = (rows) => {
      const data = new URLSearchParams();
      for (const row of rows) {
        for (const each of row.querySelectorAll("input, select")) data.set(each.name, each.value);
      }
      if (drafts.elements.anonymous.checked) data.set("anonymous", "1");
      return data;
    };
    const sendAll = async () => {
      const main = drafts.querySelector("button.main");
      const waiting = [...list.children].filter((row) => row.querySelector("input"));
      let good = 0, bad = 0;
      main.disabled = true;
      while (waiting.length) {
        const rows = waiting.splice(0, together.rows);
        const data = fieldsOf(rows);
        tell("sending", { done: good + bad, all: good + bad + rows.length + waiting.length });
        const bars = rows.map(bar);
        const answer = await ask(drafts.action, data, () => bars.forEach((each) => each.removeAttribute("value")));
        rows.forEach((row, at) => {
          const fresh = answer && answer[at];
          if (fresh) place(row, fresh);
          else fail(row, say.lost);
          if (fresh && fresh.matches(".done")) good += 1;
          else bad += 1;
        });
      }
      main.disabled = false;
      tell("ended", { done: good, failed: bad });
    };
    const drop = async (named) => {
      const rows = [...list.children].filter((row) => named === "all" || row.querySelector(`[name="draft.${named}"]`));
      const data = fieldsOf(rows);
      data.set("drop", named);
      rows.forEach((row) => row.remove());
      await ask(`${choose.action}/drop`, data, () => {});
      show();
    };
    drafts.addEventListener("submit", (event) => {
      event.preventDefault();
      const chosen = event.submitter;
      if (chosen?.name === "drop") drop(chosen.value);
      else sendAll();
    });
    choose.querySelector(".drop span").textContent = say.drop;
    for (const row of list.children) if (row.matches(".refused") && !row.querySelector("input")) dismiss(row);
  };
  if (choose) startBulk();
})();
