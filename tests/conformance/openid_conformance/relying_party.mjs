// What both libraries are driven by: a line of JSON in is a request, a line of JSON out its answer.
//
// A request says what to do for which client: { do, client: { id, secret, method, key }, ... }. The
// answer is { ok } or { error: { code, error, description, status } }, as the library tells it.

import { createInterface } from 'node:readline'

import { importJWK } from 'jose'

export async function serve(library) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: what, client, ...rest } = JSON.parse(line)
    let answer
    try {
      answer = { ok: (await library[what](client, rest)) ?? null }
    } catch (problem) {
      answer = { error: described(problem) }
    }
    console.log(JSON.stringify(answer))
  }
}

// How a client of one of these libraries authenticates.
export async function authentication(library, { secret, method, key, audience }) {
  if (method === 'client_secret_basic') return library.ClientSecretBasic(secret)
  if (method === 'client_secret_post') return library.ClientSecretPost(secret)
  const named = { key: await importJWK(key, 'RS256'), kid: key.kid }
  return library.PrivateKeyJwt(named, {
    [library.modifyAssertion]: (_, claims) => audience && Object.assign(claims, { aud: audience }),
  })
}

function described(problem) {
  const { code, error, error_description: description, status, message, cause } = problem
  // A refusal of an authorization request comes as the parameters of its answer.
  const parameters = cause instanceof URLSearchParams ? Object.fromEntries(cause) : {}
  return {
    code: code ?? message,
    error: error ?? parameters.error,
    description: description ?? parameters.error_description ?? message,
    status,
  }
}
