// Verify requests to an interceptor with the official Node SDK.
//
// Reads a JSON list of {secret, headers, payload} from standard input and prints a JSON list: for
// each, whether the SDK takes it.

import { readFileSync } from 'node:fs'

import sdk from '@scalekit-sdk/node'

const client = new sdk.ScalekitClient('https://localhost', 'skc_1', 'secret')
const taken = ({ secret, headers, payload }) => {
  try {
    return client.verifyInterceptorPayload(secret, headers, payload)
  } catch {
    return false
  }
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(taken)))
