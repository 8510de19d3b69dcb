// Sends the cases of spec/cases/derived in plain Node, by what spec/README.md says and nothing else of the suite.
//
//   node node_runner.mjs SPEC_FOLDER URL < tokens.json
//
// tokens.json holds the tokens of the callers: {"authorized": …, "unprivileged": …, "expired": …}. Prints {"case id": "held" | "broken" | "untested"}.
// Forged callers other than garbage, empty and basic are left untested: making them takes a library for JWTs.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { argv, stdin, stdout } from 'node:process'

const [folder, url] = argv.slice(2)
let input = ''
for await (const piece of stdin) input += piece
const tokens = JSON.parse(input)

// 1. Read the cases: after "- " each line is JSON.
const cases = new Map()
const derived = join(folder, 'cases', 'derived')
for (const file of readdirSync(derived)) {
  for (const line of readFileSync(join(derived, file), 'utf8').split('\n')) {
    if (!line.startsWith('- ')) continue
    const one = JSON.parse(line.slice(2))
    cases.set(one.id, one)
  }
}

// 2. Make as many ids as a body names, and put them in.
const id = (name, number) => createHash('sha256').update(`${name}/${number}`).digest('hex').slice(0, 32)
const range = (count, first = 0) => Array.from({ length: count }, (_, number) => first + number)

function filled(value, name) {
  if (Array.isArray(value)) {
    return value.flatMap((one) => (one?.$each_id ? range(one.$each_id, one.from).map((number) => id(name, number)) : [filled(one, name)]))
  }
  if (value === null || typeof value !== 'object') return value
  if (Number.isInteger(value.$ids)) return range(value.$ids).map((number) => id(name, number))
  if (Number.isInteger(value.$id)) return id(name, value.$id)
  if (typeof value.$repeat === 'string') return value.$repeat.repeat(value.times)
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, filled(one, name)]))
}

function text(pieces, name) {
  const whole = [pieces].flat().map((one) => {
    if (typeof one === 'string') return one
    if (one.$repeat) return one.$repeat.repeat(one.times)
    return range(one.$each_id, one.from).map((number) => `"{{id:${number}}}"`).join(one.between)
  })
  return whole.join('')
    .replace(/\{\{ids:(\d+)\}\}/g, (_, count) => range(Number(count)).map((number) => `"${id(name, number)}"`).join(', '))
    .replace(/\{\{id(?::(\d+))?\}\}/g, (_, number) => id(name, Number(number ?? 0)))
}

function body(one) {
  if ('text' in one.request) return Buffer.from(text(one.request.text, one.id))
  if ('base64' in one.request) return Buffer.from(one.request.base64, 'base64')
  return one.request.no_body ? Buffer.alloc(0) : Buffer.from(JSON.stringify(filled(one.request.json, one.id)))
}

// 3. Who sends it; null: no Authorization header, undefined: cannot be made here.
function authorization(caller) {
  const [what, kind] = caller.split(':')
  if (what === 'none') return null
  if (what === 'scheme') return `${kind} ${tokens.authorized}`
  if (what !== 'forged') return tokens[caller] && `Bearer ${tokens[caller]}`
  return { garbage: 'Bearer not-a-token', empty: 'Bearer', basic: `Basic ${Buffer.from('user:no-such-password').toString('base64')}` }[kind]
}

// 4. Send the request; resolves to the status, 0 if there is no answer.
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
function send(one) {
  const value = authorization(one.request.caller ?? 'authorized')
  if (value === undefined) return Promise.resolve(undefined)
  const sent = body(one)
  const headers = { 'User-Agent': 'node', Accept: 'application/json', 'Content-Type': 'application/json', 'Content-Length': sent.length, ...one.request.headers }
  if (value !== null) headers.Authorization = value
  const query = one.request.query ? `?${one.request.query}` : ''
  return new Promise((resolve) => {
    const going = request(`${url}/access-requests/close${query}`, { method: one.request.method ?? 'POST', headers, agent, timeout: 30_000 }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode))
    })
    going.on('timeout', () => going.destroy(new Error('timeout'))).on('error', () => resolve(0)).end(sent)
  })
}

// 5. Judge: the base first, once for all its cases.
const statuses = new Map()
async function status(name) {
  if (!statuses.has(name)) statuses.set(name, await send(cases.get(name)))
  return statuses.get(name)
}
const expected = (one) => [...({ accepted: [202], refused: [400] }[one.expect] ?? one.expect), ...(one.also ?? [])]

const results = {}
for (const one of cases.values()) {
  if (!one.expect) continue // a choice: observed, never broken
  const got = await status(one.id)
  const lost = got === undefined || (one.base && (await status(one.base)) !== 202)
  results[one.id] = lost ? 'untested' : expected(one).includes(got) ? 'held' : 'broken'
}
agent.destroy()
stdout.write(JSON.stringify(results))
