import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { plotWorkload } from './plot.js'
import { describeReport } from './report.js'

const results = fileURLToPath(new URL('results', import.meta.url))

/** Table, JSON and a picture for each workload, in a directory for the run. @returns the directory */
export function saveReport(report, parent = results) {
  const directory = join(parent, report.machine.date.replaceAll(':', '-'))
  mkdirSync(directory, { recursive: true })
  const save = (name, content) => writeFileSync(join(directory, name), content)
  save('report.json', `${JSON.stringify(report, null, 2)}\n`)
  save('report.txt', `${describeReport(report)}\n`)
  for (const workload of report.workloads) save(`${workload.name}.svg`, plotWorkload(workload, report))
  return directory
}
