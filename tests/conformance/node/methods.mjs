// Print every method of the official Node SDK, one a line, as an application spells it. Those that
// its declarations call private are left out.

import { readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

import sdk from '@scalekit-sdk/node'

const folder = dirname(createRequire(import.meta.url).resolve('@scalekit-sdk/node'))
const hidden = {} // names by class
for (const name of readdirSync(folder).filter((name) => name.endsWith('.d.ts'))) {
  const [, ...classes] = readFileSync(join(folder, name), 'utf8').split(/^(?:\w+ )*class (?=\w)/m)
  for (const declared of classes) {
    const privates = declared.matchAll(/private (?:readonly )?(\w+);/g)
    hidden[declared.match(/\w+/)[0]] = [...privates].map(([, member]) => member)
  }
}

const client = new sdk.ScalekitClient('https://localhost', 'nobody', 'nothing')

function print(object, prefix) {
  const type = object.constructor
  const shown = (name) => name !== 'constructor' && !hidden[type.name].includes(name)
  for (const [name, value] of Object.entries(object).filter(([name]) => shown(name))) {
    if (typeof value === 'function') console.log(prefix + name)
    else if (value?.constructor.name in hidden) print(value, `${name}.`)
  }
  for (const name of Object.getOwnPropertyNames(type.prototype).filter(shown)) {
    console.log(prefix + name)
  }
}

print(client, '')
