// The pages work without this, but for the language switch, the search and the copy buttons.
'use strict'

const root = document.documentElement
const KEPT = 'tenantry.language'

// Storage may be forbidden: then the choice lasts as long as the page.
function kept() {
  try {
    return localStorage.getItem(KEPT)
  } catch {
    return null
  }
}

function keep(language) {
  try {
    localStorage.setItem(KEPT, language)
  } catch {}
}

// Runs in the head, before anything is painted: the right samples from the first frame on.
const before = kept()
if (/^(sh|js|python|go|java)$/.test(before)) root.dataset.language = before

function switchLanguages() {
  const inputs = document.querySelectorAll('.languages input')
  const show = () => {
    for (const input of inputs) input.checked = input.value === root.dataset.language
  }
  document.addEventListener('change', ({ target }) => {
    if (!target.matches('.languages input')) return
    // All samples change their height at once: keep the clicked one where it is.
    const top = target.getBoundingClientRect().top
    root.dataset.language = target.value
    keep(target.value)
    show()
    scrollBy({ top: target.getBoundingClientRect().top - top, behavior: 'instant' })
  })
  addEventListener('storage', ({ key, newValue }) => {
    if (key !== KEPT || !newValue) return
    root.dataset.language = newValue
    show()
  })
  show()
}

function openMenu(open) {
  document.body.classList.toggle('open', open)
  document.getElementById('menu').setAttribute('aria-expanded', String(open))
}

const MOST = 30 // results that are shown

// Finds items of the index of search.py that have all words, the best first.
class Search {
  constructor(index) {
    this.items = index.items
    this.stop = new Set(index.stop)
    this.words = Search.sorted(index.words)
    this.fields = Search.sorted(index.fields)
    // The status belongs to the name of an error: "429" means RATE_LIMITED.
    this.titles = index.items.map(([kind, title]) =>
      (kind.startsWith('Error ') ? `${title} ${kind}` : title).toLowerCase()
    )
  }

  find(text) {
    let asked = text.toLowerCase().match(/[a-z0-9_]+/g) ?? []
    const telling = asked.filter((word) => !this.stop.has(word))
    if (telling.length) asked = telling
    let found = null
    // Words that are the name of a field together: "external id" means external_id.
    const name = asked.length > 1 ? asked.join('_') : ''
    for (const word of asked) {
      const scores = this.scores(word)
      for (const [at, hit] of found ?? []) {
        const more = scores.get(at)
        if (more) scores.set(at, { score: hit.score + more.score, field: hit.field ?? more.field })
      }
      if (found) for (const at of scores.keys()) if (!found.has(at)) scores.delete(at)
      found = scores
    }
    for (const [, distances] of name ? this.fields.filter(([one]) => one === name) : []) {
      let at = 0
      for (const distance of distances) {
        const hit = found.get((at += distance))
        if (hit) Object.assign(hit, { score: hit.score + 4, field: name })
      }
    }
    const whole = text.trim().toLowerCase()
    for (const [at, hit] of found ?? []) if (this.titles[at] === whole) hit.score += 20
    return [...(found ?? [])]
      .sort(([a, one], [b, other]) => other.score - one.score || a - b)
      .map(([at, { field }]) => [...this.items[at], field])
  }

  scores(word) {
    const singular = word.length > 3 && word.endsWith('s') ? word.slice(0, -1) : word
    const scores = new Map()
    const add = (at, score, field) => {
      const title = this.titles[at]
      const begins = title.startsWith(singular) || title.includes(` ${singular}`)
      const full = score + (title === word ? 12 : begins ? 6 : 0)
      const had = scores.get(at)
      if (!had || had.score < full) scores.set(at, { score: full, field: field ?? had?.field })
      else had.field ??= field
    }
    for (const [name, distances] of Search.beginning(this.words, singular)) {
      let at = 0
      for (const distance of distances) add((at += distance), name === word || name === singular ? 3 : 1)
    }
    for (const [name, distances] of Search.beginning(this.fields, singular)) {
      let at = 0
      const exact = name === word
      for (const distance of distances) add((at += distance), exact ? 4 : 2, exact ? name : undefined)
    }
    return scores
  }

  // An object has its names that are numbers first, by their size.
  static sorted(object) {
    return Object.entries(object).sort(([one], [other]) => (one < other ? -1 : 1))
  }

  // Yields the entries whose name begins so; they are sorted.
  static *beginning(entries, prefix) {
    let low = 0
    for (let high = entries.length; low < high; ) {
      const middle = (low + high) >> 1
      if (entries[middle][0] < prefix) low = middle + 1
      else high = middle
    }
    for (; low < entries.length && entries[low][0].startsWith(prefix); low += 1) yield entries[low]
  }
}

