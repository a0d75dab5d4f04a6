// "Try it": sends an operation to this server, in development only. A server on this machine issues a
// token of its first client; otherwise, or after "Use another client", the form asks for a client ID
// and a secret. The tab keeps the token until it is closed or another client is used, and never keeps
// the secret. An endpoint of OAuth is sent only what its fields contain, and nothing of it is kept.
'use strict'

const TOKEN = 'tenantry.try'
const FORGOTTEN = 'forgotten'

// To this server and to no other, without cookies: a request says who calls by its token alone.
function send(path, options) {
  return fetch(path, {
    ...options,
    mode: 'same-origin',
    credentials: 'omit',
    cache: 'no-store',
    redirect: 'error',
    referrerPolicy: 'no-referrer',
  })
}

function token() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(TOKEN))
    return kept?.until > Date.now() ? kept : null
  } catch {
    return null
  }
}

function keep(id, token, seconds) {
  const kept = { id, token, until: Date.now() + (seconds - 5) * 1000 }
  sessionStorage.setItem(TOKEN, JSON.stringify(kept))
}

// Once forgotten, it is not fetched again in this tab.
const isForgotten = () => sessionStorage.getItem(TOKEN) === FORGOTTEN

// Only a server on this machine has it: see endpoints/dev/token.py.
async function fetchOwnToken() {
  try {
    if (isForgotten()) return
    const answer = await send('/dev/token', { method: 'POST' })
    if (!answer.ok) return
    const found = await answer.json()
    keep(found.client_id, found.access_token, found.expires_in)
  } catch {} // the form asks for credentials
}

async function fetchToken(id, secret) {
  const answer = await send('/oauth/token', {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: id,
      client_secret: secret,
    }),
  })
  const found = await answer.json()
  if (!answer.ok) throw new Error(found.error_description ?? found.message ?? answer.status)
  keep(id, found.access_token, found.expires_in)
}

function requestOf(form) {
  let path = form.dataset.path
  const query = new URLSearchParams()
  const fields = new URLSearchParams()
  const headers = {}
  for (const field of form.querySelectorAll('[data-place]')) {
    const { place, name, list } = field.dataset
    const value = field.value.trim()
    if (place === 'path') path = path.replace(`{${name}}`, encodeURIComponent(value))
    else if (!value) continue
    else if (place === 'form') fields.append(name, value)
    else if (name === 'Authorization' && !value.includes(' ')) headers[name] = `Bearer ${value}`
    else if (place === 'headers') headers[name] = value
    else for (const one of list ? value.split(',') : [value]) query.append(name, one.trim())
  }
  const body = form.querySelector('[name="body"]')?.value.trim()
  if (body) headers['content-type'] = 'application/json'
  const asked = query.size ? `${path}?${query}` : path
  const sent = body || (fields.size ? fields : undefined)
  return { path: asked, options: { method: form.dataset.verb, headers, body: sent } }
}

function tryIt(form) {
  const part = (name) => form.querySelector(`.${name}`)
  const said = part('said')
  const asks = Boolean(part('credentials')) // for a client: else the fields are all that is sent
  const show = () => {
    if (!asks) return
    const kept = token()
    part('credentials').hidden = Boolean(kept) || form.dataset.open === 'anyone'
    part('caller').hidden = !kept
    part('caller').querySelector('code').textContent = kept?.id ?? ''
  }
  const [id, secret] = ['client_id', 'client_secret'].map((name) =>
    form.querySelector(`[name="${name}"], [data-name="${name}"]`)
  )

  // What `tenantry env` prints can be pasted whole.
  id?.addEventListener('paste', (event) => {
    const text = event.clipboardData.getData('text')
    const found = (name) => text.match(new RegExp(`SCALEKIT_${name}=["']?([^"'\\s]+)`))?.[1]
    if (!found('CLIENT_ID')) return
    event.preventDefault()
    id.value = found('CLIENT_ID')
    secret.value = found('CLIENT_SECRET') ?? ''
  })
  part('forget')?.addEventListener('click', () => {
    sessionStorage.setItem(TOKEN, FORGOTTEN)
    show()
    id.focus()
  })
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const button = part('send')
    button.disabled = true
    said.textContent = 'Sending…'
    part('answer').hidden = true
    try {
      if (asks && !token() && id.value) {
        await fetchToken(id.value.trim(), secret.value.trim())
        secret.value = ''
        show()
      }
      const { path, options } = requestOf(form)
      const kept = asks && token()
      if (kept) options.headers.authorization = `Bearer ${kept.token}`
      const began = performance.now()
      const answer = await send(path, options)
      const text = await answer.text()
      const etag = answer.headers.get('etag')
      const request = answer.headers.get('x-request-id')
      said.textContent = [
        `${answer.status} ${answer.statusText}`.trim(),
        `${Math.round(performance.now() - began)} ms`,
        etag && `ETag ${etag}`,
        request,
      ]
        .filter(Boolean)
        .join(' · ')
      said.classList.toggle('failed', !answer.ok)
      let shown = text
      try {
        shown = JSON.stringify(JSON.parse(text), null, 2)
      } catch {}
      part('answer').hidden = !shown
      part('answer').querySelector('code').textContent = shown
      if (asks && answer.status === 401) {
        sessionStorage.removeItem(TOKEN)
        show()
      }
    } catch (problem) {
      said.classList.add('failed')
      said.textContent = problem.message
    } finally {
      button.disabled = false
    }
  })
  form.closest('details').addEventListener('toggle', async () => {
    if (!asks || token() || form.dataset.open === 'anyone') return
    await fetchOwnToken()
    show()
  })
  // A page that is shown again with Back has no secret in it.
  addEventListener('pagehide', () => {
    for (const field of form.querySelectorAll('[type="password"]')) field.value = ''
  })
  show()
}

addEventListener('DOMContentLoaded', () => document.querySelectorAll('form.try').forEach(tryIt))
