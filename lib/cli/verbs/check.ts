import { checkStore } from '../../check/check-store'
import { findingKinds, type Finding } from '../../check/finding'
import { ExitCode } from '../exit-code'
import type { Verb } from '../verb'

export const check: Verb = {
  name: 'check',
  operands: 'DIR',
  summary:
    'Reads all files and prints every finding: log against queues against index, both ways, and what does not belong there. Changes ' +
    'nothing. Beside a running writer, what that has not written yet is no finding.',
  options: [{ name: 'json', description: 'prints NDJSON: the findings, then a summary' }],
  example: 'mqstore check ./store --json',
  async run({ output, arguments: given, openOptions }) {
    const isJson = given.has('json')
    const summary = await checkStore(given.positionals[0]!, openOptions, {
      onFinding: (finding) => output.line(isJson ? JSON.stringify(asJson(finding)) : asText(finding)),
      onProgress: (text) => output.progress(text),
    })
    if (isJson) {
      const { holder = null, ...counts } = summary
      await output.json({ ...counts, holder })
    } else {
      const { findings, records, segments, queueEntries, queues, indexEntries, indexFiles, holder } = summary
      const counts = `${records} messages in ${segments} segments, ${queueEntries} entries of ${queues} queues, ${indexEntries} of ${indexFiles} index files`
      await output.line(`${findings === 0 ? 'no' : findings} finding${findings === 1 ? '' : 's'}: ${counts}`)
      if (holder !== undefined) output.message(`${holder} has the store open: what it has not written yet was not looked for`)
    }
    return summary.findings === 0 ? ExitCode.fine : ExitCode.findings
  },
}

function asJson({ file, offset, what, bytes, kind }: Finding): object {
  return { file, offset, what, bytes, repair: findingKinds[kind].repair, kind }
}

function asText({ file, offset, what, bytes, kind }: Finding): string {
  return `${file} at ${offset}: ${what} (${bytes} bytes)\n    repair: ${findingKinds[kind].repair}`
}