function searchPages() {
  const input = document.getElementById('search')
  const sidebar = document.getElementById('sidebar')
  const contents = document.getElementById('contents')
  const results = document.getElementById('results')
  const status = document.getElementById('found')
  let loading, index
  const load = () =>
    (loading ??= fetch('/docs/search.json')
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(answer.status))))
      .then((found) => (index = new Search(found)))
      .catch(() => {
        loading = undefined
        return null
      }))

  function item([kind, title, url, line, field]) {
    const link = document.createElement('a')
    link.href = url
    for (const [name, text] of [
      ['kind', kind],
      ['title', title],
      ['line', field && !title.includes(field) ? `${line} · ${field}` : line],
    ]) {
      const part = document.createElement('span')
      part.className = name
      part.textContent = text
      link.append(part)
    }
    const row = document.createElement('li')
    row.append(link)
    return row
  }

  async function show() {
    const text = input.value.trim()
    if (text && !index) status.textContent = 'Searching…'
    const search = text && (await load())
    if (text !== input.value.trim()) return // something else was typed meanwhile
    contents.hidden = results.hidden = false
    results.replaceChildren()
    status.textContent = ''
    contents.hidden = Boolean(text)
    results.hidden = !text
    if (!text) return
    const found = search ? search.find(text) : []
    results.append(...found.slice(0, MOST).map(item))
    const more = found.length > MOST ? `, the first ${MOST} of them are here` : ''
    status.textContent = !search
      ? 'The search cannot be loaded now.'
      : found.length
        ? `${found.length} found${more}`
        : 'No page has all of these words.'
    sidebar.scrollTop = 0
  }

  const links = () => [...results.querySelectorAll('a')]
  input.addEventListener('focus', () => {
    sidebar.scrollTop = 0
    load()
  })
  input.addEventListener('input', show)
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      input.value = ''
      show()
      input.blur()
    } else if (event.key === 'Enter') {
      links()[0]?.click()
    } else if (event.key === 'ArrowDown' && links().length) {
      event.preventDefault()
      links()[0].focus()
    }
  })
  results.addEventListener('keydown', (event) => {
    const at = links().indexOf(event.target)
    if (event.key === 'Escape') input.focus()
    if (at < 0 || !['ArrowDown', 'ArrowUp'].includes(event.key)) return
    event.preventDefault()
    const next = event.key === 'ArrowDown' ? links()[at + 1] : (links()[at - 1] ?? input)
    next?.focus()
  })
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && event.target !== input) openMenu(false)
    const typing = event.target.matches('input, textarea, select') && event.target.type !== 'radio'
    if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    openMenu(true)
    input.focus()
    input.select()
  })
  sidebar.addEventListener('click', ({ target }) => {
    if (target.closest('a')) openMenu(false)
  })
  const menu = document.getElementById('menu')
  menu.addEventListener('click', () => openMenu(menu.getAttribute('aria-expanded') !== 'true'))
}

function copyCode() {
  document.addEventListener('click', async ({ target }) => {
    if (!target.matches('.copy')) return
    try {
      await navigator.clipboard.writeText(target.parentElement.querySelector('code').textContent)
      target.textContent = 'Copied'
    } catch {
      target.textContent = 'Not allowed'
    }
    target.classList.add('done')
    setTimeout(() => {
      target.textContent = 'Copy'
      target.classList.remove('done')
    }, 1500)
  })
}

// Marks in the sidebar what is being read, on a page whose parts are listed there.
function followReading() {
  const links = new Map()
  for (const link of document.querySelectorAll('#contents a[href^="#"]')) {
    links.set(link.hash.slice(1), link)
  }
  let current
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue
        current?.removeAttribute('aria-current')
        current = links.get(target.id)
        current.setAttribute('aria-current', 'true')
        if (!document.body.classList.contains('open')) current.scrollIntoView({ block: 'nearest' })
      }
    },
    { rootMargin: '-20% 0px -75% 0px' }
  )
  for (const id of links.keys()) seen.observe(document.getElementById(id))
}

// Shows where one is in a sidebar that is longer than the window.
function showPlace() {
  const current = document.querySelector('#contents [aria-current="page"]')
  const sidebar = document.getElementById('sidebar')
  if (current && current.offsetTop > sidebar.clientHeight - 80) {
    sidebar.scrollTop = current.offsetTop - sidebar.clientHeight / 2
  }
}

// Every operation was on this page once, at an anchor of its name: such a link goes on to its page.
async function followOldLink() {
  const name = location.hash.slice(1)
  if (location.pathname !== '/docs' || !/^[A-Z]\w+$/.test(name)) return
  if (document.getElementById(name)) return
  const page = `/docs/api/${name}`
  const answer = await fetch(page, { method: 'HEAD' })
  if (answer.ok) location.replace(page)
}

addEventListener('DOMContentLoaded', () => {
  switchLanguages()
  searchPages()
  copyCode()
  followReading()
  showPlace()
  followOldLink()
})
addEventListener('hashchange', followOldLink)
