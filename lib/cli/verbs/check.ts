import { checkStore, type CheckSummary } from '../../check/check-store'
import { findingKinds, type Finding } from '../../check/finding'
import { ExitCode } from '../exit-code'
import type { Painter } from '../screen'
import { countOf, countText } from '../units'
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
      onFinding: (finding) => output.line(isJson ? JSON.stringify(asJson(finding)) : asText(finding, output.paint)),
      onProgress: (progress) => output.progress(progress),
    })
    if (isJson) {
      const { holder = null, ...counts } = summary
      await output.json({ ...counts, holder })
    } else {
      const { findings, holder } = summary
      await output.line(`${output.paint(findings === 0 ? 'green' : 'yellow', findings === 0 ? 'no findings' : countOf(findings, 'finding'))}: ${describeCounts(summary)}`)
      if (holder !== undefined) output.message(`${holder} has the store open: what it has not written yet was not looked for`)
    }
    return summary.findings === 0 ? ExitCode.fine : ExitCode.findings
  },
}

function asJson({ file, offset, what, bytes, kind }: Finding): object {
  return { file, offset, what, bytes, repair: findingKinds[kind].repair, kind }
}

function asText({ file, offset, what, bytes, kind }: Finding, paint: Painter): string {
  return `${file} at ${offset}: ${paint('yellow', what)} (${countOf(bytes, 'byte')})\n    repair: ${findingKinds[kind].repair}`
}

function describeCounts({ records, segments, queueEntries, queues, indexEntries, indexFiles }: CheckSummary): string {
  return `${countOf(records, 'message')} in ${countOf(segments, 'segment')}, ${countText(queueEntries)} entries of ${countOf(queues, 'queue')}, ` +
    `${countText(indexEntries)} of ${countOf(indexFiles, 'index file')}`
}
