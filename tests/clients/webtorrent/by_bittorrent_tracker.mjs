// Two clients of the npm package bittorrent-tracker meet over a tracker's WebSocket and exchange a text over WebRTC.
// BASE is the tracker's ws:// address, MODULES the folder of the installed packages; prints JSON.
// The package shares one connection among clients of one URL, so that each client here has its own path.
import { createRequire } from 'node:module'
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'

const require = createRequire(pathToFileURL(`${process.env.MODULES}/`))
const load = async name => (await import(pathToFileURL(`${process.env.MODULES}/node_modules/${name}`))).default
const Client = await load('bittorrent-tracker/client.js')
const wrtc = require('@roamhq/wrtc')

const infoHash = process.env.HASH
const base = process.env.BASE
const failures = []

function client (path, id) {
  const made = new Client({ announce: [base + path], infoHash, peerId: Buffer.from(id.padEnd(20, '.')), port: 6881, wrtc })
  for (const kind of ['error', 'warning']) made.on(kind, problem => failures.push(`${id}: ${problem.message}`))
  return made
}

const [one, two] = [client('/announce', 'one'), client('/', 'two')]
const updates = []

one.start({ left: 0 })
updates.push((await once(one, 'update'))[0])
const met = Promise.all([once(one, 'peer'), once(two, 'peer')])
two.start({ left: 100 })
updates.push((await once(two, 'update'))[0])
const [[peerOfOne], [peerOfTwo]] = await met
const connected = peer => peer.connected || once(peer, 'connect')
await Promise.all([connected(peerOfOne), connected(peerOfTwo)])
const heard = once(peerOfTwo, 'data')
peerOfOne.send('over WebRTC')
const text = Buffer.from((await heard)[0]).toString()

two.complete({ left: 0 })
updates.push((await once(two, 'update'))[0])
two.scrape()
const [scraped] = await once(two, 'scrape')
const many = Client.scrape.bind(Client)
const both = await new Promise((resolve, reject) => many(
  { announce: base + '/announce', infoHash: [infoHash, 'aa'.repeat(20)] },
  (error, found) => error ? reject(error) : resolve(found)
))
two.stop()
updates.push((await once(two, 'update'))[0])

console.log(JSON.stringify({
  updates: updates.map(({ complete, incomplete }) => [complete, incomplete]),
  text,
  scraped: [scraped.complete, scraped.incomplete, scraped.downloaded],
  both: Object.fromEntries(Object.entries(both).map(([hash, found]) => [hash, [found.complete, found.incomplete]])),
  failures
}))
process.exit(0)
