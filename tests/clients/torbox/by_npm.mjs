// The requests of the TorBox API by the npm package @torbox/torbox-api; prints JSON.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The package is installed elsewhere than this script.
const { TorboxApi } = createRequire(process.env.TB_MODULES + "/")("@torbox/torbox-api");
const { TB_BASE, TB_KEY, TB_HASH, TB_MAGNET } = process.env;
const V = "v1";
const sdk = new TorboxApi({ token: TB_KEY, baseUrl: TB_BASE });
const torrents = sdk.torrents;

const mine = async () => (await torrents.getTorrentList(V, { bypassCache: "true" })).data.data;
const link = async (number, what) =>
  (await torrents.requestDownloadLink(V, { token: TB_KEY, torrentId: String(number), ...what })).data.data;

// Its createTorrent names no boundary in the content type of its form, which no server can read: a JSON body here.
const create = async (wish) => {
  const headers = { Authorization: `Bearer ${TB_KEY}`, "Content-Type": "application/json" };
  const body = JSON.stringify(wish);
  return (await fetch(`${TB_BASE}/v1/api/torrents/createtorrent`, { method: "POST", headers, body })).json();
};

const user = (await sdk.user.getUserData(V, { settings: "true" })).data.data;
const created = (await create({ magnet: TB_MAGNET, name: "demo", allow_zip: true })).data;
const number = created.torrent_id;
const states = new Set();
const end = Date.now() + 60_000;
let found;
for (;;) {
  [found] = await mine();
  states.add(found.downloadState);
  if (found.downloadFinished) break;
  if (Date.now() > end) throw new Error([...states].join());
  await new Promise((resolve) => setTimeout(resolve, 100));
}
const again = await create({ magnet: TB_MAGNET });
const output = {
  email: user.email,
  hash: created.hash,
  name: found.name,
  states: [...states].sort(),
  files: found.files.map((each) => [each.name, each.size]),
  links: [await link(number, {}), await link(number, { fileId: "1" })],
  again: again.detail,
  info: (await torrents.getTorrentInfo(V, { hash: TB_HASH })).data.data.hash,
};
console.log(JSON.stringify(output));
const lines = createInterface({ input: process.stdin });
await new Promise((resolve) => lines.once("line", resolve));
lines.close();
await torrents.controlTorrent(V, { torrent_id: number, operation: "delete" });
console.log(JSON.stringify({ left: ((await mine()) ?? []).length }));
