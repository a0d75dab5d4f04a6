// Drive PasswordlessService with the official Node SDK and say what was seen, step by step.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET, and mail at
// /dev/mail. Prints one line of JSON per step of ../steps.json; the first step that fails ends the
// program.

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

import sdk from '@scalekit-sdk/node'

import {
  badField,
  badRequest,
  clientId,
  clientSecret,
  failureOf,
  notFound,
  run,
  step,
  url,
} from './steps.mjs'

const { ScalekitClient, ScalekitTooManyRequestsException } = sdk

const page = 'https://app.example.com/magic?next=%2Fhome'
const [otp, linkAndOtp, signUp] = [1, 3, 2]

const passwordless = new ScalekitClient(url, clientId, clientSecret).passwordless

const address = (name) => `${name}.${run}@example.com`
const send = (name, options) => passwordless.sendPasswordlessEmail(address(name), options)
const resend = (id) => passwordless.resendPasswordlessEmail(id)
const verify = (given, id) => passwordless.verifyPasswordlessEmail(given, id)
const wrong = (code, n = 1) => String((Number(code) + n) % 1_000_000).padStart(6, '0')

async function tooMany(promise) {
  const error = await failureOf(promise)
  assert.ok(error instanceof ScalekitTooManyRequestsException, String(error))
}

async function read(path) {
  const text = await (await fetch(url + path)).text()
  return text.replaceAll('&amp;', '&')
}

// The newest mail to an address, as soon as it is there: its code, and its link's token.
async function mailTo(name) {
  for (const until = Date.now() + 30_000; Date.now() < until; await sleep(100)) {
    const paths = (await read('/dev/mail')).match(/\/dev\/mail\/mail_\d+/g) ?? []
    for (const path of paths.slice(0, 20)) {
      const said = await read(path)
      const code = said.match(/^(\d{6})$/m)
      if (said.includes(address(name)) && code) {
        return [code[1], said.match(/link_token=([\w.-]+)/)?.[1]]
      }
    }
  }
  throw new Error('no mail came')
}

let plain
let full
let eager

await step('send', async () => {
  plain = await send('plain')
  assert.ok(plain.authRequestId)
  assert.equal(plain.expiresIn, 300)
  const left = Number(plain.expiresAt) - Date.now() / 1000
  assert.ok(left > 0 && left <= 300, String(left))
  assert.equal(plain.passwordlessType, otp)
  full = await send('full', {
    template: 'SIGNUP',
    magiclinkAuthUri: page,
    state: 's1',
    expiresIn: 3600,
    templateVariables: { plan: 'gold' },
  })
  assert.equal(full.expiresIn, 3600)
  assert.equal(full.passwordlessType, linkAndOtp)
  return { id: plain.authRequestId }
})

await step('verify_code', async () => {
  const [code, token] = await mailTo('plain')
  assert.equal(token, undefined)
  await badField('code', verify({ code: wrong(code) }, plain.authRequestId))
  const verified = await verify({ code }, plain.authRequestId)
  assert.equal(verified.email, address('plain'))
  assert.equal(verified.state, undefined)
  assert.equal(verified.passwordlessType, otp)
  await badField('code', verify({ code }, plain.authRequestId))
})

await step('verify_link', async () => {
  const [, linkToken] = await mailTo('full')
  const verified = await verify({ linkToken })
  assert.deepEqual([verified.email, verified.state], [address('full'), 's1'])
  assert.equal(verified.template, signUp)
  assert.equal(verified.passwordlessType, linkAndOtp)
  await badField('link_token', verify({ linkToken }))
})

await step('resend', async () => {
  const sent = await send('again', { magiclinkAuthUri: page, expiresIn: 1800 })
  const [code, linkToken] = await mailTo('again')
  await badRequest(verify({ code: wrong(code) }, sent.authRequestId))
  const again = await resend(sent.authRequestId)
  assert.equal(again.authRequestId, sent.authRequestId)
  assert.deepEqual([again.expiresIn, again.passwordlessType], [1800, linkAndOtp])
  assert.ok(again.expiresAt >= sent.expiresAt)
  const verified = await verify({ linkToken }, sent.authRequestId)
  assert.equal(verified.email, address('again'))
})

await step('too_many_mails', async () => {
  eager = await send('eager')
  await resend(eager.authRequestId)
  await tooMany(resend(eager.authRequestId))
  await tooMany(send('eager'))
})

await step('too_many_guesses', async () => {
  const [code] = await mailTo('eager')
  for (let n = 1; n < 6; n++) await badRequest(verify({ code: wrong(code, n) }, eager.authRequestId))
  await tooMany(verify({ code }, eager.authRequestId))
})

await step('not_found', async () => {
  const { message } = await notFound(resend('pwl_1'))
  await notFound(verify({ code: '123456' }, 'pwl_1'))
  return { message }
})

await step('bad_field', async () => {
  await badField('expires_in', send('bad', { expiresIn: 30 }))
  await badField('magiclink_auth_uri', send('bad', { magiclinkAuthUri: 'javascript:alert(1)' }))
  await badField('template_variables', send('bad', { templateVariables: { otp: '123456' } }))
  await badField('auth_request_id', verify({ code: '123456' }))
  await badField('link_token', verify({ linkToken: 'nonsense' }))
})

// The SDK keeps its HTTP/2 connection for minutes and has no way to close it.
process.exit(0)
