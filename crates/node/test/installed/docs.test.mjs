// The program of docs/node.md and the example of the package's README, in a folder where the package is installed.
//
//     REPOSITORY=… node --test docs.test.mjs

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const { REPOSITORY } = process.env

/** The text of all fenced blocks of that language. */
function blocks(document, language) {
  const text = readFileSync(join(REPOSITORY, document), 'utf8')
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(match => match[1] === language).map(match => match[2])
}

/** Whether lines are the expected ones; a line `[…]` stands for any number of lines. */
function linesMatch(expected, found) {
  if (expected.length === 0) {
    return found.length === 0
  }
  const [line, ...rest] = expected
  return line === '[…]'
    ? found.some((_, skipped) => linesMatch(rest, found.slice(skipped))) || linesMatch(rest, [])
    : found.length > 0 && found[0] === line && linesMatch(rest, found.slice(1))
}

test('the program of the page prints what stands below it', () => {
  const [program] = blocks('docs/node.md', 'js')
  writeFileSync('plan.mjs', program)
  const data = join(REPOSITORY, 'tests/data')
  for (const file of readdirSync(data).filter(name => name.endsWith('.b64'))) {
    symlinkSync(join(data, file), file)
  }
  const [console] = blocks('docs/node.md', 'console')
  const steps = console.split(/^\$ /m).slice(1)
  assert(steps.length > 1)
  for (const step of steps) {
    const [command, ...expected] = step.trimEnd().split('\n')
    const { stdout } = spawnSync('sh', ['-c', `exec 2>&1\n${command}`], { encoding: 'utf8' })
    const found = stdout.trimEnd().split('\n')
    assert(linesMatch(expected, found), `$ ${command}\n${stdout}`)
  }
})

test("the program's exit codes are those of its next steps", () => {
  for (const [args, status, words] of [
    [[], 2, /^usage: /],
    [['1099511627776'], 2, /^usage: /],
    [['1M', 'missing.b64'], 2, /^wrong-usage: /],
    [['1M', 'file-server-day.b64'], 2, /^wrong-usage: /],
    [['1099511627776', 'missing.b64'], 1, /^operator: .*ENOENT/],
    [['1073741824', 'file-server-day.b64'], 3, /^full-backup: /],
    [['1099511627776', 'file-server-day.b64'], 0, /^$/],
  ]) {
    const run = spawnSync(process.execPath, ['plan.mjs', ...args], { encoding: 'utf8' })
    assert.equal(run.status, status, `${args}: ${run.stderr}`)
    assert.match(run.stderr, words)
  }
})

test("the README's example prints what its comments say", () => {
  const [example] = blocks('crates/node/README.md', 'js')
  const expected = [...example.matchAll(/^console\.log.* \/\/ (.*)$/gm)].map(match => match[1])
  assert(expected.length > 1)
  const found = execFileSync(process.execPath, ['-e', example], { encoding: 'utf8' })
  // Long arrays are shown in several lines.
  assert.deepEqual(found.replace(/\s+/g, ' ').trim(), expected.join(' '))
})
