// Use our server as an authorization server with oauth4webapi, and say what was seen.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line
// of JSON per step of ../steps.json; the first step that fails ends the program.

import * as library from 'oauth4webapi'

import { drive } from './drive.mjs'
import { url } from './steps.mjs'

async function discover(algorithm) {
  const issuer = new URL(url)
  const answer = await library.discoveryRequest(issuer, { algorithm })
  return library.processDiscoveryResponse(issuer, answer)
}

function clientOf(server, id, authentication) {
  const client = { client_id: id }
  const of = [server, client, authentication]
  return {
    async token(parameters) {
      const answer = await library.clientCredentialsGrantRequest(...of, parameters)
      return library.processClientCredentialsResponse(server, client, answer)
    },
    async grant(type) {
      const answer = await library.genericTokenEndpointRequest(...of, type, {})
      return library.processGenericTokenEndpointResponse(server, client, answer)
    },
    async introspect(token) {
      const answer = await library.introspectionRequest(...of, token)
      return library.processIntrospectionResponse(server, client, answer)
    },
    async revoke(token) {
      return library.processRevocationResponse(await library.revocationRequest(...of, token))
    },
  }
}

await drive({
  discover,
  clientOf,
  secretBasic: library.ClientSecretBasic,
  secretPost: library.ClientSecretPost,
  none: library.None,
  privateKey: (key, modify) =>
    library.PrivateKeyJwt(key, modify && { [library.modifyAssertion]: modify }),
})
