// Call with the official Node SDK what is not in this version, and say what was seen, step by step.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line
// of JSON per step of ../steps.json; the first step that fails ends the program.

import assert from 'node:assert/strict'

import sdk from '@scalekit-sdk/node'

import { clientId, clientSecret, failureOf, step, url } from './steps.mjs'

const { ScalekitClient, ScalekitNotImplementedException } = sdk

const client = new ScalekitClient(url, clientId, clientSecret)

const absent = async (feature, promise) => {
  const error = await failureOf(promise)
  assert.ok(error instanceof ScalekitNotImplementedException, String(error))
  assert.equal(error.httpStatus, 501)
  assert.ok(error.message.includes(`${feature} are not in this version`), error.message)
  return error
}

await step('connected_accounts', async () => {
  const calls = client.connectedAccounts
  const error = await absent('connected accounts', calls.listConnectedAccounts({}))
  assert.equal(error.errorCode, 'UNIMPLEMENTED')
  // The answer is no reason to fetch a token: there is still none.
  assert.equal(client.coreClient.accessToken, null)
  return { message: error.message }
})

await step('tools', async () => {
  await absent('tools and tool providers', client.tools.listTools({}))
})

await step('requests', async () => {
  const asked = { connectionName: 'gmail', identifier: 'ada@example.com', path: '/users/me' }
  const error = await failureOf(client.actions.request(asked))
  assert.ok(error instanceof ScalekitNotImplementedException, String(error))
  return { message: error.message }
})

// The SDK keeps its connection open.
process.exit()
