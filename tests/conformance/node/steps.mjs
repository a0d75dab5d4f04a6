// What the programs share: where the server is, how a step is shown, how a refusal is looked at.
//
// A step is one line of JSON on standard output; the first one that fails ends the program.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import sdk from '@scalekit-sdk/node'

const { ScalekitBadRequestException, ScalekitNotFoundException } = sdk

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

export async function notFound(promise) {
  const error = await failureOf(promise)
  assert.ok(error instanceof ScalekitNotFoundException, String(error))
  assert.match(error.message, /not found/)
  assert.equal(error.httpStatus, 404)
  assert.ok(error.errorCode)
  return error
}

export async function badRequest(promise) {
  const error = await failureOf(promise)
  assert.ok(error instanceof ScalekitBadRequestException, String(error))
  assert.equal(error.errorCode, 'INVALID_ARGUMENT')
  return error
}

// For a name inside a request that names nothing: some take that for bad, some for missing.
export async function refused(promise) {
  const error = await failureOf(promise)
  const kinds = [ScalekitBadRequestException, ScalekitNotFoundException]
  assert.ok(kinds.some((kind) => error instanceof kind), String(error))
}

export async function duplicate(field, promise) {
  const error = await badRequest(promise)
  assert.match(error.message, /duplicate key not allowed/)
  assert.ok(error.message.includes(field), error.message)
  return error
}

// Returns the violations: which field, and why.
export async function badField(field, promise) {
  const error = await badRequest(promise)
  assert.ok(error.message.includes(field), error.message)
  const violations = error.unpackedDetails
    .flatMap((info) => info.validationErrorInfo?.fieldViolations ?? [])
    .map((violation) => [violation.field, violation.description])
  assert.ok(violations.some(([name, why]) => name.includes(field) && why), String(violations))
  return violations
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

// Reads pages of 2, newest first, until all of ours were in them; returns every id that was.
export async function readPages(read, ours) {
  const listed = []
  const allSeen = () => ours.every((id) => listed.includes(id))
  let token = ''
  while (!allSeen()) {
    const [found, answer] = await read(token)
    assert.ok(found.length === 1 || found.length === 2)
    assert.ok(answer.totalSize >= ours.length)
    listed.push(...found.map(({ id }) => id))
    assert.equal(new Set(listed).size, listed.length, 'one was listed twice')
    token = answer.nextPageToken
    assert.ok(token || allSeen(), 'the pages ended before all were seen')
  }
  const order = listed.filter((id) => ours.includes(id))
  assert.deepEqual(order, [...ours].reverse(), 'not newest first')
  return listed
}
