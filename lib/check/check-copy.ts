import { join } from 'node:path'
import type { StoreParts } from '../open-store'
import type { OpenOptions } from '../types'
import { checkStore } from './check-store'
import type { Finding } from './finding'

/** Looks through a copy of an open store, with the options of that one. */
export async function checkCopy(directory: string, { options, backend }: StoreParts): Promise<Finding[]> {
  const findings: Finding[] = []
  const paths = { storePathRootDir: directory, storePathCommitLog: join(directory, 'commitlog'), readOnlyCommitLogStorePaths: '' }
  const open = { ...options, ...paths, ports: { backend } }
  await checkStore(directory, open as OpenOptions, {
    onFinding: async (finding) => {
      findings.push(finding)
    },
    onProgress: () => undefined,
  })
  return findings
}
