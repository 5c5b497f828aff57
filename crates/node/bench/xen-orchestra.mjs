// The changed blocks of 2 MiB as a list, by @xen-orchestra/xapi and by this package: the first call in a process, from the
// string that a client gets to numbers. Medians of processes that alternate; memory is what the call adds at its peak.
//
//     node bench.mjs FILE VIRTUAL_SIZE
//
// In a folder where both are installed, as for test/xen-orchestra.mjs.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const TURNS = 11
const AT = 2 * 1024 * 1024

/** The highest memory of this process so far, in MiB. */
const peak = () => Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024

const subjects = {
  async theirs(virtualSize) {
    const { XapiVhdCbtSource } = await import('@xen-orchestra/xapi/disks/XapiVhdCbt.mjs')
    let text
    const xapi = {
      getField: async (type, ref, field) => (field === 'virtual_size' ? Number(virtualSize) : true),
      VDI_listChangedBlock: async () => Buffer.from(text, 'base64'),
    }
    return async answer => {
      text = answer
      const disk = new XapiVhdCbtSource({ vdiRef: 'to', baseRef: 'from', xapi, onlyListChangedBlocks: true })
      await disk.init()
      return disk.getBlockIndexes()
    }
  },
  async ours(virtualSize) {
    const { blocks } = await import('changed-blocks')
    return async answer => blocks(answer, { virtualSize, at: AT }).toUint32Array()
  },
}

const [file, virtualSize, subject] = process.argv.slice(2)
if (subject !== undefined) {
  const call = await subjects[subject](virtualSize)
  const answer = readFileSync(file, 'latin1').trim()
  // The peak up to now is that of reading the file: it is reset.
  gc()
  const { writeFileSync } = await import('node:fs')
  writeFileSync('/proc/self/clear_refs', '5')
  const before = peak()
  const start = performance.now()
  const list = await call(answer)
  const ms = performance.now() - start
  console.log(JSON.stringify({ ms, mib: peak() - before, blocks: list.length, sum: list.reduce((a, b) => a + b, 0) }))
} else {
  const results = { theirs: [], ours: [] }
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [name, list] of Object.entries(results)) {
      const args = ['--expose-gc', fileURLToPath(import.meta.url), file, virtualSize, name]
      list.push(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })))
    }
  }
  const kinds = new Set(Object.values(results).flat().map(({ blocks, sum }) => `${blocks} ${sum}`))
  if (kinds.size !== 1) {
    throw new Error(`different blocks: ${[...kinds].join(', ')}`)
  }
  const median = (name, figure) => results[name].map(result => result[figure]).sort((a, b) => a - b)[TURNS >> 1]
  for (const name of Object.keys(results)) {
    console.log(`${name.padEnd(7)} ${median(name, 'ms').toFixed(1)} ms, ${median(name, 'mib').toFixed(1)} MiB`)
  }
  const ratio = figure => (median('theirs', figure) / median('ours', figure)).toFixed(1)
  console.log(`${results.ours[0].blocks} blocks; ${ratio('ms')} times as fast, in 1/${ratio('mib')} of the memory`)
}
