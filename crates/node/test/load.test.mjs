// Which module is loaded, and what is said if there is none.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { binding } from '../index.js'

const folder = mkdtempSync(join(tmpdir(), 'changed-blocks-'))
after(() => rmSync(folder, { recursive: true }))

const BINDING = 'package => package.binding'

/** A copy of the package, with changes, as a program finds it: what it gives, by default which module it loads, or the error. */
function loaded(name, change, variable = '', work = BINDING) {
  const copy = join(folder, name)
  const source = fileURLToPath(new URL('..', import.meta.url))
  for (const part of ['index.js', 'package.json', 'lib', 'native']) {
    cpSync(join(source, part), join(copy, part), { recursive: true })
  }
  change(join(copy, 'native'), copy)
  const program = `
    Promise.resolve()
      .then(() => (${work})(require(process.argv[1])))
      .then(console.log, error => console.log(error.message))
  `
  const env = { ...process.env, CHANGED_BLOCKS_BINDING: variable }
  return spawnSync(process.execPath, ['-e', program, copy], { encoding: 'utf8', env }).stdout.trim()
}

const files = readdirSync(new URL('../native', import.meta.url))
const hasBoth = files.length > 1

test('a module that cannot be loaded gives way to the other one', { skip: !hasBoth && 'there is one module only' }, () => {
  const broken = native => files.filter(file => file.endsWith('.node')).forEach(file => writeFileSync(join(native, file), 'no'))
  assert.equal(loaded('broken', broken), 'wasm')
  assert.match(loaded('broken', broken, 'native'), /^no module of changed-blocks in .* can be loaded: .*\.node: /)
})

test('without a module, every reason is told', () => {
  const message = loaded('none', native => rmSync(native, { recursive: true }))
  assert.match(message, /\.node: .*; changed-blocks\.wasm: /s)
})

test('a module of another version is refused', () => {
  const older = (_, copy) => writeFileSync(join(copy, 'package.json'), '{ "version": "0.0.9" }')
  assert.match(loaded('older', older, binding), /it is of version \d+\.\d+\.\d+, but the package of 0\.0\.9/)
})

const skip = !files.includes('changed-blocks.wasm') && 'there is no such module'

test('a thread that ends without an answer is an error', { skip }, () => {
  const work = 'package => package.extentsAsync("YAAAAA==").catch(error => [error.code, error.message].join(": "))'
  for (const [name, worker, expected] of [
    ['exits', 'process.exit(3)', 'internal: the thread ended with code 3'],
    ['throws', 'throw new Error("no")', 'internal: no'],
  ]) {
    const change = (_, copy) => writeFileSync(join(copy, 'lib/wasm-worker.js'), worker)
    assert.equal(loaded(name, change, 'wasm', work), expected)
  }
})
