// Drive WebAuthnService with the official Node SDK and say what was seen, step by step.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET; PERSON_ID and
// PERSON_PASSKEYS are a person who has two passkeys, the first one first. Prints one line of JSON
// per step of ../steps.json; the first step that fails ends the program.

import assert from 'node:assert/strict'

import sdk from '@scalekit-sdk/node'

import { badField, clientId, clientSecret, notFound, step, url } from './steps.mjs'

const { webauthn: passkeys } = new sdk.ScalekitClient(url, clientId, clientSecret)

const person = process.env.PERSON_ID
const [first, second] = process.env.PERSON_PASSKEYS.split(',')
const listed = async () => (await passkeys.listCredentials(person)).credentials
const ids = async () => (await listed()).map(({ id }) => id)

await step('list', async () => {
  assert.deepEqual(await ids(), [first, second])
  for (const passkey of await listed()) {
    assert.equal(passkey.userId, person)
    assert.ok(passkey.displayName)
    assert.ok(passkey.authenticator)
  }
})

await step('rename', async () => {
  const { credential } = await passkeys.updateCredential(first, 'Work laptop')
  assert.equal(credential.id, first)
  assert.equal(credential.displayName, 'Work laptop')
  assert.deepEqual((await listed())[0], credential)
})

await step('delete', async () => {
  const answer = await passkeys.deleteCredential(first)
  assert.equal(answer.success, true)
  assert.ok(answer.unknownCredentialOptions.credentialId)
  assert.deepEqual(await ids(), [second])
})

await step('not_found', async () => {
  const { message } = await notFound(passkeys.deleteCredential(first))
  await notFound(passkeys.updateCredential(first, 'Gone'))
  return { message }
})

await step('bad_field', async () => {
  const name = 'x'.repeat(121)
  return { violations: await badField('display_name', passkeys.updateCredential(second, name)) }
})

// The SDK keeps its connection open.
process.exit()
