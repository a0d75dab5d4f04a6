// The pages work without this, but for the search and the copy buttons.
'use strict'

const root = document.documentElement
const LANGUAGE = /(?:^|; )docs_language=(sh|js|python|go|java)(?:;|$)/

// A page in the cache of the browser may show another language than the one chosen since.
function applyLanguage() {
  const kept = document.cookie.match(LANGUAGE)?.[1]
  if (kept) root.dataset.language = kept
}

applyLanguage() // in the head, before the first paint

// The server shows the chosen language. With a script, no page has to be loaded for it.
function switchLanguages() {
  const tabs = document.querySelectorAll('.languages a')
  const show = () => {
    for (const tab of tabs) {
      if (tab.dataset.languages.split(' ').includes(root.dataset.language)) {
        tab.setAttribute('aria-current', 'true')
      } else tab.removeAttribute('aria-current')
    }
  }
  const again = () => {
    applyLanguage()
    show()
  }
  document.addEventListener('click', (event) => {
    const tab = event.target.closest('.languages a')
    if (!tab || event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    const language = tab.dataset.languages.split(' ')[0]
    // All samples change their height at once: keep the clicked one where it is.
    const top = tab.getBoundingClientRect().top
    root.dataset.language = language
    const secure = location.protocol === 'https:' ? '; Secure' : ''
    document.cookie = `docs_language=${language}; Max-Age=31536000; Path=/docs; SameSite=Lax${secure}`
    show()
    scrollBy({ top: tab.getBoundingClientRect().top - top, behavior: 'instant' })
  })
  addEventListener('pageshow', again)
  document.addEventListener('visibilitychange', again)
  show()
}

function openMenu(open) {
  document.body.classList.toggle('open', open)
  document.getElementById('menu').setAttribute('aria-expanded', String(open))
}

const MOST = 30 // results that are shown

// Weights of a whole word by the place where it occurs; a prefix of a word counts half.
const TITLE = 12
const HEADING = 9 // of a section
const FIELD = 4
const KIND = 3 // group of an operation, title of a section's guide
const TEXT = 1
const PHRASE = 5 // added where a title has the typed words in their order
const GUIDE = 2 // added for the title of a guide
const SYNONYM = 0.7 // factor of a synonym of the typed term

const wordsOf = (text) => text.toLowerCase().match(/[a-z0-9_]+/g) ?? []

// Ranks the items of the index of search.py: title, heading, field, text.
class Search {
  constructor(index) {
    this.items = index.items
    this.stop = new Set(index.stop)
    this.words = Search.sorted(index.words)
    this.fields = Search.sorted(index.fields)
    this.synonyms = index.synonyms
    // The status belongs to the name of an error: "429" means RATE_LIMITED.
    this.titles = index.items.map(([kind, title]) =>
      wordsOf(kind.startsWith('Error ') ? `${title} ${kind}` : title)
    )
    this.kinds = index.items.map(([kind]) => wordsOf(kind))
  }

  find(text) {
    const typed = this.terms(wordsOf(text))
    const telling = typed.filter((term) => !this.stop.has(term))
    const terms = telling.length ? telling : typed
    const found = new Map()
    for (const term of terms)
      for (const [at, hit] of this.hits(term)) {
        const had = found.get(at)
        if (had) found.set(at, { score: had.score + hit.score, field: had.field ?? hit.field, terms: had.terms + 1 })
        else found.set(at, { ...hit, terms: 1 })
      }
    for (const [at, { terms: matched }] of found) if (matched < terms.length) found.delete(at)
    // Words that are the name of a field together: "external id" means external_id.
    const name = terms.length > 1 ? terms.join('_') : ''
    for (const [, distances] of name ? this.fields.filter(([one]) => one === name) : [])
      for (const at of Search.positions(distances)) {
        const hit = found.get(at)
        if (hit) Object.assign(hit, { score: hit.score + FIELD, field: name })
      }
    const whole = wordsOf(text).join(' ')
    for (const [at, hit] of found) {
      const title = this.titles[at].join(' ')
      if (title === whole) hit.score += 2 * TITLE
      else if (typed.length > 1 && ` ${title} `.includes(` ${whole} `)) hit.score += PHRASE
    }
    return [...found]
      .sort(([a, one], [b, other]) => other.score - one.score || a - b)
      .map(([at, { field }]) => [...this.items[at], field])
  }

  // Returns the typed words, those of a phrase with synonyms as one term: "single sign on".
  terms(words) {
    const terms = []
    for (let at = 0; at < words.length; ) {
      let length = Math.min(3, words.length - at)
      while (length > 1 && !this.synonyms[words.slice(at, at + length).join(' ')]) length -= 1
      terms.push(words.slice(at, at + length).join(' '))
      at += length
    }
    return terms
  }

  // Returns the best hit of a term or one of its synonyms for each item.
  hits(term) {
    const best = new Map()
    const singular = Search.singular(term)
    const others = this.synonyms[term] ?? this.synonyms[singular] ?? []
    for (const phrase of [term, ...others]) {
      const factor = phrase === term ? 1 : SYNONYM
      for (const [at, { score, field }] of this.phrase(phrase)) {
        const had = best.get(at)
        if (!had || had.score < score * factor) best.set(at, { score: score * factor, field: field ?? had?.field })
      }
    }
    return best
  }

  // Returns the items that have all words of a phrase.
  phrase(phrase) {
    const all = phrase.split(' ')
    const words = all.filter((word) => !this.stop.has(word))
    let found = null
    for (const word of words.length ? words : all) {
      const hits = this.word(word)
      if (found)
        for (const [at, hit] of hits) {
          const had = found.get(at)
          if (had) hits.set(at, { score: (had.score + hit.score) / 2, field: had.field ?? hit.field })
          else hits.delete(at)
        }
      found = hits
    }
    if (all.length > 1)
      for (const [at, hit] of found) if (` ${this.titles[at].join(' ')} `.includes(` ${phrase} `)) hit.score += PHRASE
    return found
  }

  word(typed) {
    const word = Search.singular(typed)
    const hits = new Map()
    const add = (at, score, field) => {
      const hit = hits.get(at) ?? { score: this.named(at, word) }
      hits.set(at, { score: Math.max(hit.score, score), field: hit.field ?? field })
    }
    const stem = word.endsWith('y') ? word.slice(0, -1) : word // of "directory" and "directories"
    for (const [name, distances] of Search.beginning(this.words, stem)) {
      const exact = Search.singular(name) === word
      if (!exact && !name.startsWith(word)) continue
      for (const at of Search.positions(distances)) add(at, exact ? TEXT : TEXT / 2)
    }
    for (const [name, distances] of Search.beginning(this.fields, word)) {
      const exact = Search.singular(name) === word
      for (const at of Search.positions(distances)) add(at, exact ? FIELD : FIELD / 2, exact ? name : undefined)
    }
    return hits
  }

  // Returns the weight of a word in the title and the kind of an item; a short title weighs more.
  named(at, word) {
    const of = (words, weight) => {
      const index = words.findIndex((one) => Search.singular(one) === word)
      if (index >= 0) return weight + 2 / words.length + (index ? 0 : 1)
      return words.some((one) => one.startsWith(word)) ? weight / 2 + 1 / words.length : 0
    }
    const [kind, , url] = this.items[at]
    const title = of(this.titles[at], kind.includes(' › ') ? HEADING : TITLE)
    const isGuide = title >= TITLE && !/^\/docs\/(api\/|errors#|events#)/.test(url)
    return title + (isGuide ? GUIDE : 0) + of(this.kinds[at], KIND)
  }

  static singular(word) {
    if (word.length > 4 && word.endsWith('ies')) return `${word.slice(0, -3)}y`
    return word.length > 3 && word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word
  }

  static *positions(distances) {
    let at = 0
    for (const distance of distances) yield (at += distance)
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
