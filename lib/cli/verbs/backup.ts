import { resolve } from 'node:path'
import { assertIsStore } from '../../open-store'
import { selectBackend } from '../../storage/backend'
import { MessageStore } from '../../store'
import type { BackupResult } from '../../types'
import { ExitCode } from '../exit-code'
import { listRows, row, type Painter } from '../screen'
import { bytesText, countOf, countText } from '../units'
import type { Verb, VerbContext } from '../verb'

export const backup: Verb = {
  name: 'backup',
  operands: 'DIR TARGET',
  summary:
    'Copies a store that no process has open to TARGET, where it can be opened as a store. Files that nobody writes to any more are ' +
    'shared, by a second name, where both are on one file system; a backup of the store that is in TARGET already is replaced once ' +
    'the new one is whole. A store that is open is copied by its own process: store.backup(TARGET).',
  options: [
    { name: 'from', value: 'DIRECTORY', description: 'a backup made before, of which unchanged files are taken over; default the one in TARGET' },
    { name: 'verify', description: 'checks the whole copy before it takes its place' },
    { name: 'json', description: 'prints one JSON object' },
  ],
  example: 'mqstore backup ./store /backups/store --verify',
  exits: 'Exit code 1: --verify has found something, or the backup was interrupted, and TARGET is as it was. 3: a process has the store open.',
  async run(context) {
    const { terminal, output, arguments: given } = context
    const signal = terminal.catchInterrupt()
    try {
      const result = await copy(context, signal)
      if (given.has('json')) await output.json(result)
      else for (const line of describe(result, output.paint)) await output.line(line)
      return (result.findings?.length ?? 0) === 0 ? ExitCode.fine : ExitCode.findings
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error
      output.message('interrupted: the target is as it was')
      return ExitCode.findings
    }
  },
}

async function copy({ arguments: given, openOptions, output }: VerbContext, signal: AbortSignal): Promise<BackupResult> {
  const [directory, target] = given.positionals as [string, string]
  assertIsStore(selectBackend(openOptions.backend ?? 'auto').files, resolve(directory))
  const store = await MessageStore.open(directory, {
    ...openOptions,
    readOnly: false,
    recovery: { onProgress: (progress) => output.progress(progress) },
  })
  try {
    const from = given.text('from')
    return await store.backup(target, {
      ...(from !== undefined && { from }),
      verify: given.has('verify'),
      signal,
      onProgress: (progress) => output.progress({ ...progress, unit: 'bytes' }),
    })
  } finally {
    await store.close()
  }
}

function describe({ directory, files, linkedBytes, copiedBytes, logEnd, findings }: BackupResult, paint: Painter): string[] {
  return [
    row('backup', directory, paint),
    row('messages', `up to offset ${countText(logEnd)} of the log`, paint),
    row('shared', `${bytesText(linkedBytes)}, with the store or a backup before`, paint),
    row('copied', `${bytesText(copiedBytes)}; ${countOf(files, 'file')} in all`, paint),
    ...(findings === undefined ? [] : describeFindings(findings, paint)),
  ]
}

function describeFindings(findings: NonNullable<BackupResult['findings']>, paint: Painter): string[] {
  if (findings.length === 0) return [row('checked', 'nothing is wrong with it', paint)]
  return listRows('findings', findings, ({ file, offset, what, bytes }) => `${file} at ${offset}: ${what} (${bytesText(bytes)})`, { paint })
}
