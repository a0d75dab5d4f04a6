// A receiver of webhooks: it checks who sends, keeps each event once, answers, and works later.

import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { ScalekitClient } from '@scalekit-sdk/node'
import express from 'express'

const secret = process.env.WEBHOOK_SECRET
const inbox = process.env.INBOX ?? 'inbox.ndjson' // every event once, a line each
const sdk = new ScalekitClient(
  process.env.SCALEKIT_ENVIRONMENT_URL,
  process.env.SCALEKIT_CLIENT_ID,
  process.env.SCALEKIT_CLIENT_SECRET
)

const kept = new Set() // ids of the events in the inbox
const organizations = new Map() // a copy of their names

// Events may come in another order than they happened. Of two about one object the later one has
// the greater id, so an older one never undoes a newer one.
function handle({ id, type, data }) {
  if (!/^organization\.(created|updated|deleted)$/.test(type)) return
  if ((organizations.get(data.id)?.eventId ?? '') > id) return
  const name = type === 'organization.deleted' ? null : data.display_name
  organizations.set(data.id, { name, eventId: id })
}

function handleLater(event) {
  setImmediate(() => {
    try {
      handle(event)
    } catch (error) {
      console.error('an event could not be handled; trying again', error)
      setTimeout(handleLater, 5000, event)
    }
  })
}

// What was kept before this program ended; a line that was cut off was never answered.
if (existsSync(inbox)) {
  const lines = readFileSync(inbox, 'utf8').split('\n')
  if (lines.at(-1)) appendFileSync(inbox, '\n')
  for (const line of lines) {
    try {
      const event = JSON.parse(line)
      kept.add(event.id)
      handleLater(event)
    } catch {}
  }
}

const app = express()

// The bytes of the body are what is signed: take them as they are, and parse them afterwards.
const bytes = express.raw({ type: () => true, limit: '2mb' })

app.post('/webhooks', bytes, ({ headers, body }, res) => {
  const text = body?.toString() ?? ''
  try {
    sdk.verifyWebhookPayload(secret, headers, text)
  } catch {
    return res.status(400).json({ detail: 'the signature does not fit' })
  }
  // It may be delivered more than once.
  if (kept.has(headers['webhook-id'])) return res.status(200).end()
  const event = JSON.parse(text)
  appendFileSync(inbox, `${JSON.stringify(event)}\n`, { flush: true })
  kept.add(headers['webhook-id'])
  // Answer as soon as the event is on disk: Tenantry waits ten seconds at most.
  res.status(201).end()
  handleLater(event)
})

app.get('/organizations', (req, res) => {
  const there = [...organizations].filter(([, { name }]) => name !== null)
  res.json(Object.fromEntries(there.map(([id, { name }]) => [id, name])))
})

app.listen(process.env.PORT ?? 8001, '127.0.0.1')
