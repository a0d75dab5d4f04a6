// The page works without this, but for the language switch, the filter and the copy buttons.
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

function filterOperations() {
  const filter = document.getElementById('filter')
  const sidebar = document.getElementById('sidebar')
  const items = [...sidebar.querySelectorAll('[data-words]')]
  const visible = () => items.filter((item) => !item.hidden).map((item) => item.firstElementChild)

  filter.addEventListener('input', () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean)
    for (const item of items) {
      item.hidden = !words.every((word) => item.dataset.words.includes(word))
    }
    const found = visible().length
    for (const list of sidebar.querySelectorAll('ul:not([data-guide])')) {
      list.previousElementSibling.hidden = !list.querySelector('li:not([hidden])')
    }
    sidebar.querySelector('[data-guide]').hidden = words.length > 0
    document.getElementById('nothing').hidden = found > 0
    document.getElementById('found').textContent = words.length ? `${found} found` : ''
  })
  filter.addEventListener('keydown', (event) => {
    const [first] = visible()
    if (event.key === 'Escape') {
      filter.value = ''
      filter.dispatchEvent(new Event('input'))
      filter.blur()
    } else if (event.key === 'Enter' && first) {
      first.click()
    } else if (event.key === 'ArrowDown' && first) {
      event.preventDefault()
      first.focus()
    }
  })
  sidebar.addEventListener('keydown', (event) => {
    const links = visible()
    const at = links.indexOf(event.target)
    if (at < 0 || !['ArrowDown', 'ArrowUp'].includes(event.key)) return
    event.preventDefault()
    const next = event.key === 'ArrowDown' ? links[at + 1] : (links[at - 1] ?? filter)
    next?.focus()
  })
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') openMenu(false)
    const typing = event.target.matches('input, textarea') && event.target.type !== 'radio'
    if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    openMenu(true)
    filter.focus()
    filter.select()
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

// Marks in the sidebar what is being read.
function followReading() {
  const links = new Map()
  for (const link of document.querySelectorAll('#sidebar a')) links.set(link.hash.slice(1), link)
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

addEventListener('DOMContentLoaded', () => {
  switchLanguages()
  filterOperations()
  copyCode()
  followReading()
})
