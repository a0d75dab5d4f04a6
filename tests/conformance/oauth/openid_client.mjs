// Use our server as an authorization server with openid-client, and say what was seen.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line
// of JSON per step of ../steps.json; the first step that fails ends the program.

import * as library from 'openid-client'

import { drive } from './drive.mjs'
import { url } from './steps.mjs'

async function discover(algorithm) {
  const options = { algorithm }
  const found = await library.discovery(new URL(url), 'nobody', {}, library.None(), options)
  return found.serverMetadata()
}

function clientOf(server, id, authentication) {
  const config = new library.Configuration(server, id, {}, authentication)
  return {
    token: (parameters) => library.clientCredentialsGrant(config, parameters),
    grant: (type) => library.genericGrantRequest(config, type, {}),
    introspect: (token) => library.tokenIntrospection(config, token),
    revoke: (token) => library.tokenRevocation(config, token),
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
