// What the programs share: where the server is, its API, how a step is shown.
//
// A step is one line of JSON on standard output; the first one that fails ends the program.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

export const url = process.env.SCALEKIT_ENVIRONMENT_URL
export const clientId = process.env.SCALEKIT_CLIENT_ID
export const clientSecret = process.env.SCALEKIT_CLIENT_SECRET
// Makes names this run's own.
export const run = randomUUID().replaceAll('-', '').slice(0, 12)
// Behind a prefix: the id of nothing.
export const unknown = '1234567890123456789'

export async function step(name, show) {
  try {
    const details = await show()
    console.log(JSON.stringify({ step: name, ok: true, ...details }))
  } catch (error) {
    console.log(JSON.stringify({ step: name, ok: false, error: String(error) }))
    console.error(error)
    process.exit(1)
  }
}

export async function failureOf(promise) {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new assert.AssertionError({ message: 'the call succeeded' })
}

// What was changed is in force within a second: then, at the latest, this holds.
export async function soon(show) {
  const until = Date.now() + 1000
  for (;;) {
    const last = Date.now() > until
    try {
      return await show()
    } catch (error) {
      if (last || !(error instanceof assert.AssertionError)) throw error
    }
    await sleep(50)
  }
}

async function answerOf(request) {
  const answer = await request
  const text = await answer.text()
  assert.ok(answer.ok, text)
  return text && JSON.parse(text)
}

const { access_token: accessToken } = await answerOf(
  fetch(`${url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
    }),
  }),
)

// Calls the management API.
export function api(method, path, body) {
  return answerOf(
    fetch(`${url}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    }),
  )
}
