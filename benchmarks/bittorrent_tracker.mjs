// Starts the server of the npm package bittorrent-tracker: server.js and port are its arguments; loopback only.
// With BENCHMARK_WEBSOCKET=1 it serves WebSockets too.
const [server, port] = process.argv.slice(2)
const { default: Server } = await import(server)
const tracker = new Server({ http: { keepAliveTimeout: 300_000 }, udp: true, ws: process.env.BENCHMARK_WEBSOCKET === '1', stats: false })
tracker.on('error', error => { throw error })
tracker.listen(Number(port), { http: '127.0.0.1', udp: '127.0.0.1', udp6: '::1' })
