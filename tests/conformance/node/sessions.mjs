// Drive SessionService with the official Node SDK and say what was seen, step by step.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET; PERSON_ID and
// PERSON_SESSIONS are a person who has signed in three times, the first time first. Prints one line
// of JSON per step of ../steps.json; the first step that fails ends the program.

import assert from 'node:assert/strict'

import { timestampMs } from '@bufbuild/protobuf/wkt'
import sdk from '@scalekit-sdk/node'

import { badField, clientId, clientSecret, notFound, step, unknown, url } from './steps.mjs'

const { session: sessions } = new sdk.ScalekitClient(url, clientId, clientSecret)

const person = process.env.PERSON_ID
const begun = process.env.PERSON_SESSIONS.split(',')
const [first, ...later] = begun
const page = (options) => sessions.getUserSessions(person, options)
const listed = (found) => found.sessions.map(({ sessionId }) => sessionId)
const withStatus = async (...status) => listed(await page({ filter: { status } }))

await step('get', async () => {
  const session = await sessions.getSession(first)
  assert.equal(session.sessionId, first)
  assert.equal(session.userId, person)
  assert.equal(session.status, 'active')
  assert.equal(session.device.browser, 'Firefox')
  assert.ok(timestampMs(session.absoluteExpiresAt) > timestampMs(session.createdAt))
  return { organization: session.organizationId }
})

await step('list_pages', async () => {
  const one = await page({ pageSize: 2 })
  const two = await page({ pageSize: 2, pageToken: one.nextPageToken })
  assert.deepEqual([one, two].flatMap(listed), begun.toReversed())
  assert.equal(one.totalSize, 3)
  assert.equal(two.nextPageToken, '')
  const back = await page({ pageSize: 2, pageToken: two.prevPageToken })
  assert.deepEqual(listed(back), listed(one))
})

await step('revoke', async () => {
  const { revokedSession } = await sessions.revokeSession(first)
  assert.equal(revokedSession.status, 'revoked')
  assert.equal((await sessions.getSession(first)).status, 'revoked')
  await sessions.revokeSession(first)
})

await step('filter', async () => {
  assert.deepEqual(await withStatus('revoked'), [first])
  assert.deepEqual(await withStatus('active'), later.toReversed())
  assert.deepEqual(await withStatus('logout', 'expired'), [])
})

await step('revoke_all', async () => {
  const ended = await sessions.revokeAllUserSessions(person)
  assert.equal(ended.totalRevoked, 2)
  assert.equal(ended.revokedSessions.length, 2)
  assert.equal((await sessions.revokeAllUserSessions(person)).totalRevoked, 0)
  assert.equal((await withStatus('revoked')).length, 3)
})

await step('not_found', async () => {
  const { message } = await notFound(sessions.getSession(`ses_${unknown}`))
  await notFound(sessions.revokeSession(`ses_${unknown}`))
  await notFound(sessions.getUserSessions(`usr_${unknown}`))
  return { message }
})

await step('bad_field', async () => {
  const violations = await badField('session_id', sessions.getSession('ses_123abc'))
  await badField('user_id', sessions.revokeAllUserSessions('usr_abc'))
  return { violations }
})

// The SDK keeps its connection open.
process.exit()
