// The npm client (xen-api), as Xen Orchestra uses it, against `cbt serve`: with events, and in tasks.
//
//     node xen-api.mjs CBT
//
// xen-api has to be installed where node looks for it from the current folder.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const found = createRequire(pathToFileURL(join(process.cwd(), 'x.js'))).resolve('xen-api')
const { createClient } = await import(pathToFileURL(found))

const [, , cbt] = process.argv
const DISK = '00000000-0000-0000-0000-000000000001'

/** The blocks of a bitmap: the first one is the most significant bit of the first byte. */
function changed(base64) {
  const blocks = []
  for (const [i, byte] of Buffer.from(base64, 'base64').entries()) {
    for (let bit = 0; bit < 8; bit++) {
      if ((byte >> (7 - bit)) & 1) {
        blocks.push(i * 8 + bit)
      }
    }
  }
  return blocks
}

async function sequence(xapi, store) {
  await xapi.connect()
  await xapi.objectsFetched
  const disk = xapi.getObjectByUuid(DISK)
  assert.equal(disk.virtual_size, 64 << 20)
  assert.equal(disk.cbt_enabled, true)
  const older = await xapi.callAsync('VDI.snapshot', disk.$ref)
  for (const block of [0, 9, 1023]) {
    execFileSync(cbt, ['store', 'mark', store, DISK, '--offset', String(block * 65536), '--length', '1'])
  }
  const newer = await xapi.call('VDI.snapshot', disk.$ref)
  // Events have told of it once this is over.
  await xapi.barrier(newer)
  assert.equal(xapi.getObjectByRef(newer).snapshot_of, disk.$ref)
  assert.deepEqual(changed(await xapi.call('VDI.list_changed_blocks', older, newer)), [0, 9, 1023])
  assert.deepEqual(changed(await xapi.callAsync('VDI.list_changed_blocks', older, newer)), [0, 9, 1023])
  for (const call of ['call', 'callAsync']) {
    await assert.rejects(xapi[call]('VDI.list_changed_blocks', newer, older), error => {
      assert.equal(error.code, 'SR_BACKEND_FAILURE_460')
      assert.match(error.params[1], /\[opterr=Source and target VDI are unrelated\]$/)
      return true
    })
  }
  await xapi.callAsync('VDI.data_destroy', older)
  assert.equal(await xapi.getField('VDI', older, 'type'), 'cbt_metadata')
  await aroundAListing(xapi, disk.$ref, newer)
  await xapi.disconnect()
}

/** What Xen Orchestra's backups do before and after a listing, by this client. */
async function aroundAListing(xapi, disk, snapshot) {
  await xapi.setField('VDI', snapshot, 'name_label', '[XO Backup] disk')
  await xapi.setFieldEntries('VDI', snapshot, 'other_config', {
    'xo:backup:job': 'job',
    'xo:backup:datetime': '20260101T00:00:00Z',
  })
  await xapi.setFieldEntry('VDI', snapshot, 'other_config', 'xo:backup:job', null)
  await xapi.barrier(snapshot)
  const { name_label, other_config, snapshot_of } = xapi.getObjectByRef(snapshot)
  assert.deepEqual(
    { name_label, other_config, snapshot_of },
    {
      name_label: '[XO Backup] disk',
      other_config: { 'xo:backup:datetime': '20260101T00:00:00Z' },
      snapshot_of: disk,
    }
  )
  const where = 'field "other_config" = "()" or not field "is_a_snapshot" = "true"'
  assert.equal(Object.keys(await xapi.call('VDI.get_all_records_where', where)).includes(snapshot), false)
  await xapi.callAsync('VDI.resize', disk, 65 << 20)
  assert.equal(await xapi.getField('VDI', disk, 'virtual_size'), 65 << 20)
  assert.deepEqual(await xapi.call('VDI.get_nbd_info', snapshot), [])
  assert.deepEqual(await xapi.call('VM.get_all_records'), {})
  await assert.rejects(xapi.call('VM.get_by_uuid', DISK), { code: 'UUID_INVALID' })
  // As it is called there.
  const task = await xapi.call('task_create', '[XO] Backup', '')
  await xapi.call('task.set_progress', task, 0.5)
  await xapi.call('task_set_status', task, 'success')
  await xapi.call('task.destroy', task)
  const own = await xapi.createTask('a task', 'of the client')
  await xapi.call('task.destroy', own)
}

for (const tls of [[], ['--tls']]) {
  const store = mkdtempSync(join(tmpdir(), 'xen-api-'))
  execFileSync(cbt, ['store', 'create', store, DISK, '--virtual-size', '64M'])
  const server = spawn(cbt, ['serve', '--store', store, '--listen', '127.0.0.1:0', ...tls], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const told = {}
  for await (const line of createInterface(server.stdout)) {
    const [name, value] = line.split(' ')
    told[name] = value
    if (name === 'password') {
      break
    }
  }
  try {
    const auth = { user: 'root', password: told.password }
    await sequence(createClient({ url: told.url, auth, allowUnauthorized: true, watchEvents: true }), store)
  } finally {
    server.kill()
    rmSync(store, { recursive: true })
  }
  console.log(`xen-api ${told.url.split(':')[0]}: ok`)
}
process.exit(0)
